//! A run of `todo` to which something happens at one of its events.

use crate::real::harness::Harness;
use serde_json::Value;
use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// No run may last longer, with any disturbance: another client's lock is waited for 15 minutes, all else for less.
const ENDLESS: Duration = Duration::from_secs(11 * 60);

/// When it happens.
#[derive(Debug, Clone)]
pub(crate) enum When {
    /// With the first event that contains this text.
    Says(String),
    /// So long after the event of that number.
    Event(usize, Duration),
}

/// How a disturbed run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) events: Vec<Value>,
    /// How long it lasted after it was disturbed; nothing if the moment never came.
    pub(crate) after: Option<Duration>,
}

/// With the first event that contains `text`.
pub(crate) fn says(text: &str) -> When {
    When::Says(text.to_owned())
}

/// Runs `todo` and does `act` at `when`, with the number of the process.
pub(crate) fn disturbed(harness: &Harness, arguments: &[&str], when: &When, act: impl FnOnce(u32)) -> Ended {
    let mut command = harness.command(Harness::program());
    let mut child =
        command.args(arguments).args(["--output", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    let process = child.id();
    let (over, ended) = mpsc::channel::<()>();
    let limit = thread::spawn(move || {
        let endless = ended.recv_timeout(ENDLESS) == Err(mpsc::RecvTimeoutError::Timeout);
        if endless {
            signal("-KILL", process);
        }
        endless
    });
    let (mut events, mut act, mut moment) = (Vec::new(), Some(act), None);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let (comes, pause) = match when {
            When::Says(text) => (line.contains(text.as_str()), Duration::ZERO),
            When::Event(number, pause) => (*number == events.len(), *pause),
        };
        // The last line of a run that is killed may break off.
        events.extend(serde_json::from_str::<Value>(&line));
        if comes && let Some(act) = act.take() {
            // Part of the trial: the moment lies between two events.
            thread::sleep(pause);
            moment = Some(Instant::now());
            act(process);
        }
    }
    let status = child.wait().unwrap();
    drop(over);
    let ended = Ended {
        code: status.code(),
        signal: status.signal(),
        events,
        after: moment.map(|moment| moment.elapsed()),
    };
    assert!(!limit.join().unwrap(), "todo {arguments:?} did not end within {ENDLESS:?}: {ended:?}");
    println!("   todo {}: {}", arguments.join(" "), ended.summary());
    ended
}

/// Sends a signal to a process.
pub(crate) fn signal(which: &str, process: u32) {
    let _ = Command::new("kill").args([which, &process.to_string()]).status();
}

impl Ended {
    /// The line of a report: how it ended, how long after the fault, and its reason.
    fn summary(&self) -> String {
        let last = self.events.last().cloned().unwrap_or_default();
        let findings: Vec<String> = last["findings"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|finding| format!("{}: {}", finding["subject"], finding["message"]))
            .collect();
        format!(
            "code {:?}, signal {:?}, {:.1?} after the fault; {} {findings:?}",
            self.code,
            self.signal,
            self.after.unwrap_or_default(),
            last["causes"]
        )
    }

    /// All output of the run, as text.
    pub(crate) fn text(&self) -> String {
        self.events.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
    }

    /// Fails unless the moment came and the run ended with `code`, naming each of `words` in its last event.
    #[track_caller]
    pub(crate) fn failed_with(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.summary());
        let last = self.events.last().unwrap().to_string();
        for word in words {
            assert!(last.contains(word), "{word:?} is not in {last}");
        }
    }

    /// Fails unless the run was signalled to end, reported that, and ended at once.
    #[track_caller]
    pub(crate) fn was_interrupted(&self) {
        assert_eq!(self.code, Some(130), "{}", self.summary());
        assert!(self.after.is_some_and(|after| after < Duration::from_secs(10)), "{}", self.summary());
    }
}
