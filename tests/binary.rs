//! The whole program in a world of its own: what it prints, where, and with which exit code it ends.

#![expect(clippy::disallowed_methods, reason = "the program under test is started here")]

use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use tempfile::TempDir;

/// A folder that is the whole world of a run: home, project, PATH.
struct Place {
    folder: TempDir,
}

struct Told {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Place {
        let place = Place { folder: tempfile::tempdir().unwrap() };
        for (name, text) in files {
            let path = place.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Told {
        let output = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("USERPROFILE", self.folder.path())
            .env("PATH", self.path("bin"))
            .env("DOCKER_HOST", format!("unix://{}", self.path("no.sock").display()))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(&self.folder.path().display().to_string(), "PLACE")
        };
        Told { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn todo(&self, arguments: &[&str]) -> Told {
        self.run(Path::new(env!("CARGO_BIN_EXE_todo")), arguments)
    }
}

const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
const PROJECT: &str = "[[manifests]]\npath = 'k8s'\n";

#[test]
fn without_a_project_it_says_where_it_looked_and_what_to_do() {
    let told = Place::new(&[]).todo(&["up"]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        told.stderr,
        "error: there is no deploy.toml in PLACE or above it\n\
         hint: go to the project's folder, or name the file: `todo up --file path/to/deploy.toml`\n"
    );
}

#[test]
fn mistakes_of_every_file_are_told_before_anything_is_touched() {
    let place = Place::new(&[
        (
            "deploy.toml",
            "namespace = 'shop'\n[image.web]\ncontext = 'web'\n[[manifests]]\npath = 'k8s'\n[secret.s]\nenv-file = '.env'\nkeys = ['A']\n",
        ),
        ("k8s/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: 1}\nkind: Secret\n"),
        (".env", "B=1\n"),
    ]);
    let told = place.todo(&["up"]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(2), ""), "{}", told.stderr);
    for words in ["web", "k8s/a.yaml:5:1", "deploy.toml:6:9", "`A` of `[secret.s]` has no value"] {
        assert!(told.stderr.contains(words), "{words:?} is not in:\n{}", told.stderr);
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
    let place = Place::new(&[("deploy.toml", project), ("k8s/web.yaml", web), (".env", "B=hunter2\n")]);
    let told = place.todo(&["up"]);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    for words in [
        "`A` of `[secret.s]` has no value",
        "Deployment/web needs it (k8s/web.yaml:14:56)",
        "check db needs it (deploy.toml:6:1)",
        "mend: add `A=…` to .env",
    ] {
        assert!(told.stderr.contains(words), "{words:?} is not in:\n{}", told.stderr);
    }
    assert!(!told.stderr.contains("hunter2"));
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
    let place = Place::new(&[("deploy.toml", &project), ("k8s/a.yaml", OBJECT), (".env", &value)]);
    let told = place.todo(&["check"]);
    assert_eq!(told.code, Some(10), "{}{}", told.stdout, told.stderr);
    let lines: Vec<Vec<&str>> =
        told.stdout.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    let rows = [
        ["CHECK", "RESULT", "FROM"],
        ["cache", "passed", "host"],
        ["database", "failed", "host"],
        ["model", "missing", "cluster"],
    ];
    assert_eq!(lines, rows.map(|row| row.to_vec()), "{}", told.stdout);
    assert!(
        told.stderr.contains("error: check database: what `DATABASE_URL` of the Secret `s` names refuses")
    );
    assert!(told.stderr.contains("  --> deploy.toml:8:1\n  mend: "), "{}", told.stderr);

    let json = place.todo(&["check", "--output", "json"]);
    assert_eq!((json.code, json.stderr.as_str()), (Some(10), ""));
    let checks: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(checks["checks"][0]["result"], "passed");
    assert_eq!(checks["checks"][1]["finding"]["severity"], "error");
    assert_eq!(checks["checks"][2]["finding"]["severity"], "warning");
    for text in [&told.stdout, &told.stderr, &json.stdout] {
        assert!(!text.contains("hunter2") && !text.contains(&shut.to_string()), "{text}");
    }
}

#[test]
fn what_lint_finds_is_told_beside_what_is_wrong_with_an_image() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  type: NodePort\n  selector: {app: web}\n  ports:\n  - port: 80\n    nodePort: 80\n";
    let project = "[image.web]\ncontext = 'web'\n[[manifests]]\npath = 'k8s'\n";
    let told = Place::new(&[("deploy.toml", project), ("k8s/web.yaml", service)]).todo(&["up"]);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    for words in ["the context `web` does not exist", "k8s/web.yaml:9:15"] {
        assert!(told.stderr.contains(words), "{words:?} is not in:\n{}", told.stderr);
    }
}

#[test]
fn a_misspelt_key_is_told_with_its_place_and_what_was_meant() {
    let place = Place::new(&[("deploy.toml", "namespce = 'shop'\n[[manifests]]\npath = 'k8s'\n")]);
    let told = place.todo(&["status"]);
    assert_eq!(told.code, Some(2));
    assert_eq!(
        told.stderr,
        "error: deploy.toml cannot be used as it is\n\n\
         error: `namespce` is not a key of deploy.toml\n  --> deploy.toml:1:1\n  mend: did you mean `namespace`?\n"
    );
}

#[test]
fn without_docker_and_minikube_both_are_named_with_what_to_do() {
    let place = Place::new(&[("deploy.toml", PROJECT), ("k8s/a.yaml", OBJECT)]);
    let told = place.todo(&["up"]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(10), ""), "{}", told.stderr);
    assert!(told.stderr.contains("minikube"), "{}", told.stderr);
    assert!(told.stderr.contains("no.sock"), "{}", told.stderr);
}

#[test]
fn a_program_gets_one_json_line_an_event_and_nothing_else() {
    let place = Place::new(&[("deploy.toml", PROJECT), ("k8s/a.yaml", OBJECT)]);
    let told = place.todo(&["up", "--output", "json"]);
    assert_eq!((told.code, told.stderr.as_str()), (Some(10), ""));
    let events: Vec<serde_json::Value> =
        told.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["event"], "run-started");
    assert_eq!(events[0]["schema"], 1);
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["code"]), (&"run-failed".into(), &10.into()));
    assert_eq!(events.iter().filter(|event| event["event"] == "run-failed").count(), 1);
}

#[test]
fn wrong_arguments_and_help() {
    let place = Place::new(&[]);
    let wrong = place.todo(&["up", "--tiemout", "5"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("--timeout"), "it says what was meant: {}", wrong.stderr);
    let help = place.todo(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for command in ["up", "down", "status", "plan", "explain"] {
        assert!(help.stdout.contains(command), "{command} is not in {}", help.stdout);
    }
}

#[test]
#[cfg(unix)]
fn it_is_the_command_that_it_is_called_by() {
    let place = Place::new(&[]);
    for name in ["todo-up", "todo-down", "todo-status"] {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_todo"), place.path(name)).unwrap();
        let help = place.run(&place.path(name), &["--help"]);
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
    let place = Place::new(&[("pod.yaml", pod)]);
    let told = place.todo(&["explain", "pod.yaml", "--output", "json"]);
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));
    let verdicts: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(verdicts[0]["object"], "Pod/web");
    assert_eq!(verdicts[0]["health"], "failed");
    assert_eq!(verdicts[0]["reason"], "InvalidImageName");
    let text = place.todo(&["explain", "pod.yaml"]).stdout;
    assert!(text.starts_with("OBJECT   HEALTH"), "{text}");
}
