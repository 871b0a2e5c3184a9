//! Hundreds of edits at random under `todo watch`, faster than it can follow: in the end the cluster is what a fresh `up` of
//! the tree makes, nothing is left over, and the memory has not grown.
//!
//! `TODO_SOAK_EDITS` is their number (500), `TODO_SOAK_SEED` the chance; a failed run prints the seed.

use crate::real::harness::Harness;
use crate::real::http;
use crate::real::watch::Watch;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

const NAMESPACE: &str = "todo-watch-page";
const DOCKERFILE: &str =
    "FROM nginx:alpine\nCOPY site /usr/share/nginx/html\nCOPY index.html /usr/share/nginx/html/\n";

/// How long nothing may happen until the loop is done with all edits.
const QUIET: Duration = Duration::from_secs(8);

/// By how much the memory may grow between the first tenth of the edits and the end, in KiB.
const GROWTH: u64 = 16 * 1024;

/// xorshift64.
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
#[ignore = "needs minikube, and a quarter of an hour"]
fn after_hundreds_of_edits_the_cluster_is_what_a_fresh_up_makes() {
    let (edits, seed) = (number("TODO_SOAK_EDITS", 500), number("TODO_SOAK_SEED", 2026));
    println!("TODO_SOAK_EDITS={edits} TODO_SOAK_SEED={seed}");
    let mut chance = Rng(seed | 1);
    let harness = Harness::lent_or("todo-soak", "tests/fixtures/watch");
    fs::write(harness.path("Dockerfile"), DOCKERFILE).unwrap();
    fs::write(harness.path(".dockerignore"), "*\n!index.html\n!site\n").unwrap();
    fs::create_dir_all(harness.path("site/below")).unwrap();
    for name in 0..5 {
        fs::write(harness.path(&format!("site/page{name}.html")), "first\n").unwrap();
    }
    let mut watch = Watch::start(&harness);
    let url = watch.round()["url"].as_str().unwrap().to_owned();
    let mut early = 0;
    let events = watch.in_background();
    for edit in 0..edits {
        if edit == edits / 2 {
            harness.docker(&["restart", harness.node()]);
        }
        // A mistake lasts for two edits on average.
        if chance.below(2) == 0 {
            repair(&harness);
        }
        let what = one(&harness, &mut chance, edit);
        println!("edit {edit}: {what}");
        std::thread::sleep(Duration::from_millis(chance.below(1_200) as u64));
        if edit == edits / 10 {
            early = events.memory();
        }
        if edit % (edits / 10).max(1) == 0 {
            println!("memory: {} KiB", events.memory());
        }
    }
    repair(&harness);
    harness.edit("index.html", "version", "the last edit of version");
    let last = events.quiet(QUIET);
    assert_eq!(last["event"], "round-finished", "seed {seed}: {last}");
    http::get_until(&url, "the last edit");
    let (late, synced) = (events.memory(), trees(&harness));
    println!("memory: {early} KiB, then {late} KiB");
    assert!(late < early + GROWTH, "seed {seed}: memory grew from {early} to {late} KiB");
    events.end();
    left_over(&harness);

    harness.up();
    let fresh = trees(&harness);
    let content = |trees: &BTreeMap<String, String>| {
        let mut all: Vec<String> = trees.values().cloned().collect();
        all.dedup();
        all
    };
    assert_eq!(content(&synced), content(&fresh), "seed {seed}");
    assert_eq!(content(&fresh).len(), 1, "all replicas are alike");
    assert!(!harness.todo(&["status"]).stdout.contains("newer than its image"));
    left_over(&harness);
}

/// Leaves no mistake in the files.
fn repair(harness: &Harness) {
    for (file, wrong, right) in
        [("Dockerfile", "COPPY", "COPY"), ("k8s/page.yaml", "kind: [Deployment", "kind: Deployment")]
    {
        let text = fs::read_to_string(harness.path(file)).unwrap();
        fs::write(harness.path(file), text.replace(wrong, right)).unwrap();
    }
}

/// One edit, or a harm; what it was.
fn one(harness: &Harness, chance: &mut Rng, number: u64) -> String {
    let content = format!("edit {number} {}\n", "x".repeat(chance.below(200)));
    let files = pages(harness);
    let file = files[chance.below(files.len())].clone();
    let shown = file.display().to_string();
    match chance.below(20) {
        0..=6 => {
            fs::write(&file, content).unwrap();
            format!("{shown} saved")
        }
        7 | 8 => {
            let new = file.with_extension("tmp~");
            fs::write(&new, content).unwrap();
            fs::rename(&new, &file).unwrap();
            format!("{shown} saved by a rename")
        }
        9 | 10 => {
            let folder = if chance.below(2) == 0 { "site" } else { "site/below" };
            fs::write(harness.path(&format!("{folder}/new{number}.html")), content).unwrap();
            format!("{folder}/new{number}.html is new")
        }
        11 => {
            let to = harness.path(&format!("site/moved{number}.html"));
            fs::rename(&file, to).unwrap();
            format!("{shown} moved to moved{number}.html")
        }
        12 if files.len() > 3 => {
            fs::remove_file(&file).unwrap();
            format!("{shown} removed")
        }
        13 => {
            for file in &files {
                fs::write(file, &content).unwrap();
            }
            format!("all {} files saved", files.len())
        }
        14 => toggled(harness, "Dockerfile", "COPY site", "COPPY site"),
        15 => {
            let broken = fs::read_to_string(harness.path("Dockerfile")).unwrap().contains("COPPY");
            let copies =
                if broken { DOCKERFILE.replace("COPY site", "COPPY site") } else { DOCKERFILE.to_owned() };
            fs::write(harness.path("Dockerfile"), format!("{copies}ENV EDIT={number}\n")).unwrap();
            "Dockerfile has a new ENV".to_owned()
        }
        16 => toggled(harness, "k8s/page.yaml", "replicas: 1", "replicas: 2"),
        17 => toggled(harness, "k8s/page.yaml", "kind: Deployment", "kind: [Deployment"),
        _ => {
            let pods = harness
                .command("kubectl")
                .args(["--context", harness.node(), "delete", "pod", "-n", NAMESPACE])
                .args(["-l", "app=page", "--wait=false", "--request-timeout=5s"])
                .output();
            format!("pods deleted: {}", pods.is_ok_and(|output| output.status.success()))
        }
    }
}

/// Replaces one by the other, whichever is there.
fn toggled(harness: &Harness, file: &str, one: &str, other: &str) -> String {
    let text = fs::read_to_string(harness.path(file)).unwrap();
    let new = if text.contains(other) { text.replace(other, one) } else { text.replace(one, other) };
    assert_ne!(new, text);
    fs::write(harness.path(file), new).unwrap();
    format!("{file} has {one} or {other}")
}

fn pages(harness: &Harness) -> Vec<PathBuf> {
    let folders = ["site", "site/below"].map(|folder| fs::read_dir(harness.path(folder)).unwrap());
    let files = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Every file that the pods serve, with its hash, owner and mode.
fn trees(harness: &Harness) -> BTreeMap<String, String> {
    let pods = harness.objects_in(NAMESPACE, "pods");
    let stays = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let names = stays.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned());
    let script = "cd /usr/share/nginx/html && find . -type f | sort | xargs stat -c '%n %u:%g %a' && find . -type f | sort | xargs sha256sum";
    names
        .map(|name| {
            let tree = harness.kubectl(&["exec", "-n", NAMESPACE, &name, "--", "sh", "-c", script]);
            (name, tree)
        })
        .collect()
}

/// Nothing may stay of the loop's own: no lock, and no container that was only made to be looked at.
fn left_over(harness: &Harness) {
    let leases: Vec<Value> = harness.objects_in(NAMESPACE, "leases");
    assert!(leases.is_empty(), "{leases:?}");
    harness.node_runs("test -z \"$(docker ps -aq --filter status=created)\"");
}
