//! Port-forwards that outlive the command that started them: the whole program against an API server in this process.

mod cluster;

use crate::binary::Place;
use crate::binary::Told;
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

/// The folder of forwards in a [`Place`].
const STATE: &str = ".local/state/todo/forwards";
const STATE_ON_WINDOWS: &str = "AppData/Local/todo/state/forwards";

/// A project whose cluster is in this process, and a folder for all that a run leaves.
struct Stage {
    cluster: Cluster,
    place: Place,
    port: u16,
    /// What `DOCKER_HOST` is.
    engine: String,
}

impl Stage {
    fn new() -> Stage {
        let port = free_port();
        let cluster = Cluster::start("first");
        let project = format!(
            "namespace = 'shop'\n[target.here]\ncontext = 'fake'\n[[manifests]]\npath = 'k8s'\n[service.web]\nlocal-port = {port}\n"
        );
        let place = Place::new(&[
            ("deploy.toml", &project),
            ("k8s/all.yaml", OBJECTS),
            (".kube/config", &cluster.kubeconfig()),
        ]);
        Stage { cluster, place, port, engine: engine() }
    }

    fn todo(&self, arguments: &[&str]) -> Told {
        let told = self.place.run_by(Path::new(PROGRAM), arguments, |command| {
            command.env("TODO_TARGET", "here").env("DOCKER_HOST", &self.engine);
        });
        assert!(!told.stderr.contains("panicked"), "{}", told.stderr);
        told
    }

    /// Runs a command that succeeds, and returns what it answered.
    #[track_caller]
    fn good(&self, arguments: &[&str]) -> String {
        let told = self.todo(arguments);
        assert_eq!(told.code, Some(0), "{arguments:?}: {}{}", told.stdout, told.stderr);
        told.stdout.trim().to_owned()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// What `status` says of forwards.
    fn forwards(&self) -> Vec<Value> {
        let told = self.todo(&["status", "--output", "json"]);
        let status: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{}", told.stderr));
        status["forwards"].as_array().cloned().unwrap_or_default()
    }

    /// Files of forwards, but for the folder's lock.
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

/// The body of what answers at `port`; nothing where nobody does.
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
    let stage = Stage::new();
    assert_eq!(stage.good(&["up"]), stage.url());
    assert_eq!(get(stage.port).as_deref(), Some("first"));
    let first = stage.forwards();
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!((&first[0]["url"], &first[0]["running"]), (&stage.url().into(), &true.into()));

    // The terminal is closed, the pod is replaced, and `up` is run again: it is the same process.
    #[cfg(unix)]
    signal(&first[0]["pid"], rustix::process::Signal::HUP);
    stage.cluster.replace_pod("second");
    let told = stage.todo(&["up", "--output", "json"]);
    let events: Vec<Value> = told.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let event = events.iter().find(|event| event["event"] == "forwarded").unwrap();
    assert_eq!(
        (&event["pid"], &event["reused"], &event["detached"]),
        (&first[0]["pid"], &true.into(), &true.into())
    );
    assert_eq!(events.last().unwrap()["url"], stage.url());
    assert_eq!(get(stage.port).as_deref(), Some("second"));

    stage.good(&["down"]);
    assert_eq!(get(stage.port), None);
    assert_eq!(stage.files(), Vec::<String>::new());
    assert_eq!(stage.forwards(), Vec::<Value>::new());
}

#[test]
fn one_that_was_killed_is_shown_replaced_at_its_address_and_cleaned_up() {
    let stage = Stage::new();
    let port = free_port().to_string();
    let detach = ["forward", "--detach", "db", "--local-port", port.as_str()];
    let address = stage.good(&detach);
    let kill_it = || {
        let running = stage.forwards();
        assert_eq!((running.len(), &running[0]["running"]), (1, &true.into()), "{running:?}");
        kill(&running[0]["pid"]);
        until("its port is free", Duration::from_secs(10), || TcpListener::bind(&address).is_ok());
        running[0]["pid"].clone()
    };
    let killed = kill_it();
    let ended = stage.forwards();
    assert_eq!((&ended[0]["running"], &ended[0]["address"]), (&false.into(), &address.clone().into()));
    assert!(ended[0]["reason"].is_string());
    assert_eq!(stage.good(&detach), address);
    assert_ne!(kill_it(), killed);
    stage.good(&["down"]);
    assert_eq!(stage.files(), Vec::<String>::new());
}

#[test]
fn of_several_runs_at_once_one_process_is_left() {
    let stage = Stage::new();
    let runs: Vec<_> = (0..4).map(|_| stage.spawn(&["forward", "--detach"])).collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), stage.url(), "{said}");
    }
    let left = stage.forwards();
    assert_eq!(left.len(), 1, "{left:?}");
    let locks = stage.files().iter().filter(|name| name.contains(".lock")).count();
    assert_eq!(locks, 1);
    stage.good(&["forward", "--stop"]);
}

#[test]
fn a_port_that_is_taken_is_passed_by_until_it_is_free_and_never_by_our_own() {
    let stage = Stage::new();
    let taken = TcpListener::bind(("127.0.0.1", stage.port)).unwrap();
    let other = stage.good(&["forward", "--detach", "web"]);
    assert_ne!(other, stage.url());
    assert_eq!(stage.good(&["forward", "--detach", "web"]), other, "the one that runs is used");
    drop(taken);
    assert_eq!(stage.good(&["forward", "--detach", "web"]), stage.url());
    assert_eq!(stage.good(&["forward", "--detach", "web"]), stage.url());
    assert_eq!(stage.forwards().len(), 1);
    stage.good(&["forward", "--stop"]);
}

#[test]
fn stop_ends_what_is_named_and_says_what_is_not_there() {
    let stage = Stage::new();
    let port = free_port().to_string();
    let (web, db) =
        (stage.good(&["forward", "-d", "web"]), stage.good(&["forward", "-d", "db", "-l", port.as_str()]));
    assert_eq!(web, stage.url());
    stage.good(&["forward", "--stop", "db"]);
    assert!(TcpListener::bind(&db).is_ok());
    assert_eq!(get(stage.port).as_deref(), Some("first"));
    let told = stage.todo(&["forward", "--stop", "db"]);
    assert_eq!(told.code, Some(60), "{}", told.stderr);
    assert!(told.stderr.contains("`web`"), "{}", told.stderr);
    // Another project in the same folder of state keeps its own.
    let project = std::fs::read_to_string(stage.place.path("deploy.toml")).unwrap();
    std::fs::write(stage.place.path("deploy.toml"), format!("name = 'other'\n{project}")).unwrap();
    stage.good(&["forward", "--stop"]);
    assert_eq!(get(stage.port).as_deref(), Some("first"));
    std::fs::write(stage.place.path("deploy.toml"), project).unwrap();
    stage.good(&["forward", "--stop"]);
    assert_eq!((get(stage.port), stage.files()), (None, Vec::new()));
    assert_eq!(stage.todo(&["forward", "--stop"]).code, Some(0), "nothing is left to end");
}

#[test]
fn a_forward_ends_with_its_service_in_the_background_and_in_the_foreground() {
    let stage = Stage::new();
    stage.good(&["forward", "--detach", "web"]);
    let mut foreground = stage.spawn(&["forward", "web"]);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(foreground.stdout.take().unwrap()), &mut line)
        .unwrap();
    assert!(line.starts_with("http://127.0.0.1:") && line.trim() != stage.url(), "{line}");
    stage.cluster.delete_service("web");
    let mut said = String::new();
    foreground.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(foreground.wait().unwrap().code(), Some(60), "{said}");
    assert!(said.contains("was deleted"), "{said}");
    until("it has ended", Duration::from_secs(20), || stage.forwards()[0]["running"] == false);
    assert!(stage.forwards()[0]["reason"].as_str().unwrap().contains("`web`"));
    stage.good(&["down"]);
    assert_eq!(stage.files(), Vec::<String>::new());
}

#[test]
fn after_the_api_server_has_moved_the_same_forward_leads_there() {
    let mut stage = Stage::new();
    stage.good(&["forward", "--detach", "web"]);
    let pid = stage.forwards()[0]["pid"].clone();
    stage.cluster.restart_elsewhere();
    std::fs::write(stage.place.path(".kube/config"), stage.cluster.kubeconfig()).unwrap();
    until("it leads there", Duration::from_secs(20), || get(stage.port).as_deref() == Some("first"));
    assert_eq!(stage.forwards()[0]["pid"], pid);
    stage.good(&["forward", "--stop"]);
}

#[test]
fn a_project_that_wants_another_port_has_no_forward_left_at_the_old_one() {
    let stage = Stage::new();
    assert_eq!(stage.good(&["up"]), stage.url());
    let port = free_port();
    let project = std::fs::read_to_string(stage.place.path("deploy.toml")).unwrap();
    let moved = project.replace(&stage.port.to_string(), &port.to_string());
    std::fs::write(stage.place.path("deploy.toml"), moved).unwrap();
    assert_eq!(stage.good(&["up"]), format!("http://127.0.0.1:{port}/"));
    assert_eq!(get(stage.port), None);
    assert_eq!(stage.forwards().len(), 1);
    stage.good(&["down"]);
}

#[cfg(unix)]
#[test]
fn what_runs_in_the_background_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new();
    stage.good(&["forward", "--detach", "web"]);
    let mode = |name: &str| stage.place.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(STATE), 0o700);
    let files = stage.files();
    assert_eq!(files.len(), 3, "a record, a lock and a log: {files:?}");
    for name in files {
        assert_eq!(mode(&format!("{STATE}/{name}")), 0o600, "{name}");
    }
    // `proc_pid_fd(5)`: no terminal and no pipe of the command that started it.
    #[cfg(target_os = "linux")]
    {
        let pid = stage.forwards()[0]["pid"].clone();
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(String::from_utf8_lossy(&line).contains("forward-process"));
        let session = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = session.rsplit(") ").next().unwrap().split(' ').collect();
        assert_eq!(fields[3], pid.to_string(), "a session of its own");
    }
    stage.good(&["forward", "--stop"]);
}

/// `flock` and `make` leave descriptors open to what they start; who waits for those to be closed must not wait for ever.
#[cfg(unix)]
#[test]
fn a_descriptor_that_the_caller_left_open_is_not_kept() {
    let stage = Stage::new();
    let script = format!(
        "exec 9>held; flock 9; {PROGRAM} forward --detach web; exec 9>&-; flock --nonblock held true"
    );
    let told = stage.place.run_by(Path::new("/bin/sh"), &["-c", &script], |command| {
        command.env("TODO_TARGET", "here").env("PATH", "/usr/bin:/bin");
    });
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert_eq!(told.stdout.trim(), stage.url());
    stage.good(&["forward", "--stop"]);
}
