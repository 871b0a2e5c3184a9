//! The whole program in a world of its own: what it prints, where, and with which exit code it ends.

#![expect(clippy::disallowed_methods, reason = "the program under test is started here")]

mod charts;

use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use tempfile::TempDir;

/// A directory that is the whole world of a run: home, project, PATH.
pub(crate) struct Fixture {
    folder: TempDir,
}

pub(crate) struct RunOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Fixture {
    pub(crate) fn new(files: &[(&str, &str)]) -> Fixture {
        let fixture = Fixture { folder: tempfile::tempdir().unwrap() };
        for (name, text) in files {
            let path = fixture.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        fixture
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// A program in this world.
    pub(crate) fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("USERPROFILE", self.folder.path())
            .env("LOCALAPPDATA", self.path("AppData/Local"))
            .env("PATH", self.path("bin"))
            .env("DOCKER_HOST", format!("unix://{}", self.path("no.sock").display()))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        // Windows finds the libraries of its network and its random numbers by it.
        if let Some(root) = std::env::var_os("SystemRoot") {
            command.env("SystemRoot", root);
        }
        command
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> RunOutput {
        self.run_by(program, arguments, |_| ())
    }

    pub(crate) fn run_by(
        &self,
        program: &Path,
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> RunOutput {
        let mut command = self.command(program, arguments);
        change(&mut command);
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(&self.folder.path().display().to_string(), "PLACE")
        };
        RunOutput { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    pub(crate) fn todo(&self, arguments: &[&str]) -> RunOutput {
        self.run(Path::new(env!("CARGO_BIN_EXE_todo")), arguments)
    }
}

const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
const PROJECT: &str = "[[manifests]]\npath = 'k8s'\n";

#[test]
fn without_a_project_it_says_where_it_looked_and_what_to_do() {
    let output = Fixture::new(&[]).todo(&["up"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        output.stderr,
        "error[deploy-toml-not-found]: there is no deploy.toml in PLACE or above it\n\
         help: change to the project's directory, or name the file: `todo up --file path/to/deploy.toml`\nfor more: `todo help deploy-toml-not-found`\n"
    );
}

#[test]
fn mistakes_of_every_file_are_told_before_anything_is_touched() {
    let fixture = Fixture::new(&[
        (
            "deploy.toml",
            "namespace = 'shop'\n[image.web]\ncontext = 'web'\n[[manifests]]\npath = 'k8s'\n[secret.s]\nenv-file = '.env'\nkeys = ['A']\n",
        ),
        ("k8s/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: 1}\nkind: Secret\n"),
        (".env", "B=1\n"),
    ]);
    let output = fixture.todo(&["up"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{}", output.stderr);
    for words in ["web", "k8s/a.yaml:5:1", "deploy.toml:6:9", "`A` of `[secret.s]` has no value"] {
        assert!(output.stderr.contains(words), "{words:?} is not in:\n{}", output.stderr);
    }
}

#[test]
fn a_key_without_a_value_is_told_with_the_line_that_needs_it() {
    let web = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: nginx:1.29
          env:
            - name: A
              valueFrom: {secretKeyRef: {name: s, key: A}}
";
    let project = "[[manifests]]\npath = 'k8s'\n[secret.s]\nenv-file = '.env'\nkeys = ['A']\n\
                   [[check]]\nname = 'db'\ntcp = {secret = 's', key = 'A'}\n";
    let fixture = Fixture::new(&[("deploy.toml", project), ("k8s/web.yaml", web), (".env", "B=hunter2\n")]);
    let output = fixture.todo(&["up"]);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    for words in [
        "`A` of `[secret.s]` has no value",
        "Deployment/web needs it (k8s/web.yaml:14:56)",
        "check db needs it (deploy.toml:6:1)",
        "help: add `A=...` to .env",
    ] {
        assert!(output.stderr.contains(words), "{words:?} is not in:\n{}", output.stderr);
    }
    assert!(!output.stderr.contains("hunter2"));
}

#[test]
fn the_projects_checks_are_asked_again_as_a_table_and_for_programs() {
    let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let shut = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let project = format!(
        "[[manifests]]\npath = 'k8s'\n[secret.s]\nenv-file = '.env'\n\
         [[check]]\nname = 'cache'\ntcp = '{}'\n\
         [[check]]\nname = 'database'\ntcp = {{secret = 's', key = 'DATABASE_URL'}}\n\
         [[check]]\nname = 'model'\ntcp = 'host.minikube.internal:11434'\nfrom = 'cluster'\nrequired = false\n",
        open.local_addr().unwrap()
    );
    let value = format!("DATABASE_URL=postgres://me:hunter2@{shut}/x\n");
    let fixture = Fixture::new(&[("deploy.toml", &project), ("k8s/a.yaml", OBJECT), (".env", &value)]);
    let output = fixture.todo(&["check"]);
    assert_eq!(output.code, Some(10), "{}{}", output.stdout, output.stderr);
    let lines: Vec<Vec<&str>> =
        output.stdout.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    let rows = [
        ["CHECK", "RESULT", "FROM"],
        ["cache", "passed", "host"],
        ["database", "failed", "host"],
        ["model", "missing", "cluster"],
    ];
    assert_eq!(lines, rows.map(|row| row.to_vec()), "{}", output.stdout);
    assert!(output.stderr.contains(
        "error[check-unreachable]: check database: the address in `DATABASE_URL` of the Secret `s` refuses"
    ));
    assert!(output.stderr.contains("  --> deploy.toml:8:1\n  help: "), "{}", output.stderr);

    let json = fixture.todo(&["check", "--output", "json"]);
    assert_eq!((json.code, json.stderr.as_str()), (Some(10), ""));
    let checks: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(checks["checks"][0]["result"], "passed");
    assert_eq!(checks["checks"][1]["finding"]["severity"], "error");
    assert_eq!(checks["checks"][2]["finding"]["severity"], "warning");
    for text in [&output.stdout, &output.stderr, &json.stdout] {
        assert!(!text.contains("hunter2") && !text.contains(&shut.to_string()), "{text}");
    }
}

#[test]
fn what_lint_finds_is_told_beside_what_is_wrong_with_an_image() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  type: NodePort\n  selector: {app: web}\n  ports:\n  - port: 80\n    nodePort: 80\n";
    let project = "[image.web]\ncontext = 'web'\n[[manifests]]\npath = 'k8s'\n";
    let output = Fixture::new(&[("deploy.toml", project), ("k8s/web.yaml", service)]).todo(&["up"]);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    for words in ["the context `web` does not exist", "k8s/web.yaml:9:15"] {
        assert!(output.stderr.contains(words), "{words:?} is not in:\n{}", output.stderr);
    }
}

#[test]
fn a_misspelt_key_is_told_with_its_place_and_what_was_meant() {
    let fixture = Fixture::new(&[("deploy.toml", "namespce = 'shop'\n[[manifests]]\npath = 'k8s'\n")]);
    let output = fixture.todo(&["status"]);
    assert_eq!(output.code, Some(2));
    assert_eq!(
        output.stderr,
        "error[project-invalid]: deploy.toml is invalid\n\n\
         error[deploy-toml-unknown-key]: `namespce` is not a key of deploy.toml\n  --> deploy.toml:1:1\n  help: did you mean `namespace`?\n\nfor more: `todo help deploy-toml-unknown-key`\n"
    );
}

#[test]
fn without_docker_and_minikube_both_are_named_with_what_to_do() {
    let fixture = Fixture::new(&[("deploy.toml", PROJECT), ("k8s/a.yaml", OBJECT)]);
    let output = fixture.todo(&["up"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(10), ""), "{}", output.stderr);
    assert!(output.stderr.contains("minikube"), "{}", output.stderr);
    assert!(output.stderr.contains("no.sock"), "{}", output.stderr);
}

#[test]
fn what_asks_a_running_cluster_says_what_brings_it_to_run() {
    let fixture = Fixture::new(&[("deploy.toml", PROJECT), ("k8s/a.yaml", OBJECT)]);
    for command in ["logs", "restart", "open"] {
        let output = fixture.todo(&[command]);
        assert!(matches!(output.code, Some(10 | 20)), "{command}: {:?} {}", output.code, output.stderr);
        assert_eq!(output.stdout, "");
        assert!(output.stderr.contains("minikube"), "{}", output.stderr);
        let json = fixture.todo(&[command, "--output", "json"]);
        let last = json.stdout.lines().last().unwrap_or_default();
        let last: serde_json::Value = serde_json::from_str(last).unwrap();
        assert_eq!((&last["event"], json.stderr.as_str()), (&"run-failed".into(), ""), "{command}");
    }
    let both = fixture.todo(&["logs", "--follow", "--previous"]);
    assert_eq!(both.code, Some(2));
}

#[test]
fn a_program_gets_one_json_line_an_event_and_nothing_else() {
    let fixture = Fixture::new(&[("deploy.toml", PROJECT), ("k8s/a.yaml", OBJECT)]);
    let output = fixture.todo(&["up", "--output", "json"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(10), ""));
    let events: Vec<serde_json::Value> =
        output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["event"], "run-started");
    assert_eq!(events[0]["schema"], 3);
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["code"]), (&"run-failed".into(), &10.into()));
    assert_eq!(events.iter().filter(|event| event["event"] == "run-failed").count(), 1);
}

/// Root may read everything, so root's tests run the program as another user.
#[test]
#[cfg(unix)]
fn files_that_may_not_be_read_are_named_with_the_command_that_allows_it() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let project = "[image.web]\ncontext = 'web'\n[[manifests]]\npath = 'k8s'\n";
    let dockerfile = "FROM debian:12\nCOPY . /\nUSER 1\n";
    let files = [
        ("deploy.toml", project),
        ("k8s/a.yaml", OBJECT),
        ("web/Dockerfile", dockerfile),
        ("web/key", "k"),
        ("web/data/x", ""),
        ("web/ignored/x", ""),
        ("web/.dockerignore", "ignored\n"),
    ];
    let fixture = Fixture::new(&files);
    let allow = |name: &str, mode| {
        std::fs::set_permissions(fixture.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    allow("", 0o755);
    let mut program = std::path::PathBuf::from(env!("CARGO_BIN_EXE_todo"));
    let is_root = std::fs::metadata("/proc/self")
        .is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0);
    if is_root {
        // Where the program was built, others may have no access.
        std::fs::copy(&program, fixture.path("todo")).unwrap();
        program = fixture.path("todo");
    }
    for name in ["web/key", "web/data", "web/ignored"] {
        allow(name, 0);
    }
    let output = fixture.run_by(&program, &["up"], |command| {
        if is_root {
            command.uid(65534).gid(65534);
        }
    });
    for name in ["web/key", "web/data", "web/ignored"] {
        allow(name, 0o755);
    }
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{}", output.stderr);
    for words in
        ["2 files cannot be read", "permission denied", "| data", "| key", "chmod u+r", "web/.dockerignore"]
    {
        assert!(output.stderr.contains(words), "{words:?} is not in:\n{}", output.stderr);
    }
    assert!(!output.stderr.contains("| ignored"), "{}", output.stderr);
}

const CONTEXTS: &str = "apiVersion: v1\nkind: Config\ncurrent-context: prod\ncontexts:\n- name: prod\n  context: {cluster: c, user: u}\n";

#[test]
fn a_target_is_one_that_the_project_names_whatever_the_current_context() {
    let project =
        "[target.staging]\ncontext = 'gke'\nregistry = 'ghcr.io/acme'\n[[manifests]]\npath = 'k8s'\n";
    let fixture =
        Fixture::new(&[("deploy.toml", project), ("k8s/a.yaml", OBJECT), (".kube/config", CONTEXTS)]);
    for (name, words) in [
        ("stagin", ["deploy.toml has no `[target.stagin]`", "did you mean `--target staging`?"]),
        ("prod", ["deploy.toml has no `[target.prod]`", "there are `staging`"]),
        ("staging", ["no kubeconfig has the context `gke`", "there are `prod`"]),
    ] {
        for command in ["up", "status", "plan", "down", "history", "rollback", "unlock"] {
            let output = fixture.todo(&[command, "--target", name]);
            assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{command}: {}", output.stderr);
            for word in words {
                assert!(output.stderr.contains(word), "{command}: {word:?} is not in:\n{}", output.stderr);
            }
        }
    }
    let stopped = fixture.todo(&["down", "--target", "staging", "--stop"]);
    assert_eq!(stopped.code, Some(2));
    assert!(
        stopped.stderr.starts_with("todo ")
            && stopped.stderr.contains("error[argument-invalid]: the target `staging`"),
        "{}",
        stopped.stderr
    );
}

#[test]
fn a_target_without_a_registry_cannot_have_images() {
    let project =
        "[image.web]\ncontext = 'web'\n[target.staging]\ncontext = 'prod'\n[[manifests]]\npath = 'k8s'\n";
    let files = [
        ("deploy.toml", project),
        ("k8s/a.yaml", OBJECT),
        ("web/Dockerfile", "FROM debian:12\nUSER 1\n"),
        (".kube/config", CONTEXTS),
    ];
    let output = Fixture::new(&files).todo(&["up", "--target", "staging"]);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    for words in ["error[target-without-registry]", "deploy.toml:3:9", "add `registry = "] {
        assert!(output.stderr.contains(words), "{words:?} is not in:\n{}", output.stderr);
    }
}

#[test]
fn wrong_arguments_and_help() {
    let fixture = Fixture::new(&[]);
    let wrong = fixture.todo(&["up", "--tiemout", "5"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("--timeout"), "it says what was meant: {}", wrong.stderr);
    let help = fixture.todo(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for command in ["up", "down", "status", "plan", "logs", "restart", "open", "explain"] {
        assert!(help.stdout.contains(command), "{command} is not in {}", help.stdout);
    }
}

#[test]
#[cfg(unix)]
fn it_is_the_command_that_it_is_called_by() {
    let fixture = Fixture::new(&[]);
    for name in ["todo-up", "todo-down", "todo-status"] {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_todo"), fixture.path(name)).unwrap();
        let help = fixture.run(&fixture.path(name), &["--help"]);
        assert_eq!(help.code, Some(0));
        let command = name.replace('-', " ");
        assert!(help.stdout.contains(&format!("Usage: {command}")), "{}", help.stdout);
    }
}

#[test]
fn objects_are_explained_offline() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, uid: u}\nspec: {containers: [{name: web, image: 'x:1'}]}\n\
               status: {phase: Pending, containerStatuses: [{name: web, ready: false, restartCount: 0, image: 'x:1', \
               state: {waiting: {reason: InvalidImageName, message: 'couldn''t parse image name'}}}]}\n";
    let fixture = Fixture::new(&[("pod.yaml", pod)]);
    let output = fixture.todo(&["explain", "pod.yaml", "--output", "json"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let verdicts: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(verdicts[0]["object"], "Pod/web");
    assert_eq!(verdicts[0]["health"], "failed");
    assert_eq!(verdicts[0]["reason"], "InvalidImageName");
    let text = fixture.todo(&["explain", "pod.yaml"]).stdout;
    assert!(text.starts_with("OBJECT   HEALTH"), "{text}");
}

#[cfg(unix)]
pub(crate) fn script(fixture: &Fixture, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = fixture.path(&format!("bin/{name}"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
