//! Real processes: what they print, how they end, and how they are stopped.

use super::Call;
use super::Stream;
use crate::fault::FaultKind;
use crate::run::Run;
use crate::signal::CancelHandle;
use crate::world::World;
use std::time::Duration;
use std::time::Instant;

fn run() -> (CancelHandle, Run) {
    let (run, _, asker) = Run::fake(World::fake("/", [("PATH", "/usr/bin:/bin")]));
    (asker, run)
}

fn sh(script: &str) -> Call {
    Call::new("/bin/sh").args(["-c", script])
}

#[tokio::test]
async fn what_it_prints_is_handed_over_and_its_exit_code_is_kept() {
    let (_asker, run) = run();
    let mut lines = Vec::new();
    let call = sh("echo one; echo two >&2; exit 3");
    let error = call.lines(&run, |stream, line| lines.push((stream, line.to_owned()))).await.unwrap_err();
    lines.sort_by_key(|(stream, _)| *stream == Stream::Err);
    assert_eq!(lines, [(Stream::Out, "one".to_owned()), (Stream::Err, "two".to_owned())]);
    assert_eq!((error.code, error.stdout.as_str(), error.stderr.as_str()), (Some(3), "one\n", "two"));
    assert!(error.to_string().ends_with("ended with exit code 3: two"), "{error}");
}

#[tokio::test]
async fn when_the_run_is_stopped_the_child_is_asked_to_end_and_may_say_so() {
    let (asker, run) = run();
    let mut asker = Some(asker);
    let call = sh("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done");
    let mut stop = |_, line: &str| {
        if line == "up" {
            asker.as_ref().unwrap().cancel(FaultKind::Interrupted);
        }
    };
    let error = call.lines(&run, &mut stop).await.unwrap_err();
    assert!(error.stopped);
    assert_eq!((error.code, error.stdout.as_str()), (Some(7), "up\nbye\n"));
    drop(asker.take());
}

#[tokio::test]
async fn a_child_that_only_asks_and_will_not_end_is_killed_at_once() {
    let (asker, run) = run();
    let call = sh("trap '' TERM; echo up; while :; do sleep 0.05; done").read_only();
    let stop = |_, line: &str| {
        if line == "up" {
            asker.cancel(FaultKind::Interrupted);
        }
    };
    let began = Instant::now();
    assert!(call.lines(&run, stop).await.unwrap_err().stopped);
    assert!(began.elapsed() < super::GRACE);
}

#[tokio::test]
async fn a_child_that_prints_much_while_it_ends_is_not_choked() {
    let (asker, run) = run();
    let call = sh("trap 'seq 100000; exit 0' TERM; echo up; while :; do sleep 0.05; done");
    let stop = |_, line: &str| {
        if line == "up" {
            asker.cancel(FaultKind::Interrupted);
        }
    };
    let error = call.lines(&run, stop).await.unwrap_err();
    assert!(error.stopped && error.stdout.ends_with("\n100000\n"));
}

#[tokio::test]
async fn a_process_left_behind_does_not_hold_us() {
    let (_asker, run) = run();
    let began = Instant::now();
    let output = sh("sleep 30 & echo done").output(&run).await.unwrap();
    assert_eq!(output.stdout, "done\n");
    assert!(began.elapsed() < Duration::from_secs(10));
}
