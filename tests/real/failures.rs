//! What people break: each failure ends within seconds of the pod's existence and names its cause.

use crate::real::harness::Harness;
use crate::real::http;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(15);

#[test]
#[ignore = "needs minikube"]
fn every_failure_is_named_within_seconds() {
    let harness = Harness::new("todo-failures");
    let backend = "manifests/30-backend.yaml";
    let frontend = "manifests/40-frontend.yaml";
    harness.up();

    let code = "docker/backend/app/__main__.py";
    let main = std::fs::read_to_string(harness.path(code)).unwrap();
    let (before, after) = main.split_once("import signal").unwrap();
    std::fs::write(harness.path(code), format!("{before}import signal(\n{after}")).unwrap();
    harness
        .todo(&["up"])
        .failed_with(30, &["image todo-backend", "SyntaxError", "docker/backend/Dockerfile:"]);
    std::fs::write(harness.path(code), format!("{before}import no_such_module\nimport signal{after}"))
        .unwrap();
    let output = harness.todo(&["up"]);
    output.failed_with(50, &["Deployment/todo-backend", "ModuleNotFoundError", "no_such_module"]);
    assert!(harness.since_youngest_pod() < SOON);
    std::fs::write(harness.path(code), main).unwrap();

    harness.edit(frontend, "image: todo-frontend", "image: nginx:0.0.0-nowhere");
    harness
        .todo(&["up"])
        .failed_with(50, &["Deployment/todo-frontend", "nginx:0.0.0-nowhere", "40-frontend.yaml:"]);
    assert!(harness.since_youngest_pod() < SOON);
    let output = harness.todo(&["up", "--rollback"]);
    output.failed_with(50, &["nginx:0.0.0-nowhere", "rolled back to revision 1"]);
    assert!(!output.stderr.contains("would be pruned"), "the claim is left alone: {}", output.stderr);
    harness.edit(frontend, "image: nginx:0.0.0-nowhere", "image: todo-frontend");

    let text = std::fs::read_to_string(harness.path(backend)).unwrap();
    let asking = |line: &str| {
        if line.trim().starts_with("memory:") { "              memory: 900Gi" } else { line }.to_owned()
    };
    let much: Vec<String> = text.lines().map(asking).collect();
    std::fs::write(harness.path(backend), much.join("\n")).unwrap();
    harness
        .todo(&["up"])
        .failed_with(50, &["Deployment/todo-backend", "memory", "900Gi", "30-backend.yaml:"]);
    assert!(harness.since_youngest_pod() < SOON);
    std::fs::write(harness.path(backend), &text).unwrap();

    let with_key = text.replacen(
        "env:",
        "env:\n            - name: NEEDED\n              valueFrom: { secretKeyRef: { name: somebody-elses, key: PASSWORD } }",
        1,
    );
    assert_ne!(with_key, text);
    std::fs::write(harness.path(backend), with_key).unwrap();
    harness.kubectl(&[
        "create",
        "secret",
        "generic",
        "somebody-elses",
        "-n",
        "todo-chatbot",
        "--from-literal=OTHER=1",
    ]);
    harness
        .todo(&["up"])
        .failed_with(50, &["Deployment/todo-backend", "PASSWORD", "somebody-elses", "30-backend.yaml:"]);
    assert!(harness.since_youngest_pod() < SOON);
    std::fs::write(harness.path(backend), &text).unwrap();

    assert_eq!(http::get(&harness.up()).0, 200, "fixed, it comes up");
}
