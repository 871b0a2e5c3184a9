//! Inputs that never end, or take for ever to read: refused, bounded, or ended by the first Ctrl-C.

#![expect(clippy::disallowed_methods, reason = "the program under test is started here")]

use crate::binary::Fixture;
use crate::binary::RunOutput;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// Far more than the second that is promised: the machine of the tests is busy.
const SOON: Duration = Duration::from_secs(10);

const MANIFESTS: &str = "[[manifests]]\npath = 'k8s'\n";
const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

fn fifo(fixture: &Fixture, name: &str) {
    let path = fixture.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = std::fs::remove_file(&path);
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

/// The program as it waits for its input.
fn start(fixture: &Fixture, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_todo"))
        .args(arguments)
        .env_clear()
        .env("HOME", fixture.path("home"))
        .env("PATH", fixture.path("bin"))
        .env("DOCKER_HOST", format!("unix://{}", fixture.path("no.sock").display()))
        .current_dir(fixture.path("."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Its exit code and standard error; it is killed, and that is a failure, if it takes longer than [`SOON`].
fn ended(mut child: Child, what: &str) -> (Option<i32>, String) {
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > SOON {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{what}: it still runs after {SOON:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    (status.code(), stderr)
}

/// Whether this process, and so a program that it starts, ignores the signal (proc(5): `SigIgn`).
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal.as_raw() - 1)) != 0
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Its answer without other programs, within [`SOON`].
fn run(fixture: &Fixture, arguments: &[&str]) -> (Option<i32>, String) {
    ended(start(fixture, arguments), &arguments.join(" "))
}

#[test]
fn a_special_file_is_refused_wherever_a_file_is_read() {
    let section = |lines: &str| format!("{MANIFESTS}{lines}");
    for (name, project) in [
        (".env", section("[secret.s]\nenv-file = '.env'\n")),
        ("w", section("[secret.s]\nfiles = { w = 'w' }\n")),
        (".env", section("[config.c]\nfile = '.env'\n")),
        ("k8s/b.yaml", "[[manifests]]\npath = 'k8s/b.yaml'\n".to_owned()),
        ("c/Dockerfile", section("[image.web]\ncontext = 'c'\n")),
        ("c/.dockerignore", section("[image.web]\ncontext = 'c'\n")),
        ("token", section("[image.web]\ncontext = 'c'\nsecrets = { t = { file = 'token' } }\n")),
    ] {
        for device in [false, true] {
            let fixture = Fixture::new(&[
                ("deploy.toml", project.as_str()),
                ("k8s/a.yaml", OBJECT),
                ("c/Dockerfile", "FROM scratch\nCOPY a /a\n"),
                ("c/a", "a"),
            ]);
            fifo(&fixture, name);
            if device {
                std::fs::remove_file(fixture.path(name)).unwrap();
                std::os::unix::fs::symlink("/dev/zero", fixture.path(name)).unwrap();
            }
            let (code, stderr) = run(&fixture, &["up"]);
            let what = if device { "a device" } else { "FIFO" };
            // `up` finds neither minikube nor an engine here.
            assert!(matches!(code, Some(2 | 10)), "{name}: {code:?} {stderr}");
            let said = stderr.contains(what) || stderr.contains("is not a file");
            assert!(said && stderr.contains(name), "{name}: {stderr}");
        }
    }
}

#[test]
fn special_files_in_place_of_the_project_a_dump_and_a_scenario_are_refused() {
    let fixture = Fixture::new(&[("deploy.toml", MANIFESTS), ("k8s/a.yaml", OBJECT)]);
    fifo(&fixture, "pipe");
    for arguments in [
        &["explain", "pipe"][..],
        &["explain", "/dev/zero"],
        &["plan", "--file", "pipe"],
        &["rehearse", "--scenario", "pipe"],
    ] {
        let (code, stderr) = run(&fixture, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains("only regular files are read"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn the_settings_of_other_programs_may_be_anything_and_hold_nobody_up() {
    let project = format!("{MANIFESTS}[image.web]\ncontext = 'c'\n");
    let fixture = Fixture::new(&[
        ("deploy.toml", project.as_str()),
        ("k8s/a.yaml", OBJECT),
        ("c/Dockerfile", "FROM scratch\nCOPY a /a\n"),
        ("c/a", "a"),
    ]);
    for name in [
        "home/.kube/config",
        "home/.docker/config.json",
        "home/.minikube/config/config.json",
        "home/.minikube/profiles/minikube/config.json",
        ".git/index",
        "c/pipe",
    ] {
        fifo(&fixture, name);
    }
    for arguments in [&["plan"][..], &["status"], &["doctor"], &["down"]] {
        let (code, stderr) = run(&fixture, arguments);
        assert!(code.is_some_and(|code| code != 1), "{arguments:?}: {code:?} {stderr}");
    }
}

#[test]
fn init_opens_nothing_that_is_not_a_file() {
    let fixture = Fixture::new(&[("package.json", "{}"), ("Dockerfile", "FROM scratch\n")]);
    for name in ["compose.yaml", "k8s/a.yaml", "sub/Dockerfile", ".env", "Chart.yaml"] {
        fifo(&fixture, name);
    }
    let (code, stderr) = run(&fixture, &["init", "--yes"]);
    assert!(code.is_some(), "{stderr}");
}

#[test]
fn standard_input_that_never_ends_is_refused_in_little_memory() {
    let fixture = Fixture::new(&[]);
    // 1 GiB of addresses: far less than a read without a limit would need.
    let script = format!("ulimit -v 1048576; exec {} explain - </dev/zero", env!("CARGO_BIN_EXE_todo"));
    let output: RunOutput = fixture.run_by(Path::new("/bin/sh"), &["-c", &script], |_| ());
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    assert!(output.stderr.contains("it is larger than 64 MiB"), "{}", output.stderr);
}

#[test]
fn the_first_signal_ends_a_run_that_waits_for_its_input() {
    let fixture = Fixture::new(&[]);
    for (kind, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 143)] {
        // A signal that was ignored at the start stays ignored: a shell starts background jobs without SIGINT.
        if is_ignored(kind) {
            continue;
        }
        let mut child = start(&fixture, &["explain", "-"]);
        // More than a pipe holds: once it is written, the program reads.
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&vec![b'#'; 1 << 20]).unwrap();
        signal(&child, kind);
        let (ended_with, stderr) = ended(child, "explain -");
        assert_eq!(ended_with, Some(code), "{stderr}");
        drop(stdin);
    }
}

/// The input has the maximum size, and takes far longer than [`SOON`] to make sense of.
#[test]
fn the_first_signal_ends_a_run_that_computes() {
    let fixture = Fixture::new(&[]);
    let mut child = start(&fixture, &["explain", "-"]);
    let rule = "status.l.all(a, status.l.all(b, a + b > 0))";
    let list = vec!["1"; 700].join(",");
    let object = format!(
        "kind: Foo\napiVersion: a/v1\nmetadata: {{name: x, annotations: {{todo.dev/ready: \"{rule}\"}}}}\nstatus: {{l: [{list}]}}\n---\n"
    );
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(object.repeat(1_000).as_bytes()).unwrap();
    drop(stdin);
    signal(&child, Signal::TERM);
    let (code, stderr) = ended(child, "explain of many objects");
    assert_eq!(code, Some(143), "{stderr}");
}

#[test]
fn a_rule_that_would_take_for_ever_is_told_and_the_rest_is_judged() {
    let list = vec!["1"; 300].join(",");
    let text = format!(
        "kind: Foo\napiVersion: a/v1\nmetadata:\n  name: x\n  annotations:\n    todo.dev/ready: \"status.l.all(a, status.l.all(b, \
         status.l.all(c, status.l.all(d, a+b+c+d >= 0))))\"\nstatus: {{l: [{list}]}}\n---\n{OBJECT}"
    );
    let fixture = Fixture::new(&[("dump.yaml", text.as_str())]);
    let output = fixture.todo(&["explain", "dump.yaml", "--output", "json"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let verdicts: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(
        (&verdicts[0]["health"], &verdicts[0]["reason"]),
        (&"failed".into(), &"RuleTooExpensive".into())
    );
    assert_eq!(verdicts[1]["health"], "ready");
}

#[test]
fn a_text_that_grows_when_it_is_read_is_refused() {
    let doubled = |level: usize| format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1);
    let doubling = (1..40).map(doubled).collect::<Vec<_>>().concat();
    for (name, text) in [
        ("aliases.yaml", format!("a0: &a0 [x, x]\n{doubling}")),
        ("nested.yaml", format!("a: {}{}\n", "[".repeat(100_000), "]".repeat(100_000))),
        ("nested.json", format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000))),
        ("many.yaml", format!("a: [{}]\n", "1,".repeat(1_100_000))),
    ] {
        let fixture = Fixture::new(&[("deploy.toml", MANIFESTS), (&format!("k8s/{name}"), text.as_str())]);
        let output = fixture.todo(&["plan"]);
        assert_eq!(output.code, Some(2), "{name}: {}", output.stderr);
        assert!(output.stderr.contains(name), "{name}: {}", output.stderr);
    }
}

#[test]
fn a_killed_rehearsal_leaves_nothing_once_another_has_run() {
    let fixture = Fixture::new(&[("deploy.toml", MANIFESTS), ("k8s/a.yaml", OBJECT), ("tmp/mine", "")]);
    let listed = || -> Vec<String> {
        let names = fixture.path("tmp").read_dir().unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let tmp = fixture.path("tmp");
    let mut killed = Command::new(env!("CARGO_BIN_EXE_todo"))
        // Its clock is so slow that it is still there when it is killed.
        .args(["rehearse", "--speed", "0.1"])
        .env_clear()
        .env("HOME", fixture.path("home"))
        .env("TMPDIR", &tmp)
        .current_dir(fixture.path("."))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while !listed().iter().any(|name| Path::new(name).extension().is_none() && name != "mine") {
        assert!(began.elapsed() < SOON && killed.try_wait().unwrap().is_none(), "{:?}", listed());
        std::thread::sleep(Duration::from_millis(5));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(listed().len() > 1, "it left its directory");
    let output = fixture.run_by(Path::new(env!("CARGO_BIN_EXE_todo")), &["rehearse"], |command| {
        command.env("TMPDIR", &tmp);
    });
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(listed(), ["mine"]);
}
