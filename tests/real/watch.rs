//! `todo watch` on a real cluster: from a save to the page that is served.

use crate::real::harness::Harness;
use crate::real::http;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Lines;
use std::io::Write;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A loop that runs.
pub(crate) struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    pub(crate) fn start(harness: &Harness) -> Watch {
        let mut command = harness.command(Harness::program());
        let mut child = command.args(["watch", "--output", "json"]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Watch { child, lines }
    }

    /// The end of the next round that ends.
    pub(crate) fn round(&mut self) -> Value {
        self.event(|event| event["event"] == "round-finished" || event["event"] == "round-failed")
    }

    /// The next image whose containers get files.
    pub(crate) fn copied(&mut self) -> Value {
        self.event(|event| {
            event["event"] == "item-finished" && event["step"] == "image" && event["outcome"] == "changed"
        })
    }

    /// Continues reading without asserting anything.
    pub(crate) fn in_background(mut self) -> Background {
        let (send, received) = mpsc::channel();
        let pid = self.child.id();
        let reading = std::thread::spawn(move || {
            for line in self.lines.by_ref().map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).unwrap();
                if event["event"].as_str().is_some_and(|name| name.starts_with("round-")) {
                    println!("  {event}");
                }
                // The reader may have left.
                let _ = send.send(event);
            }
            assert_eq!(self.child.wait().unwrap().code(), Some(0));
        });
        Background { pid, received, reading }
    }

    fn event(&mut self, is_meant: impl Fn(&Value) -> bool) -> Value {
        let events = self.lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        let event = events.into_iter().find(|event| is_meant(event)).expect("the loop ended");
        println!("{event}");
        event
    }
}

/// A loop that is read by a thread.
pub(crate) struct Background {
    pid: u32,
    received: mpsc::Receiver<Value>,
    reading: JoinHandle<()>,
}

impl Background {
    /// The last end of a round, when no event has come for `quiet`.
    pub(crate) fn quiet(&self, quiet: Duration) -> Value {
        let (mut last, mut is_open) = (Value::Null, false);
        loop {
            // A round may take as long as a node needs to start again.
            let limit = if is_open { Duration::from_secs(600) } else { quiet };
            match self.received.recv_timeout(limit) {
                Ok(event) if event["event"] == "round-started" => is_open = true,
                Ok(event) if matches!(event["event"].as_str(), Some("round-finished" | "round-failed")) => {
                    (last, is_open) = (event, false);
                }
                Ok(_) => {}
                Err(_) => {
                    assert!(!is_open, "a round has not ended");
                    return last;
                }
            }
        }
    }

    /// What it holds now, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Ends the loop as Ctrl-C does.
    pub(crate) fn end(self) {
        kill_process(Pid::from_raw(self.pid.try_into().unwrap()).unwrap(), Signal::INT).unwrap();
        self.reading.join().unwrap();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs minikube"]
fn what_is_saved_is_served_and_a_failure_ends_nothing() {
    let harness = Harness::lent_or("todo-watched", "tests/fixtures/watch");
    let mut watch = Watch::start(&harness);
    let first = watch.round();
    assert_eq!(first["event"], "round-finished");
    let url = first["url"].as_str().unwrap().to_owned();
    assert!(http::get(&url).1.contains("version 1"));

    harness.edit("index.html", "version 1", "version 2");
    assert_eq!(watch.round()["event"], "round-finished");
    http::get_until(&url, "version 2");

    harness.edit("Dockerfile", "COPY", "COPPY");
    assert_eq!(watch.round()["event"], "round-failed");
    assert!(http::get(&url).1.contains("version 2"), "what is deployed stays");
    harness.edit("Dockerfile", "COPPY", "COPY");
    assert_eq!(watch.round()["event"], "round-finished");

    let pid = Pid::from_raw(watch.child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(watch.child.wait().unwrap().code(), Some(0));
    assert!(http::get(&url).1.contains("version 2"), "the application keeps running");
    commands_run_in_the_container(&harness);
    files_go_in_and_come_out(&harness);
}

fn commands_run_in_the_container(harness: &Harness) {
    let output = harness.todo(&["exec", "page", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (Some(7), "out\n", "err\n"));
    // Without a name it is the only workload, without a command a shell, which reads its standard input.
    let mut command = harness.command(Harness::program());
    let mut shell = command.arg("exec").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    shell.stdin.take().unwrap().write_all(b"echo in the shell\nexit 3\n").unwrap();
    let ended = shell.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), &ended.stdout[..]), (Some(3), &b"in the shell\n"[..]));
    let missing = harness.todo(&["exec", "page", "--", "no-such-program"]);
    assert!(missing.stderr.contains("[program-not-in-image]"), "{}", missing.stderr);
    let unknown = harness.todo(&["exec", "pgae", "--", "true"]);
    assert!(unknown.stderr.contains("did you mean `page`?"), "{}", unknown.stderr);
}

fn files_go_in_and_come_out(harness: &Harness) {
    let folder = harness.path("tree");
    std::fs::create_dir_all(folder.join("below")).unwrap();
    std::fs::write(folder.join("below/bytes"), [0, 10, 13, 255]).unwrap();
    std::os::unix::fs::symlink("below/bytes", folder.join("link")).unwrap();
    let (here, back) = (folder.to_str().unwrap(), harness.path("back"));
    for (arguments, code) in [
        (["cp", here, "page:/tmp"], 0),
        (["cp", "page:/tmp/tree", back.to_str().unwrap()], 0),
        (["cp", "page:/tmp/none", back.to_str().unwrap()], 50),
        (["cp", here, back.to_str().unwrap()], 2),
    ] {
        let output = harness.todo(&arguments);
        assert_eq!(output.code, Some(code), "{arguments:?}: {}", output.stderr);
    }
    assert_eq!(std::fs::read(back.join("below/bytes")).unwrap(), [0, 10, 13, 255]);
    assert_eq!(std::fs::read_link(back.join("link")).unwrap().to_str(), Some("below/bytes"));
}
