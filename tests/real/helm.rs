//! The real Helm on a real minikube: hooks, releases taken over, releases left to Helm, dependencies.
//!
//! `TODO_TEST_CONTEXT` names a profile that runs and may be shared: each test has a namespace of its own and leaves
//! nothing. `TODO_TEST_PROGRAM` is the program that is tried.

use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: IMAGE
          command: [sh, -c, sleep 100000]
          env: [{name: GREETING, value: {{ .Values.greeting | quote }}}]
";

const HOOKS: &str = r#"{{- range $i, $moment := list "pre-install,pre-upgrade" "post-install,post-upgrade" "pre-delete" "post-delete" "test" }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: hook-{{ $i }}
  annotations:
    helm.sh/hook: {{ $moment }}
    helm.sh/hook-delete-policy: {{ if eq $i 1 }}hook-succeeded{{ else }}before-hook-creation{{ end }}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: c
          image: busybox:1.36
          command: [sh, -c, 'echo it ran for $A; exit {{ $.Values.code }}']
          {{- if eq $i 0 }}
          env: [{name: A, valueFrom: {secretKeyRef: {name: given, key: A}}}]
          {{- end }}
{{- end }}
"#;

/// A project with a chart, and a namespace that is deleted with it.
struct Room {
    folder: tempfile::TempDir,
    profile: String,
    namespace: &'static str,
}

struct RunOutput {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Room {
    fn new(namespace: &'static str, more: &str, image: &str) -> Room {
        let folder = tempfile::tempdir().unwrap();
        let profile = std::env::var("TODO_TEST_CONTEXT").unwrap_or_else(|_| "minikube".to_owned());
        let room = Room { folder, profile, namespace };
        let project = format!(
            "name = '{namespace}'\nnamespace = '{namespace}'\n[[manifests]]\nchart = 'chart'\nrelease = 'web'\n{more}\n[secret.given]\nenv-file = '.env'\nkeys = ['A']\n"
        );
        room.write("deploy.toml", &project);
        room.write(".env", "A=hunter2\n");
        room.write("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n");
        room.write("chart/values.yaml", "greeting: hello\ncode: 0\n");
        room.write("chart/templates/web.yaml", &DEPLOYMENT.replace("IMAGE", image));
        room.clean();
        room
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join("p").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let path = self.folder.path().join("p").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{name} does not say {from}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let kubeconfig = self.folder.path().join("kubeconfig");
        if !kubeconfig.exists() {
            // minikube writes the entry of a profile that runs into any kubeconfig.
            let _ = Command::new("minikube")
                .args(["-p", &self.profile, "update-context"])
                .env("KUBECONFIG", &kubeconfig)
                .output();
        }
        command
            .current_dir(self.folder.path().join("p"))
            .env("KUBECONFIG", kubeconfig)
            .env("TODO_PROFILE", &self.profile)
            .env("XDG_CACHE_HOME", self.folder.path().join("cache"))
            .stdin(Stdio::null());
        command
    }

    fn todo(&self, arguments: &[&str]) -> RunOutput {
        let program = std::env::var_os("TODO_TEST_PROGRAM")
            .map_or_else(|| env!("CARGO_BIN_EXE_todo").into(), PathBuf::from);
        let output = self.command(program.to_str().unwrap()).args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let run = RunOutput {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        };
        println!("$ todo {} → {:?}\n{}{}", arguments.join(" "), run.code, run.stdout, run.stderr);
        assert!(!run.stderr.contains("hunter2") && !run.stdout.contains("hunter2"), "a secret is on screen");
        run
    }

    fn up(&self) -> RunOutput {
        let output = self.todo(&["up"]);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        output
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(program);
        let context = if program == "helm" { "--kube-context" } else { "--context" };
        command.args(arguments).args([context, &self.profile, "-n", self.namespace]);
        command.output().unwrap()
    }

    /// The names of all objects of a kind.
    fn names(&self, kind: &str) -> Vec<String> {
        let output = self.run("kubectl", &["get", kind, "-o", "json"]);
        let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| item["metadata"]["name"].as_str().map(str::to_owned)).collect()
    }

    fn uid(&self, object: &str) -> String {
        let output = self.run("kubectl", &["get", object, "-o", "jsonpath={.metadata.uid}"]);
        String::from_utf8(output.stdout).unwrap()
    }

    fn clean(&self) {
        let mut command = self.command("kubectl");
        let _ = command
            .args(["--context", &self.profile, "delete", "namespace", self.namespace, "--ignore-not-found"])
            .output();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.clean();
    }
}

#[test]
#[ignore = "needs minikube and helm"]
fn hooks_run_when_the_release_changes_and_at_no_other_time() {
    let room = Room::new("todo-hooks", "", "busybox:1.36");
    room.write("chart/templates/hooks.yaml", HOOKS);
    room.up();
    assert_eq!(room.names("jobs"), ["hook-0"], "hook-1 is deleted when it has succeeded");
    let first = room.uid("job/hook-0");

    room.up();
    assert_eq!(room.uid("job/hook-0"), first, "nothing changed, so nothing ran");

    room.edit("chart/values.yaml", "hello", "good morning");
    let plan = room.todo(&["plan"]).stdout;
    assert!(plan.contains("pre-upgrade hook of the release web"), "{plan}");
    room.up();
    assert_ne!(room.uid("job/hook-0"), first);

    let before = room.uid("deployment/web");
    room.edit("chart/values.yaml", "code: 0", "code: 3");
    let failed = room.todo(&["up"]);
    assert_eq!(failed.code, Some(50), "{}", failed.stderr);
    for words in ["pre-upgrade hook `Job/hook-0`", "it ran for ***", "--no-hooks"] {
        assert!(failed.stderr.contains(words), "{words:?} is not in {}", failed.stderr);
    }
    assert_eq!(room.uid("deployment/web"), before);

    room.edit("chart/values.yaml", "code: 3", "code: 0");
    room.up();
    let down = room.todo(&["down"]);
    assert_eq!(down.code, Some(0), "{}", down.stderr);
    assert!(room.names("jobs").is_empty() && room.names("deployments").is_empty());
    assert_eq!(room.uid(&format!("namespace/{}", room.namespace)), "", "the namespace was ours");
}

#[test]
#[ignore = "needs minikube and helm"]
fn a_release_of_helms_is_told_and_taken_over_on_request() {
    let room = Room::new("todo-adopt", "", "busybox:1.36");
    let installed = room.run("helm", &["install", "web", "chart", "--create-namespace"]);
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let before = room.uid("deployment/web");
    let output = room.todo(&["up"]);
    assert_eq!(output.code, Some(40), "{}", output.stderr);
    for words in ["Helm has a release `web`", "revision 1, deployed", "todo up --adopt", "mode = \"release\""]
    {
        assert!(output.stderr.contains(words), "{words:?} is not in {}", output.stderr);
    }
    assert!(!room.names("secrets").contains(&"given".to_owned()), "nothing was written");

    let adopted = room.todo(&["up", "--adopt"]);
    assert_eq!(adopted.code, Some(0), "{}", adopted.stderr);
    assert_eq!(room.uid("deployment/web"), before, "it is the same object");
    let list = room.run("helm", &["list", "-q"]);
    assert_eq!(String::from_utf8_lossy(&list.stdout).trim(), "");
    room.up();
    assert_eq!(room.todo(&["down"]).code, Some(0));
    assert!(room.names("deployments").is_empty());
}

#[test]
#[ignore = "needs minikube and helm"]
fn helm_installs_a_release_of_its_own_with_our_images() {
    let room = Room::new("todo-release", "mode = 'release'\n[image.mine]\ncontext = 'mine'", "mine");
    room.write("mine/Dockerfile", "FROM busybox:1.36\nUSER 1000\n");
    room.up();
    let revision = |room: &Room| {
        let list = room.run("helm", &["list", "-o", "json"]);
        let list: Value = serde_json::from_slice(&list.stdout).unwrap();
        list[0]["revision"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(revision(&room), "1");
    let image =
        room.run("kubectl", &["get", "deployment/web", "-o", "jsonpath={..image} {..imagePullPolicy}"]);
    let image = String::from_utf8(image.stdout).unwrap();
    assert!(image.contains("mine:") && image.ends_with("Never"), "{image}");
    room.up();
    assert_eq!(revision(&room), "1", "nothing changed, so Helm was not called");
    room.edit("chart/values.yaml", "hello", "good morning");
    room.up();
    assert_eq!(revision(&room), "2");
    room.edit("chart/templates/web.yaml", "sleep 100000", "echo gone; exit 7");
    let output = room.todo(&["up"]);
    assert_eq!(output.code, Some(50), "{}", output.stderr);
    assert!(output.stderr.contains("gone"), "the log is told: {}", output.stderr);
    assert_eq!(room.todo(&["down"]).code, Some(0));
    assert!(room.names("deployments").is_empty());
}

#[test]
#[ignore = "needs helm"]
fn dependencies_in_folders_are_built_without_a_network_and_mistakes_are_told_with_their_place() {
    let room = Room::new("todo-depend", "values = ['local.yaml']", "busybox:1.36");
    room.write("local.yaml", "greeting: hello\n");
    room.write(
        "chart/Chart.yaml",
        "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies:\n- {name: lib, version: 0.1.0, repository: 'file://../lib'}\n",
    );
    room.write("lib/Chart.yaml", "apiVersion: v2\nname: lib\nversion: 0.1.0\n");
    room.write("lib/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: of-lib}\n");
    let output = room.todo(&["plan"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stdout.contains("ConfigMap/of-lib"), "{}", output.stdout);

    room.write("chart/templates/web.yaml", "a: {{ .Values.no.such }}\n");
    let output = room.todo(&["plan"]);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("chart/templates/web.yaml:1:"), "{}", output.stderr);

    room.write("local.yaml", "greeting: [\n");
    let output = room.todo(&["plan"]);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("local.yaml:"), "{}", output.stderr);
}
