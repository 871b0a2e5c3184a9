//! Texts of others, garbled at random under a seed: what reads them never panics and always ends.
//!
//! Not a fuzzer that looks for new paths: each begins as a good text of this repository and is cut, doubled, swapped and
//! sprinkled with what parsers stumble over.

use crate::campaign::random::Rng;
use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
use dockerfile::Ask;
use dockerfile::Dockerfile;
use dockerfile::ignore::Ignore;
use jiff::Timestamp;
use prost::Message;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;
use todo::cluster::Dump;
use todo::cluster::explain;
use todo::image::progress::Progress;
use todo::manifest;
use todo::manifest::dump::Part;
use todo::project;
use todo::rehearsal::scenario;

/// Texts of each sort.
const COUNT: u64 = 400;

/// How long one text may take, on a busy machine and without optimisation.
const LIMIT: Duration = Duration::from_secs(5);

const STUMBLES: [&str; 24] = [
    "\0",
    "\u{feff}",
    "\u{202e}",
    "\u{1b}[31m",
    "\r",
    "\r\n",
    "\t",
    "\\",
    "\"",
    "'",
    "${",
    "}",
    "[[",
    "]]",
    "&a ",
    "*a ",
    "<<: ",
    "- - - -",
    "{{",
    "#",
    "!!binary ",
    "99999999999999999999",
    "-1",
    "é",
];

fn garbled(good: &[u8], chance: &mut Rng) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=chance.below(6) {
        let at =
            |chance: &mut Rng, bytes: &[u8]| usize::try_from(chance.below(bytes.len() as u64 + 1)).unwrap();
        let (one, other) = (at(chance, &bytes), at(chance, &bytes));
        let (from, to) = (one.min(other), one.max(other).min(one.min(other) + 200));
        match chance.below(6) {
            0 => drop(bytes.drain(from..to)),
            1 => {
                let piece = bytes[from..to].to_vec();
                bytes.splice(from..from, piece);
            }
            2 => bytes.truncate(one),
            3 => {
                let stumble = chance.pick(&STUMBLES).repeat(usize::try_from(1 + chance.below(40)).unwrap());
                bytes.splice(one..one, stumble.bytes());
            }
            4 if !bytes.is_empty() => {
                let last = bytes.len() - 1;
                bytes[one.min(last)] = chance.next().to_le_bytes()[0];
            }
            _ => {
                let line = bytes[..one].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                bytes.splice(line..line, b"  ".iter().copied());
            }
        }
    }
    bytes
}

fn each(what: &str, goods: &[&[u8]], read: impl Fn(&[u8])) {
    for seed in 0..COUNT {
        let mut chance = Rng::new(seed);
        let good = *chance.pick(goods);
        let bytes = garbled(good, &mut chance);
        let began = Instant::now();
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(&bytes)));
        assert!(ended.is_ok(), "{what}, seed {seed}, panics at:\n{}", String::from_utf8_lossy(&bytes));
        assert!(began.elapsed() < LIMIT, "{what}, seed {seed}, takes {:?}", began.elapsed());
    }
}

#[test]
fn a_garbled_project_file_is_a_mistake_and_no_panic() {
    let goods: [&[u8]; 2] = [
        include_bytes!("../deploy.toml"),
        b"[[check]]\nname = 'a'\ntcp = 'x:1'\n[target.a]\ncontext = 'b'\n[config.c]\nvalues = { A = '1' }\n[[binding]]\nkind = 'X'\npath = 'spec.a[].b'\n",
    ];
    each("deploy.toml", &goods, |bytes| {
        let _ = project::check::check(Path::new("/nowhere/deploy.toml"), &String::from_utf8_lossy(bytes));
    });
    let page = include_str!("../docs/rehearsal.md");
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    each("scenario", &[example.as_bytes()], |bytes| {
        let _ = scenario::parse(Path::new("bad.toml"), &String::from_utf8_lossy(bytes));
    });
}

#[test]
fn garbled_manifests_are_mistakes_and_no_panic() {
    let goods: [&[u8]; 3] = [
        include_bytes!("../manifests/30-backend.yaml"),
        include_bytes!("../manifests/40-frontend.yaml"),
        include_bytes!("blame/crash.yaml"),
    ];
    each("manifests", &goods, |bytes| {
        let (objects, _) = manifest::read::parse(&String::from_utf8_lossy(bytes), Path::new("a.yaml"));
        let _ = manifest::pods::all(&objects).count();
    });
}

#[test]
fn garbled_settings_ignore_files_and_dockerfiles_are_mistakes_and_no_panic() {
    each(".env", &[include_bytes!("../.env.example"), b"A=1\nexport B=\"x\\n${A}\"\nC='y'\n"], |bytes| {
        let _ = project::dotenv::read_bytes(bytes, Path::new(".env"));
    });
    each(".dockerignore", &[b"# a\n**/node_modules\n!a/[b-c]?.txt\n\\#x\n/a/../b\n"], |bytes| {
        if let Ok(ignore) = Ignore::parse(bytes) {
            let _ = ignore.ignored_by("a/b/c.txt");
        }
    });
    let goods: [&[u8]; 2] =
        [include_bytes!("../docker/backend/Dockerfile"), include_bytes!("../docker/frontend/Dockerfile")];
    each("Dockerfile", &goods, |bytes| {
        let ask = Ask { target: None, args: &std::collections::BTreeMap::new(), platform: "linux/amd64" };
        let _ = Dockerfile::parse("Dockerfile".into(), bytes.to_vec(), ask);
    });
}

/// Objects of kinds that have rules of their own, without some of their references to each other.
const DUMP: &str = r#"
apiVersion: v1
items:
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: a, generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 1}}
- apiVersion: v1
  kind: Pod
  metadata: {name: web-6f-1, namespace: a, labels: {pod-template-hash: 6f}, ownerReferences: [{kind: ReplicaSet, name: web-6f, controller: true}]}
  spec: {containers: [{name: c, livenessProbe: {httpGet: {port: 80}}}], volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]}
  status: {phase: Running, conditions: [{type: Ready, status: "False"}], containerStatuses: [{name: c, restartCount: 3, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, startedAt: "2026-01-01T00:00:00Z", finishedAt: "2026-01-01T00:00:09Z"}}}]}
- {apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: {kind: Pod, namespace: a, name: web-6f-1}, reason: Killing, message: Container c failed liveness probe, lastTimestamp: "2026-01-01T00:00:08Z"}
- {apiVersion: v1, kind: Node, metadata: {name: one}, status: {allocatable: {cpu: "4"}, conditions: [{type: Ready, status: "True"}]}}
- {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {maxReplicas: 2}, status: {conditions: [{type: ScalingActive, status: "False", reason: FailedGetResourceMetric}]}}
- {apiVersion: example.com/v1, kind: Store, metadata: {name: s}, status: {parents: [{conditions: [{type: Accepted, status: "True"}]}], error: {message: x}, readyReplicas: 1, replicas: 1}}
kind: List
"#;

#[test]
fn garbled_objects_and_build_messages_are_judged_without_a_panic() {
    let good = DUMP.as_bytes();
    let judged = |dump: Dump| explain(dump, Timestamp::UNIX_EPOCH);
    let (whole, _) = Dump::parse(DUMP, Path::new("a")).unwrap();
    assert_eq!(judged(whole).len(), 5);
    each("objects", &[good], |bytes| {
        if let Ok((dump, _)) = Dump::parse(&String::from_utf8_lossy(bytes), Path::new("a")) {
            let _ = judged(dump);
        }
    });
    // Values of another sort than is expected, wherever one can stand.
    let documents = manifest::yaml::documents(DUMP, Path::new("a")).0;
    for seed in 0..COUNT {
        let mut chance = Rng::new(seed);
        let mut dump = Dump::default();
        for document in &documents {
            for mut object in document.value["items"].as_array().unwrap().iter().cloned() {
                mixed(&mut object, &mut chance);
                dump.take(Part::Item(object));
            }
        }
        let _ = judged(dump);
    }
    let build = b"\x0a\x20\x0a\x06sha256\x1a\x0f[a 1/2] RUN make\x2a\x02\x08\x01\x32\x02\x08\x02\x1a\x0c\x0a\x06sha256\x22\x02ab";
    each("build messages", &[build], |bytes| {
        if let Ok(status) = StatusResponse::decode(bytes) {
            let mut progress = Progress::default();
            let _ = progress.apply(status);
            let _ = progress.failed();
        }
    });
}

fn mixed(value: &mut Value, chance: &mut Rng) {
    if chance.one_in(12) {
        *value = match chance.below(7) {
            0 => Value::Null,
            1 => serde_json::json!(-1),
            2 => serde_json::json!(u64::MAX),
            3 => serde_json::json!("x"),
            4 => serde_json::json!([]),
            5 => serde_json::json!({}),
            _ => serde_json::json!(1.5e300),
        };
        return;
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|value| mixed(value, chance)),
        Value::Array(items) => items.iter_mut().for_each(|value| mixed(value, chance)),
        _ => {}
    }
}

/// The same again by a process that gets 1 GiB of addresses: a process that needs more is killed by the system.
#[cfg(target_os = "linux")]
#[test]
#[expect(clippy::disallowed_methods, reason = "it starts these very tests")]
fn no_garbled_text_takes_much_memory() {
    let limited = "ulimit -v 1048576 && exec \"$0\" --test-threads=1 garbled::a_garbled garbled::garbled";
    let program = std::env::current_exe().unwrap();
    let ended = std::process::Command::new("sh").args(["-c", limited]).arg(program).output().unwrap();
    let output = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && output.contains("4 passed"), "{output}");
}
