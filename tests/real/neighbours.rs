//! Two projects in one namespace on a real cluster: of one name, of two names, moved, cloned, in a worktree; and an inventory
//! that another client has damaged.

use crate::real::harness::Harness;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;
use std::process::Output;

const NAMESPACE: &str = "todo-neighbours";

struct RunOutput {
    code: Option<i32>,
    stderr: String,
    stdout: String,
}

struct Room {
    harness: Harness,
}

fn app(letter: &str, value: &str) -> String {
    format!(
        "apiVersion: v1
kind: ConfigMap
metadata: {{name: {letter}-settings}}
data: {{level: '{value}'}}
---
apiVersion: v1
kind: Secret
metadata: {{name: {letter}-keys}}
stringData: {{key: '{value}'}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {letter}-data}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 10Mi}}}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {letter}-web}}
spec:
  selector: {{matchLabels: {{app: {letter}}}}}
  template:
    metadata: {{labels: {{app: {letter}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: busybox:1.36
          command: [sleep, '100000']
          envFrom: [{{configMapRef: {{name: {letter}-settings}}}}, {{secretRef: {{name: {letter}-keys}}}}]
"
    )
}

impl Room {
    fn write(&self, folder: &str, name: Option<&str>, text: &str) {
        let folder = self.harness.path(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let name = name.map(|name| format!("name = '{name}'\n")).unwrap_or_default();
        let toml = format!("namespace = '{NAMESPACE}'\n{name}[[manifests]]\npath = 'app.yaml'\n");
        std::fs::write(folder.join("deploy.toml"), toml).unwrap();
        std::fs::write(folder.join("app.yaml"), text).unwrap();
    }

    fn todo(&self, folder: &str, arguments: &[&str]) -> RunOutput {
        let mut command = self.harness.command(Harness::program());
        let output = command.args(arguments).current_dir(self.harness.path(folder)).output().unwrap();
        let Output { status, stdout, stderr } = output;
        let run = RunOutput {
            code: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        };
        println!("{folder}: todo {}: {:?}\n{}{}", arguments.join(" "), run.code, run.stderr, run.stdout);
        run
    }

    #[track_caller]
    fn ended(&self, folder: &str, arguments: &[&str], code: i32) -> RunOutput {
        let output = self.todo(folder, arguments);
        assert_eq!(output.code, Some(code), "{}", output.stderr);
        output
    }

    fn git(&self, folder: &str, arguments: &[&str]) {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=k", "-c", "user.email=k@example.org"]).args(arguments);
        let output = git.current_dir(self.harness.path(folder)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Everything that is called after `letter`, and the records of the project `name`, by UID and version.
    fn versions(&self, letter: &str, name: &str) -> BTreeMap<String, String> {
        let kinds = "deployments,replicasets,pods,configmaps,secrets,persistentvolumeclaims";
        let list = self.harness.kubectl(&["get", kinds, "-n", NAMESPACE, "-o", "json"]);
        let list: Value = serde_json::from_str(&list).unwrap();
        let mut found = BTreeMap::new();
        for object in list["items"].as_array().unwrap() {
            let metadata = &object["metadata"];
            let called = metadata["name"].as_str().unwrap();
            let ending = !metadata["deletionTimestamp"].is_null();
            if !ending
                && (called.starts_with(&format!("{letter}-")) || called.starts_with(&format!("todo.{name}")))
            {
                let version = format!("{} {}", metadata["uid"], metadata["resourceVersion"]);
                found.insert(format!("{}/{called}", object["kind"].as_str().unwrap()), version);
            }
        }
        found
    }

    fn exists(&self, path: &str) -> bool {
        self.harness.path(path).exists()
    }
}

#[test]
#[ignore = "needs minikube"]
fn neighbours_in_a_namespace_leave_one_another_alone() {
    let room = Room { harness: Harness::create("todo-neighbours", &["deploy.toml"]) };
    room.write("a", None, &app("a", "1"));
    room.write("b", None, &app("b", "1"));
    room.ended("a", &["up"], 0);
    one_name(&room);
    two_names(&room);
    another_place(&room);
    damaged(&room);
    room.ended("c", &["down", "--purge"], 0);
    let left = room.harness.kubectl(&["get", "namespaces", "-o", "name"]);
    assert!(!left.contains(NAMESPACE), "{left}");
}

fn one_name(room: &Room) {
    let before = room.versions("a", NAMESPACE);
    assert!(before.len() > 6, "{before:?}");
    let (a, b) = (room.harness.path("a"), room.harness.path("b"));
    for arguments in [&["up"][..], &["plan"], &["down"], &["down", "--purge"], &["unlock"]] {
        let output = room.ended("b", arguments, 40);
        for place in [&a, &b] {
            let place = place.canonicalize().unwrap();
            assert!(output.stderr.contains(place.to_str().unwrap()), "{}", output.stderr);
        }
    }
    let status = room.ended("b", &["status"], 3);
    assert!(status.stdout.contains(a.canonicalize().unwrap().to_str().unwrap()), "{}", status.stdout);
    assert_eq!(room.versions("a", NAMESPACE), before);
}

fn two_names(room: &Room) {
    let before = room.versions("a", NAMESPACE);
    let untouched = |after: &str| assert_eq!(room.versions("a", NAMESPACE), before, "after {after}");
    room.write("b", Some("b"), &app("b", "1"));
    room.ended("b", &["up"], 0);
    room.write("b", Some("b"), &app("b", "2"));
    room.ended("b", &["up"], 0);
    untouched("an edit");
    room.ended("b", &["rollback"], 0);
    untouched("a rollback");
    room.ended("b", &["down"], 0);
    untouched("down");
    room.ended("b", &["down", "--purge"], 0);
    untouched("down --purge");
    room.ended("a", &["status"], 0);
    assert!(room.versions("b", "b").is_empty());
}

/// Moved, cloned, and in a worktree, it is the same project: nothing is written, no pod restarts.
fn another_place(room: &Room) {
    let pods = |room: &Room| -> Vec<String> {
        let all = room.versions("a", NAMESPACE);
        all.into_iter().filter(|(key, _)| key.starts_with("Pod/")).map(|(key, _)| key).collect()
    };
    let before = pods(room);
    std::fs::rename(room.harness.path("a"), room.harness.path("moved")).unwrap();
    assert!(!room.exists("a"));
    let output = room.ended("moved", &["up"], 0);
    assert!(output.stderr.contains("project/a on "), "{}", output.stderr);
    assert!(!room.ended("moved", &["up"], 0).stderr.contains("project/a on "), "it is told once");

    room.git("moved", &["init", "-q"]);
    room.git("moved", &["add", "."]);
    room.git("moved", &["commit", "-q", "-m", "x"]);
    room.git("moved", &["worktree", "add", "-q", "../worktree"]);
    room.git("moved", &["clone", "-q", ".", "../c"]);
    // What it was deployed from has become a repository since; the next change writes that down.
    room.write(
        "moved",
        None,
        &format!("{}\n---\n{}", app("a", "1"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a-more}\n"),
    );
    room.ended("moved", &["up"], 0);
    room.write("moved", None, &app("a", "1"));
    room.ended("moved", &["up"], 0);
    for place in ["worktree", "c"] {
        room.ended(place, &["status"], 0);
        room.ended(place, &["up"], 0);
    }
    assert_eq!(pods(room), before);
    // Another repository is another project.
    room.write("d", None, &app("a", "1"));
    room.git("d", &["init", "-q"]);
    room.ended("d", &["up"], 40);
}

fn damaged(room: &Room) {
    let pods = |room: &Room| -> Vec<String> {
        room.versions("a", NAMESPACE).into_keys().filter(|key| key.starts_with("Pod/")).collect()
    };
    let before = pods(room);
    let secret = format!("secret/todo.{NAMESPACE}");
    let patch = r#"{"data":{"inventory":""}}"#;
    room.harness.kubectl(&["patch", &secret, "-n", NAMESPACE, "--type=merge", "-p", patch]);
    assert!(room.ended("c", &["status"], 0).stderr.contains("damaged"));
    let output = room.ended("c", &["up"], 0);
    assert!(output.stderr.contains(".damaged-"), "{}", output.stderr);
    assert_eq!(pods(room), before, "the salt is the same");
    room.harness.kubectl(&["delete", &secret, "-n", NAMESPACE]);
    room.ended("c", &["up"], 0);
    assert_eq!(pods(room), before, "the newest revision has the salt");
}
