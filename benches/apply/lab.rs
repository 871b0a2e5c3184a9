//! `todo up` against `kubectl apply --server-side`, the same objects in the same cluster, in turns.

use crate::Figure;
use crate::program;
use crate::program::taken;
use crate::set;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const RUNS: usize = 9;
const OURS: &str = "bench-apply-todo";
const THEIRS: &str = "bench-apply-kubectl";

/// Nothing if no minikube is named.
pub(crate) fn figures() -> Option<Vec<Figure>> {
    let profile = std::env::var("TODO_PROFILE").ok()?;
    std::env::var_os("KUBECONFIG")?;
    let folder = tempfile::tempdir().unwrap();
    set::project(folder.path(), OURS, &set::objects(0));
    let kubectl = |arguments: &[&str]| {
        let mut command = Command::new("kubectl");
        command.args(["--context", &profile]).args(arguments).current_dir(folder.path());
        command
    };
    let apply = || kubectl(&["-n", THEIRS, "apply", "--server-side", "-f", "k8s"]);
    let _ = kubectl(&["create", "namespace", THEIRS]).output();
    taken(&mut apply());
    // The first makes them, the second notes what controllers have made of them.
    taken(&mut todo(folder.path(), &["up"]));
    taken(&mut todo(folder.path(), &["up"]));

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(taken(&mut todo(folder.path(), &["up"])));
        theirs.push(taken(&mut apply()));
    }
    taken(&mut todo(folder.path(), &["down", "--purge"]));
    taken(&mut kubectl(&["delete", "namespace", THEIRS, "--wait=false"]));

    let (our_wall, our_work) = medians(ours);
    let (their_wall, their_work) = medians(theirs);
    println!("200 objects, nothing changed, medians of {RUNS}:");
    println!("  todo up                        {our_wall:6.0} ms, {our_work:5.0} ms of the processor");
    println!("  kubectl apply --server-side    {their_wall:6.0} ms, {their_work:5.0} ms of the processor\n");
    Some(vec![
        Figure { what: "time, of kubectl's", found: our_wall / their_wall, limit: 1.0 / 5.0, unit: "" },
        Figure { what: "processor, of kubectl's", found: our_work / their_work, limit: 1.0 / 10.0, unit: "" },
    ])
}

fn todo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program::todo());
    command.args(arguments).current_dir(folder);
    command
}

/// In milliseconds. The processor's time is counted in steps of 10 ms, so it is a mean.
fn medians(runs: Vec<(Duration, Duration)>) -> (f64, f64) {
    let (mut walls, work): (Vec<Duration>, Vec<Duration>) = runs.into_iter().unzip();
    walls.sort_unstable();
    let runs = u32::try_from(work.len()).unwrap_or(u32::MAX);
    let work = work.iter().sum::<Duration>().as_secs_f64() / f64::from(runs);
    (walls[walls.len() / 2].as_secs_f64() * 1e3, work * 1e3)
}
