//! Standard output that cannot be written, readers that leave, signals that were ignored when the program began.

use crate::binary::Fixture;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

const PROJECT: &str = "[[manifests]]\npath = 'k8s'\n";
const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

fn fixture() -> Fixture {
    Fixture::new(&[("deploy.toml", PROJECT), ("k8s/a.yaml", OBJECT), ("tmp/mine", "")])
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_todo"))
}

/// The output without a cluster: help, version, lists, a status, events, a text, a run that ends well.
const COMMANDS: [&[&str]; 9] = [
    &["--help"],
    &["up", "--help"],
    &["--version"],
    &["explain", "k8s/a.yaml"],
    &["explain", "k8s/a.yaml", "--output", "json"],
    &["init", "--yes", "--file", "tmp"],
    &["check"],
    &["check", "--output", "json"],
    &["rehearse", "--output", "json"],
];

#[test]
#[cfg(target_os = "linux")]
fn an_answer_that_cannot_be_written_is_no_success() {
    for arguments in COMMANDS {
        let fixture = fixture();
        std::fs::write(fixture.path("tmp/Dockerfile"), "FROM nginx:1\nEXPOSE 80\n").unwrap();
        let usual = fixture.run_by(program(), arguments, |command| tmp(command, &fixture));
        assert_eq!(usual.code, Some(0), "{arguments:?}: {}{}", usual.stdout, usual.stderr);
        let _ = std::fs::remove_file(fixture.path("tmp/deploy.toml"));
        let output = fixture.run_by(program(), arguments, |command| {
            tmp(command, &fixture);
            command.stdout(File::options().write(true).open("/dev/full").unwrap());
        });
        assert_eq!(output.code, Some(1), "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.contains("No space left on device"), "{arguments:?}: {}", output.stderr);
    }
}

fn tmp(command: &mut Command, fixture: &Fixture) {
    command.env("TMPDIR", fixture.path("tmp"));
}

#[test]
fn a_reader_who_has_left_ends_nothing_and_is_not_told() {
    for arguments in COMMANDS {
        let fixture = fixture();
        std::fs::write(fixture.path("tmp/Dockerfile"), "FROM nginx:1\nEXPOSE 80\n").unwrap();
        let output = fixture.run_by(program(), arguments, |command| {
            tmp(command, &fixture);
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            command.stdout(writer);
        });
        assert_eq!(output.code, Some(0), "{arguments:?}: {}", output.stderr);
        assert!(
            !output.stderr.contains("error") && !output.stderr.contains("panic"),
            "{arguments:?}: {}",
            output.stderr
        );
    }
}

#[test]
fn a_report_that_nobody_can_read_changes_no_exit_code() {
    let fixture = fixture();
    for (arguments, code) in [(&["up"][..], 10), (&["--no-such"], 2), (&["rehearse"], 0), (&["check"], 0)] {
        let output = fixture.run_by(program(), arguments, |command| {
            tmp(command, &fixture);
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            command.stderr(writer);
        });
        assert_eq!(output.code, Some(code), "{arguments:?}");
        #[cfg(target_os = "linux")]
        {
            let output = fixture.run_by(program(), arguments, |command| {
                tmp(command, &fixture);
                command.stderr(File::options().write(true).open("/dev/full").unwrap());
            });
            assert_eq!(output.code, Some(code), "{arguments:?}");
        }
    }
}

/// Starts a run that waits for its standard input, with a signal ignored; sends the signal once the run listens to others, and
/// then ends its input.
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "the program under test is started here")]
fn signalled(signal: &str) -> std::process::ExitStatus {
    let fixture = fixture();
    let mut child = Command::new("/bin/sh")
        .args(["-c", &format!("trap '' {signal}; exec \"$0\" explain -")])
        .arg(program())
        .current_dir(fixture.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    // SIGTERM's handler is the last sign that the program listens: it is never ignored here.
    let listens = |text: &str| {
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or_default();
        u64::from_str_radix(caught.trim(), 16).unwrap_or_default() & (1 << 14) != 0
    };
    while !std::fs::read_to_string(&status).is_ok_and(|text| listens(&text)) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it listened");
        std::thread::yield_now();
    }
    let sent =
        Command::new("/bin/sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status().unwrap();
    assert!(sent.success());
    drop(child.stdin.take());
    let mut answer = String::new();
    child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
    child.wait().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    for signal in ["HUP", "INT"] {
        let ended = signalled(signal);
        assert_eq!(ended.code(), Some(0), "{signal}: {ended:?}");
    }
}
