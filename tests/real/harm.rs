//! What must not be green, silent or stuck: a crash loop, a node that dies, fields that others have set.

use crate::real::harness::Harness;
use crate::real::http;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// A program of the backend's image that ends after two seconds, without a readiness probe.
const CRASHES: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata: { name: crash, namespace: todo-chatbot }
spec:
  selector: { matchLabels: { app: crash } }
  template:
    metadata: { labels: { app: crash } }
    spec:
      containers:
        - name: crash
          image: todo-backend
          command: [python, -c, "import time; print('no database', flush=True); time.sleep(2); raise SystemExit(3)"]
"#;

#[test]
#[ignore = "needs minikube"]
fn a_container_that_crashes_again_and_again_is_green_at_no_moment() {
    let harness = Harness::new("todo-crash");
    harness.up();
    let manifest = harness.path("manifests/90-crash.yaml");
    std::fs::write(&manifest, CRASHES).unwrap();
    harness.todo(&["up"]).failed_with(50, &["Deployment/crash", "code 3", "no database"]);
    // The moments in which it runs are hit at random: it is looked at more often than it is started.
    for pause in [0, 1, 5, 9, 13, 20] {
        std::thread::sleep(Duration::from_secs(pause));
        assert_eq!(harness.todo(&["status"]).code, Some(4));
        harness.todo(&["up"]).failed_with(50, &["Deployment/crash", "code 3"]);
    }
    std::fs::remove_file(&manifest).unwrap();
    harness.up();
    let output = harness.todo(&["up"]);
    assert!(
        output.took < Duration::from_secs(1),
        "nothing is waited for where nothing crashed: {:?}",
        output.took
    );
}

#[test]
#[ignore = "needs minikube"]
fn a_node_that_dies_during_the_rollout_is_named_within_15_seconds_and_comes_back() {
    let harness = Harness::new("todo-dies");
    http::chat(&harness.up(), "add water the plants");
    harness.edit("docker/backend/app/api.py", "title=\"Todo Chatbot\"", "title=\"Another Chatbot\"");
    let mut run = harness.command(Harness::program());
    let mut child = run.args(["up", "--output", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    let (mut output, mut killed) = (String::new(), None);
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
        if killed.is_none() && line.contains(r#""event":"step-started","step":"rollout""#) {
            harness.docker(&["kill", harness.node()]);
            killed = Some(Instant::now());
        }
        output.push_str(&line);
        output.push('\n');
    }
    let took = killed.expect("the rollout began").elapsed();
    println!("{output}");
    assert_eq!(child.wait().unwrap().code(), Some(20));
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(output.contains("has stopped"), "{output}");
    let url = harness.up();
    assert_eq!(http::tasks(&url), ["water the plants"]);
}

/// A change of the backend's Deployment: `kubectl patch --type=json`.
fn patch(harness: &Harness, operations: &str) {
    let arguments =
        ["-n", "todo-chatbot", "patch", "deployment/todo-backend", "--type=json", "-p", operations];
    harness.kubectl(&arguments);
}

#[test]
#[ignore = "needs minikube"]
fn what_others_have_set_beside_the_manifests_fields_is_told_and_given_up_on_request() {
    const POD: &str = "/spec/template/spec";
    let harness = Harness::new("todo-beside");
    harness.up();
    let web = |operations: [(&str, &str, &str); 2]| {
        let operations: Vec<String> = operations
            .iter()
            .map(|(op, path, value)| format!(r#"{{"op":"{op}","path":"{POD}/{path}","value":{value}}}"#))
            .collect();
        patch(&harness, &format!("[{}]", operations.join(",")));
    };
    let tried = |field: &str| {
        harness.todo(&["up"]).failed_with(40, &[field, "--force-conflicts", "kubectl"]);
        harness.todo(&["up", "--force-conflicts"]).url();
        let output = harness.todo(&["up"]);
        assert!(output.took < Duration::from_secs(5), "nothing is left to do: {}", output.stderr);
        output.url();
    };
    harness.kubectl(&["-n", "todo-chatbot", "set", "env", "deploy/todo-backend", "LOG_LEVEL=debug"]);
    tried("LOG_LEVEL");
    web([
        ("remove", "containers/0/readinessProbe/httpGet", "null"),
        ("add", "containers/0/readinessProbe/tcpSocket", r#"{"port":8000}"#),
    ]);
    tried("readinessProbe.tcpSocket");
    web([
        ("remove", "volumes/1/emptyDir", "null"),
        ("add", "volumes/1/configMap", r#"{"name":"todo-config"}"#),
    ]);
    tried("configMap");

    // What people have changed of the manifest's own fields is taken back, with a note where the API server knows who it was:
    // of `kubectl scale` to 0 it records no manager (seen with v1.35.1).
    harness.kubectl(&["-n", "todo-chatbot", "scale", "deploy/todo-backend", "--replicas=2"]);
    let output = harness.todo(&["up"]);
    assert!(output.stderr.contains("spec.replicas"), "{}", output.stderr);
    output.url();
    harness.kubectl(&["-n", "todo-chatbot", "scale", "deploy/todo-backend", "--replicas=0"]);
    let output = harness.todo(&["up"]);
    assert!(output.stderr.contains("Deployment/todo-backend changed"), "{}", output.stderr);
    output.url();
    harness.kubectl(&[
        "-n",
        "todo-chatbot",
        "patch",
        "deploy/todo-backend",
        "-p",
        r#"{"spec":{"replicas":0}}"#,
    ]);
    let output = harness.todo(&["up"]);
    assert!(output.stderr.contains("spec.replicas"), "{}", output.stderr);
    output.url();

    // A default without a field owner conflicts with no manager.
    harness.edit("manifests/30-backend.yaml", "type: Recreate", "type: RollingUpdate");
    harness.up();
    harness.edit("manifests/30-backend.yaml", "type: RollingUpdate", "type: Recreate");
    harness.up();
}
