//! Programs run as a user runs them, with what they took of the machine.

use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// Clock ticks a second, as `/proc` counts processor time on every Linux.
const TICKS: f64 = 100.0;

/// The program that is measured.
pub(crate) fn todo() -> PathBuf {
    std::env::var_os("TODO_TEST_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_todo").into(), PathBuf::from)
}

/// Runs a command that must succeed. Returns the time it took, and the processor's.
pub(crate) fn taken(command: &mut Command) -> (Duration, Duration) {
    let (began, before) = (Instant::now(), processor());
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    (began.elapsed(), processor().saturating_sub(before))
}

/// User and system time of all children that have ended.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[13..15].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    Duration::from_secs_f64(ticks / TICKS)
}

/// The most memory that a process has held so far, and what it holds now, in MiB.
pub(crate) fn memory(process: u32) -> Option<(f64, f64)> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    };
    Some((of("VmHWM:")? / 1024.0, of("VmRSS:")? / 1024.0))
}
