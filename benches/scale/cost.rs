//! What a process took of the machine.

use std::fmt;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// Clock ticks a second, as `/proc` counts processor time on every Linux.
const TICKS: f64 = 100.0;

/// Medians of several runs; of the processor's time, which is counted in steps of 10 ms, the mean.
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    pub(crate) processor: f64,
    pub(crate) mib: f64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (time, processor) = (self.seconds * 1e3, self.processor * 1e3);
        write!(f, "{time:7.0} ms, {processor:7.0} ms of the processor, {:6.1} MiB", self.mib)
    }
}

/// Runs what must succeed so many times.
pub(crate) fn measure(runs: u32, command: impl Fn() -> Command) -> Cost {
    let before = processor();
    let (mut seconds, mut mib): (Vec<f64>, Vec<f64>) = (0..runs).map(|_| run(&mut command())).unzip();
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let processor = (processor() - before) / f64::from(runs);
    Cost { seconds: median(&mut seconds), processor, mib: median(&mut mib) }
}

fn run(command: &mut Command) -> (f64, f64) {
    let began = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let memory = watch(&child);
    let output = child.wait_with_output().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    (seconds, memory.join().unwrap())
}

/// The most memory that a process holds until it ends, in MiB.
fn watch(child: &Child) -> thread::JoinHandle<f64> {
    let status = format!("/proc/{}/status", child.id());
    thread::spawn(move || {
        let mut most = 0.0;
        while let Ok(status) = std::fs::read_to_string(&status) {
            let Some(line) = status.lines().find(|line| line.starts_with("VmHWM:")) else { break };
            most = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(most);
            thread::sleep(Duration::from_millis(2));
        }
        most / 1024.0
    })
}

/// User and system time of all children that have ended, in seconds.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[13..15].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS
}
