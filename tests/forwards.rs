//! Port-forwards that outlive the command that started them: the whole program against an API server in this process.

mod cluster;

use crate::binary::Fixture;
use crate::binary::RunOutput;
use cluster::Cluster;
use serde_json::Value;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
#[cfg(windows)]
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

const PROGRAM: &str = env!("CARGO_BIN_EXE_todo");

const OBJECTS: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8000}]}\n\
---\napiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {selector: {app: db}, ports: [{name: sql, port: 5432}]}\n";

/// The directory of forwards in a [`Fixture`].
const STATE: &str = ".local/state/todo/forwards";
const STATE_ON_WINDOWS: &str = "AppData/Local/todo/state/forwards";

/// A project whose cluster is in this process, and a directory for all that a run leaves.
struct Harness {
    cluster: Cluster,
    place: Fixture,
    port: u16,
    /// What `DOCKER_HOST` is.
    engine: String,
}

impl Harness {
    fn new() -> Harness {
        let port = free_port();
        let cluster = Cluster::start("first");
        let project = format!(
            "namespace = 'shop'\n[target.here]\ncontext = 'fake'\n[[manifests]]\npath = 'k8s'\n[service.web]\nlocal-port = {port}\n"
        );
        let place = Fixture::new(&[
            ("deploy.toml", &project),
            ("k8s/all.yaml", OBJECTS),
            (".kube/config", &cluster.kubeconfig()),
        ]);
        Harness { cluster, place, port, engine: engine() }
    }

    fn todo(&self, arguments: &[&str]) -> RunOutput {
        let output = self.place.run_by(Path::new(PROGRAM), arguments, |command| {
            command.env("TODO_TARGET", "here").env("DOCKER_HOST", &self.engine);
        });
        assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
        output
    }

    /// Runs a command that succeeds, and returns what it answered.
    #[track_caller]
    fn good(&self, arguments: &[&str]) -> String {
        let output = self.todo(arguments);
        assert_eq!(output.code, Some(0), "{arguments:?}: {}{}", output.stdout, output.stderr);
        output.stdout.trim().to_owned()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// The forwards in `status`.
    fn forwards(&self) -> Vec<Value> {
        let output = self.todo(&["status", "--output", "json"]);
        let status: Value =
            serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}", output.stderr));
        status["forwards"].as_array().cloned().unwrap_or_default()
    }

    /// Files of forwards, but for the directory's lock.
    fn files(&self) -> Vec<String> {
        let folder = self.place.path(if cfg!(windows) { STATE_ON_WINDOWS } else { STATE });
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name != "lock").collect()
    }

    /// A command that is not waited for.
    fn spawn(&self, arguments: &[&str]) -> std::process::Child {
        self.place
            .command(Path::new(PROGRAM), arguments)
            .env("TODO_TARGET", "here")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// The address of an engine that has no images: `up` asks it for those of the project.
fn engine() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The body of the answer at `port`; nothing without an answer.
fn get(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

#[track_caller]
fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(unix)]
fn signal(pid: &Value, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid.as_i64().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Ends a process in a way that it does not notice.
#[cfg(unix)]
fn kill(pid: &Value) {
    signal(pid, rustix::process::Signal::KILL);
}

#[cfg(windows)]
#[expect(clippy::disallowed_methods, reason = "a program of the system is started here")]
fn kill(pid: &Value) {
    let status =
        Command::new("taskkill").args(["/F", "/PID", &pid.to_string()]).stdout(Stdio::null()).status();
    assert!(status.unwrap().success(), "{pid}");
}

#[test]
fn up_returns_and_its_forward_goes_on_until_down() {
    let harness = Harness::new();
    assert_eq!(harness.good(&["up"]), harness.url());
    assert_eq!(get(harness.port).as_deref(), Some("first"));
    let first = harness.forwards();
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!((&first[0]["url"], &first[0]["running"]), (&harness.url().into(), &true.into()));

    // The terminal is closed, the pod is replaced, and `up` is run again: it is the same process.
    #[cfg(unix)]
    signal(&first[0]["pid"], rustix::process::Signal::HUP);
    harness.cluster.replace_pod("second");
    let output = harness.todo(&["up", "--output", "json"]);
    let events: Vec<Value> = output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let event = events.iter().find(|event| event["event"] == "forwarded").unwrap();
    assert_eq!(
        (&event["pid"], &event["reused"], &event["detached"]),
        (&first[0]["pid"], &true.into(), &true.into())
    );
    assert_eq!(events.last().unwrap()["url"], harness.url());
    assert_eq!(get(harness.port).as_deref(), Some("second"));

    harness.good(&["down"]);
    assert_eq!(get(harness.port), None);
    assert_eq!(harness.files(), Vec::<String>::new());
    assert_eq!(harness.forwards(), Vec::<Value>::new());
}

#[test]
fn one_that_was_killed_is_shown_replaced_at_its_address_and_cleaned_up() {
    let harness = Harness::new();
    let port = free_port().to_string();
    let detach = ["forward", "--detach", "db", "--local-port", port.as_str()];
    let address = harness.good(&detach);
    let kill_it = || {
        let running = harness.forwards();
        assert_eq!((running.len(), &running[0]["running"]), (1, &true.into()), "{running:?}");
        kill(&running[0]["pid"]);
        until("its port is free", Duration::from_secs(10), || TcpListener::bind(&address).is_ok());
        running[0]["pid"].clone()
    };
    let killed = kill_it();
    let ended = harness.forwards();
    assert_eq!((&ended[0]["running"], &ended[0]["address"]), (&false.into(), &address.clone().into()));
    assert!(ended[0]["reason"].is_string());
    assert_eq!(harness.good(&detach), address);
    assert_ne!(kill_it(), killed);
    harness.good(&["down"]);
    assert_eq!(harness.files(), Vec::<String>::new());
}

#[test]
fn of_several_runs_at_once_one_process_is_left() {
    let harness = Harness::new();
    let runs: Vec<_> = (0..4).map(|_| harness.spawn(&["forward", "--detach"])).collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), harness.url(), "{said}");
    }
    let left = harness.forwards();
    assert_eq!(left.len(), 1, "{left:?}");
    let locks = harness.files().iter().filter(|name| name.contains(".lock")).count();
    assert_eq!(locks, 1);
    harness.good(&["forward", "--stop"]);
}

#[test]
fn a_port_that_is_taken_is_passed_by_until_it_is_free_and_never_by_our_own() {
    let harness = Harness::new();
    let taken = TcpListener::bind(("127.0.0.1", harness.port)).unwrap();
    let other = harness.good(&["forward", "--detach", "web"]);
    assert_ne!(other, harness.url());
    assert_eq!(harness.good(&["forward", "--detach", "web"]), other, "the one that runs is used");
    drop(taken);
    assert_eq!(harness.good(&["forward", "--detach", "web"]), harness.url());
    assert_eq!(harness.good(&["forward", "--detach", "web"]), harness.url());
    assert_eq!(harness.forwards().len(), 1);
    harness.good(&["forward", "--stop"]);
}

#[test]
fn stop_ends_what_is_named_and_says_what_is_not_there() {
    let harness = Harness::new();
    let port = free_port().to_string();
    let (web, db) = (
        harness.good(&["forward", "-d", "web"]),
        harness.good(&["forward", "-d", "db", "-l", port.as_str()]),
    );
    assert_eq!(web, harness.url());
    harness.good(&["forward", "--stop", "db"]);
    assert!(TcpListener::bind(&db).is_ok());
    assert_eq!(get(harness.port).as_deref(), Some("first"));
    let output = harness.todo(&["forward", "--stop", "db"]);
    assert_eq!(output.code, Some(60), "{}", output.stderr);
    assert!(output.stderr.contains("`web`"), "{}", output.stderr);
    // Another project in the same directory of state keeps its own.
    let project = std::fs::read_to_string(harness.place.path("deploy.toml")).unwrap();
    std::fs::write(harness.place.path("deploy.toml"), format!("name = 'other'\n{project}")).unwrap();
    harness.good(&["forward", "--stop"]);
    assert_eq!(get(harness.port).as_deref(), Some("first"));
    std::fs::write(harness.place.path("deploy.toml"), project).unwrap();
    harness.good(&["forward", "--stop"]);
    assert_eq!((get(harness.port), harness.files()), (None, Vec::new()));
    assert_eq!(harness.todo(&["forward", "--stop"]).code, Some(0), "nothing is left to end");
}

#[test]
fn a_forward_ends_with_its_service_in_the_background_and_in_the_foreground() {
    let harness = Harness::new();
    harness.good(&["forward", "--detach", "web"]);
    let mut foreground = harness.spawn(&["forward", "web"]);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(foreground.stdout.take().unwrap()), &mut line)
        .unwrap();
    assert!(line.starts_with("http://127.0.0.1:") && line.trim() != harness.url(), "{line}");
    harness.cluster.delete_service("web");
    let mut said = String::new();
    foreground.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(foreground.wait().unwrap().code(), Some(60), "{said}");
    assert!(said.contains("was deleted"), "{said}");
    until("it has ended", Duration::from_secs(20), || harness.forwards()[0]["running"] == false);
    assert!(harness.forwards()[0]["reason"].as_str().unwrap().contains("`web`"));
    harness.good(&["down"]);
    assert_eq!(harness.files(), Vec::<String>::new());
}

#[test]
fn after_the_api_server_has_moved_the_same_forward_leads_there() {
    let mut harness = Harness::new();
    harness.good(&["forward", "--detach", "web"]);
    let pid = harness.forwards()[0]["pid"].clone();
    harness.cluster.restart_elsewhere();
    std::fs::write(harness.place.path(".kube/config"), harness.cluster.kubeconfig()).unwrap();
    until("it leads there", Duration::from_secs(20), || get(harness.port).as_deref() == Some("first"));
    assert_eq!(harness.forwards()[0]["pid"], pid);
    harness.good(&["forward", "--stop"]);
}

#[test]
fn a_project_that_wants_another_port_has_no_forward_left_at_the_old_one() {
    let harness = Harness::new();
    assert_eq!(harness.good(&["up"]), harness.url());
    let port = free_port();
    let project = std::fs::read_to_string(harness.place.path("deploy.toml")).unwrap();
    let moved = project.replace(&harness.port.to_string(), &port.to_string());
    std::fs::write(harness.place.path("deploy.toml"), moved).unwrap();
    assert_eq!(harness.good(&["up"]), format!("http://127.0.0.1:{port}/"));
    assert_eq!(get(harness.port), None);
    assert_eq!(harness.forwards().len(), 1);
    harness.good(&["down"]);
}

#[cfg(unix)]
#[test]
fn what_runs_in_the_background_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let harness = Harness::new();
    harness.good(&["forward", "--detach", "web"]);
    let mode = |name: &str| harness.place.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(STATE), 0o700);
    let files = harness.files();
    assert_eq!(files.len(), 3, "a record, a lock and a log: {files:?}");
    for name in files {
        assert_eq!(mode(&format!("{STATE}/{name}")), 0o600, "{name}");
    }
    // `proc_pid_fd(5)`: no terminal and no pipe of the command that started it.
    #[cfg(target_os = "linux")]
    {
        let pid = harness.forwards()[0]["pid"].clone();
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(String::from_utf8_lossy(&line).contains("forward-process"));
        let session = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = session.rsplit(") ").next().unwrap().split(' ').collect();
        assert_eq!(fields[3], pid.to_string(), "a session of its own");
    }
    harness.good(&["forward", "--stop"]);
}

/// `flock` and `make` leave descriptors open to what they start; who waits for those to be closed must not wait for ever.
#[cfg(unix)]
#[test]
fn a_descriptor_that_the_caller_left_open_is_not_kept() {
    let harness = Harness::new();
    let script = format!(
        "exec 9>held; flock 9; {PROGRAM} forward --detach web; exec 9>&-; flock --nonblock held true"
    );
    let output = harness.place.run_by(Path::new("/bin/sh"), &["-c", &script], |command| {
        command.env("TODO_TARGET", "here").env("PATH", "/usr/bin:/bin");
    });
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(output.stdout.trim(), harness.url());
    harness.good(&["forward", "--stop"]);
}
