//! A running loop, and its events.

use crate::page::Page;
use crate::save;
use serde_json::Value;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

/// The longest that a round may take: the first one builds.
const LIMIT: Duration = Duration::from_secs(300);

pub(crate) struct Running {
    child: Child,
    events: mpsc::Receiver<(Instant, Value)>,
    pub(crate) url: String,
}

impl Running {
    /// Starts it and waits until the project is up.
    pub(crate) fn start(folder: &Path) -> Running {
        let program =
            std::env::var_os("TODO_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_todo").into());
        let mut command = Command::new(program);
        command.args(["watch", "--down", "--output", "json"]).current_dir(folder);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (send, events) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // The reader may have left.
                let _ = send.send((Instant::now(), serde_json::from_str(&line).unwrap()));
            }
        });
        let mut running = Running { child, events, url: String::new() };
        let first = running.round();
        let url = first["url"].as_str().unwrap_or_else(|| panic!("{first}"));
        url.clone_into(&mut running.url);
        running
    }

    /// Skips the events so far.
    pub(crate) fn forget(&self) {
        while self.events.try_recv().is_ok() {}
    }

    /// The end of the next round.
    pub(crate) fn round(&self) -> Value {
        loop {
            let (_, event) = self.events.recv_timeout(LIMIT).expect("a round ends");
            if matches!(event["event"].as_str(), Some("round-finished" | "round-failed")) {
                return event;
            }
        }
    }

    /// How many rounds have begun since.
    pub(crate) fn rounds(&self) -> u32 {
        let rounds = self.events.try_iter().filter(|(_, event)| event["event"] == "round-started").count();
        u32::try_from(rounds).unwrap()
    }

    /// Saves a file; the seconds until it is served, and until it was copied if that is reported.
    pub(crate) fn served(&self, path: &Path, mark: &str) -> (f64, f64) {
        self.forget();
        let mut page = Page::new(&self.url);
        page.until("/", "", Instant::now());
        let began = Instant::now();
        save(path, mark);
        let served = page.until("/", mark, began);
        std::thread::sleep(Duration::from_millis(300));
        let copied = self.events.try_iter().filter(|(_, event)| event["event"] == "item-finished");
        let copied =
            copied.filter(|(_, event)| event["outcome"] == "changed").map(|(at, _)| at - began).next();
        (served, copied.map_or(served, |time| time.as_secs_f64()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-INT", &id]).status();
        let _ = self.child.wait();
    }
}
