//! The campaign: projects by chance; things that go wrong in order and at random; runs killed at every effect.
//!
//! After each of them an `up` to which nothing happens ends in exactly the state of one to which nothing ever happened.
//! A trial that fails prints the command that runs it again.

mod faults;
mod harness;
mod looped;
mod normal;
mod order;
mod project;
pub(crate) mod random;
mod report;
mod trial;
mod undisturbed;

use order::Blow;
use order::Order;
use report::Report;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Instant;
use trial::Trial;
use undisturbed::Baseline;
use undisturbed::Disturbance;

/// Projects that have, together, everything that chance makes.
const PROJECTS: [u64; 6] = [3, 7, 11, 0, 22, 27];

/// The results of trials.
#[derive(Default)]
struct Outcome {
    report: Report,
    failed: Vec<String>,
}

/// Does all of the work on two threads, and returns the results, in any order.
fn together<W: Sync, T: Send>(work: &[W], does: impl Fn(&W) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(one) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let came = does(one);
                    done.lock().unwrap().push(came);
                }
            });
        }
    });
    done.into_inner().unwrap()
}

/// Runs trials and prints their figures under a name.
#[expect(clippy::print_stdout, reason = "the figures are what the campaign is run for")]
fn tried(name: &str, trials: &[Trial]) -> Outcome {
    let began = Instant::now();
    let mut outcome = Outcome::default();
    let run = |trial: &Trial| {
        let ended =
            std::panic::catch_unwind(|| trial.run()).unwrap_or_else(|_| Err("it panicked".to_owned()));
        ended.map_err(|why| {
            let again =
                format!("TODO_CAMPAIGN='{trial}' cargo test campaign::again -- --ignored --nocapture");
            let why = format!("{trial}: {why}\nagain: {again}");
            println!("FAILED {why}\n");
            why
        })
    };
    // In batches of a hundred, so that a stopped campaign has printed its progress.
    for some in trials.chunks(100) {
        for ended in together(some, run) {
            match ended {
                Ok(report) => outcome.report.add(report),
                Err(why) => outcome.failed.push(why),
            }
        }
        let (failed, seconds) = (outcome.failed.len(), began.elapsed().as_secs());
        println!("{name}: {}; {failed} failed; {seconds} s", outcome.report);
    }
    outcome
}

/// Panics with what failed, the shortest first.
fn none_failed(mut failed: Vec<String>) {
    failed.sort_by_key(String::len);
    let count = failed.len();
    failed.truncate(6);
    assert!(failed.is_empty(), "{count} failed\n\n{}", failed.join("\n\n"));
}

/// Each of these courses of each of these projects, to which nothing happens.
fn calms(seeds: &[u64], courses: &[Disturbance]) -> Vec<(u64, Disturbance, Arc<Baseline>)> {
    let each = |seed: &u64| courses.iter().map(|course| (*seed, *course)).collect::<Vec<_>>();
    let desired: Vec<(u64, Disturbance)> = seeds.iter().flat_map(each).collect();
    let mut calms = together(&desired, |(seed, course)| (*seed, *course, trial::baseline(*seed, *course)));
    calms.sort_by_key(|(seed, course, _)| desired.iter().position(|item| item == &(*seed, *course)));
    calms
}

/// These blows to those courses.
fn ordered(
    calms: &[(u64, Disturbance, Arc<Baseline>)],
    blows: impl Fn(&Baseline) -> Vec<Blow>,
) -> Vec<Trial> {
    let trials = calms.iter().flat_map(|(seed, course, calm)| {
        let order =
            |blow| Trial::Order(Order { seed: *seed, course: *course, blow, baseline: Arc::clone(calm) });
        blows(calm).into_iter().map(order).collect::<Vec<_>>()
    });
    trials.collect()
}

#[test]
fn whatever_happens_the_next_up_ends_in_the_same_state() {
    let outcome = tried("by chance", &(0..12).map(Trial::Chance).collect::<Vec<_>>());
    none_failed(outcome.failed);
    assert!(outcome.report.faults > 0 && outcome.report.kills > 0, "{}", outcome.report);
}

#[test]
fn whatever_call_fails_and_whatever_happens_meanwhile_the_next_up_ends_in_the_same_state() {
    let calms = calms(&PROJECTS[..1], &Disturbance::ALL);
    let trials = ordered(&calms, order::faults).into_iter().step_by(97);
    let happenings = ordered(&calms, order::happenings).into_iter().step_by(83);
    let sample: Vec<Trial> = trials.chain(happenings).collect();
    none_failed(tried("in order", &sample).failed);
}

#[test]
fn a_run_that_is_killed_at_any_effect_is_gone_on_with() {
    let calms = calms(&PROJECTS[1..2], &Disturbance::ALL);
    let trials = ordered(&calms, order::kills);
    let sample: Vec<Trial> = trials.into_iter().step_by(7).collect();
    none_failed(tried("kills", &sample).failed);
}

#[test]
fn whatever_happens_to_a_loop_the_next_up_ends_in_the_same_state() {
    let (Outcome { report, failed }, copied) = loops(&(0..8).collect::<Vec<_>>());
    none_failed(failed);
    assert!(copied > 0 && report.faults > 0 && report.kills > 0, "{report}, {copied} files copied");
}

/// Loops under these seeds, and how many files the undisturbed ones copied.
fn loops(seeds: &[u64]) -> (Outcome, usize) {
    let (mut outcome, mut copied) = (Outcome::default(), 0);
    for (seed, ended) in together(seeds, |seed| (*seed, trial::looped(*seed))) {
        match ended {
            Ok(looped) => {
                outcome.report.add(looped.report);
                copied += looped.copied;
            }
            Err(why) => {
                let again = "cargo test campaign::again -- --ignored --nocapture";
                outcome.failed.push(format!("loop {seed}: {why}\nagain: TODO_CAMPAIGN=loops/{seed} {again}"));
            }
        }
    }
    (outcome, copied)
}

#[test]
fn a_rollout_of_one_replica_ends_with_the_nodes_url() {
    for ended in together(&PROJECTS[..2], |seed| trial::rollouts(*seed, 12)) {
        assert_eq!(ended.unwrap().runs, 13);
    }
}

#[test]
fn a_node_that_stops_at_any_moment_is_named_and_the_next_up_starts_it() {
    let calms = calms(&PROJECTS[1..2], &Disturbance::ALL);
    let trials = ordered(&calms, order::happenings);
    let stops = trials.into_iter().filter(|trial| trial.to_string().contains("/node-stop/"));
    let sample: Vec<Trial> = stops.step_by(5).collect();
    none_failed(tried("node stops", &sample).failed);
}

#[test]
fn the_projects_have_everything_that_chance_makes() {
    let folder = tempfile::tempdir().unwrap();
    let mut written = String::new();
    for seed in PROJECTS {
        let place = folder.path().join(seed.to_string());
        project::make(&place, &mut random::Rng::new(seed));
        let images = (0..3).map(|number| format!("image-{number}/Dockerfile"));
        for name in
            images.chain(["deploy.toml", "k8s/objects.yaml", "k8s/00-namespace.yaml"].map(str::to_owned))
        {
            written.push_str(&std::fs::read_to_string(place.join(name)).unwrap_or_default());
        }
    }
    for what in [
        "kind: Deployment",
        "kind: StatefulSet",
        "kind: Job",
        "kind: PersistentVolumeClaim",
        "kind: ConfigMap",
        "kind: Namespace",
        "namespace = \"default\"",
        "namespace = \"shop\"",
        "image.image-2",
        "FROM image-",
        "--mount=type=secret",
    ] {
        assert!(written.contains(what), "{what}");
    }
}

/// Faults found by trials, and fixed since.
#[test]
fn what_trials_have_found_stays_fixed() {
    let found = [
        // Killed between its last object and its revision: `todo history` lacked the deployment.
        "7/first/kill/22",
        // Killed at its first effect: the next run had nothing to write and left the dead lock where it was.
        "11/down/kill/1",
        // An engine that took a build, or a pull, and did not answer was waited for without end.
        "164",
        "174",
        // An API server that took a port-forward and did not answer was waited for without end.
        "3/edited/hang/0/api get pods/portforward work-0-0",
        // A lock that could not be given back at the first try was left.
        "3/purge/close/0/api delete leases todo.shop",
        // An API server that did not answer a request for Services was waited for without end.
        "3/again/hang/1/api list services",
        // `down` killed between a StatefulSet and its list: nothing led to the set's volumes any more, not even `--purge`.
        "3/down/kill/5",
        "3/purge/kill/8",
        // `down` with nothing to take away did not look for the lock of a run that had been killed.
        "3/purge/hang/0/api delete leases todo.shop",
        // A rehearsed controller left an empty list of conditions where Kubernetes has no field.
        "170",
    ];
    let trials: Vec<Trial> = found.into_iter().map(Trial::named).collect();
    none_failed(tried("found before", &trials).failed);
}

/// Runs trials of a part of the long form, and adds to the sum.
fn add(sum: &mut Outcome, name: &str, trials: &[Trial]) {
    let outcome = tried(name, trials);
    sum.report.add(outcome.report);
    sum.failed.extend(outcome.failed);
}

/// The parts of the long form that go in order: of which projects, and what is done to them.
type Part = (&'static str, &'static [u64], fn(&Baseline) -> Vec<Blow>);
const PARTS: [Part; 3] = [
    ("kills", &PROJECTS, order::kills),
    ("calls", &[PROJECTS[0]], order::faults),
    ("happenings", &[PROJECTS[1], PROJECTS[5]], order::happenings),
];

/// `TODO_CAMPAIGN=NAME` runs the trial of that name, as a failure prints it; `FIRST..LAST` those at random from the first to
/// before the last; `kills`, `calls`, `happenings` a part of those in order, `calls/down` one course of it; `loops` those of
/// `todo watch`, `loops/7` one of them; `all` everything.
#[test]
#[ignore = "the long form: `just campaign`"]
#[expect(clippy::disallowed_methods, reason = "which trials to run is asked from outside")]
#[expect(clippy::print_stdout, reason = "the figures are what the campaign is run for")]
fn again() {
    let asked = std::env::var("TODO_CAMPAIGN").unwrap_or_else(|_| "all".to_owned());
    let (mut sum, mut scenarios) = (Outcome::default(), BTreeSet::new());
    let (desired, only) = asked.split_once('/').unwrap_or((&asked, ""));
    let is_part = PARTS.iter().any(|(part, ..)| *part == desired);
    let chance = if asked == "all" { "0..300" } else { &asked };
    if let Some((first, last)) = chance.split_once("..") {
        let seeds = first.parse::<u64>().unwrap()..last.parse().unwrap();
        add(&mut sum, "by chance", &seeds.map(Trial::Chance).collect::<Vec<_>>());
    } else if !is_part && asked != "all" && desired != "loops" {
        add(&mut sum, "again", &[Trial::named(&asked)]);
    }
    if asked == "all" || desired == "loops" {
        let seeds = only.parse().map_or_else(|_| (0..100).collect(), |seed| vec![seed]);
        let (Outcome { report, failed }, copied) = loops(&seeds);
        println!("loops: {report}, {copied} files copied; {} failed", failed.len());
        sum.report.add(report);
        sum.failed.extend(failed);
    }
    for (part, seeds, blows) in PARTS.iter().filter(|(part, ..)| asked == "all" || *part == desired) {
        let each = seeds.iter().flat_map(|seed| Disturbance::ALL.map(|course| (*seed, course)));
        for (seed, course) in each.filter(|(_, course)| only.is_empty() || course.to_string() == only) {
            let calms = calms(&[seed], &[course]);
            let trials = ordered(&calms, blows);
            scenarios.extend(trials.iter().map(Trial::scenario).filter(|scenario| !scenario.is_empty()));
            add(&mut sum, &format!("{part} {seed}/{course}"), &trials);
            sum.report.runs += calms.iter().map(|(.., calm)| calm.report.runs).sum::<u64>();
        }
    }
    println!("{}; {} scenarios in order; {} failed", sum.report, scenarios.len(), sum.failed.len());
    none_failed(sum.failed);
}
