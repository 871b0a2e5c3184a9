//! What people break: each failure ends within seconds of the pod's existence and names its cause.

use crate::real::http;
use crate::real::stage::Stage;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(15);

#[test]
#[ignore = "needs minikube"]
fn every_failure_is_named_within_seconds() {
    let stage = Stage::new("todo-failures");
    let backend = "manifests/30-backend.yaml";
    let frontend = "manifests/40-frontend.yaml";
    stage.up();

    let code = "docker/backend/app/__main__.py";
    let main = std::fs::read_to_string(stage.path(code)).unwrap();
    let (before, after) = main.split_once("import signal").unwrap();
    std::fs::write(stage.path(code), format!("{before}import signal(\n{after}")).unwrap();
    stage.todo(&["up"]).failed_with(30, &["image todo-backend", "SyntaxError", "docker/backend/Dockerfile:"]);
    std::fs::write(stage.path(code), format!("{before}import no_such_module\nimport signal{after}")).unwrap();
    let told = stage.todo(&["up"]);
    told.failed_with(50, &["Deployment/todo-backend", "ModuleNotFoundError", "no_such_module"]);
    assert!(stage.since_youngest_pod() < SOON);
    std::fs::write(stage.path(code), main).unwrap();

    stage.edit(frontend, "image: todo-frontend", "image: nginx:0.0.0-nowhere");
    stage
        .todo(&["up"])
        .failed_with(50, &["Deployment/todo-frontend", "nginx:0.0.0-nowhere", "40-frontend.yaml:"]);
    assert!(stage.since_youngest_pod() < SOON);
    let told = stage.todo(&["up", "--rollback"]);
    told.failed_with(50, &["nginx:0.0.0-nowhere", "rolled back to revision 1"]);
    assert!(!told.stderr.contains("would be pruned"), "the claim is left alone: {}", told.stderr);
    stage.edit(frontend, "image: nginx:0.0.0-nowhere", "image: todo-frontend");

    let text = std::fs::read_to_string(stage.path(backend)).unwrap();
    let asking = |line: &str| {
        if line.trim().starts_with("memory:") { "              memory: 900Gi" } else { line }.to_owned()
    };
    let much: Vec<String> = text.lines().map(asking).collect();
    std::fs::write(stage.path(backend), much.join("\n")).unwrap();
    stage.todo(&["up"]).failed_with(50, &["Deployment/todo-backend", "memory", "900Gi", "30-backend.yaml:"]);
    assert!(stage.since_youngest_pod() < SOON);
    std::fs::write(stage.path(backend), &text).unwrap();

    let with_key = text.replacen(
        "env:",
        "env:\n            - name: NEEDED\n              valueFrom: { secretKeyRef: { name: somebody-elses, key: PASSWORD } }",
        1,
    );
    assert_ne!(with_key, text);
    std::fs::write(stage.path(backend), with_key).unwrap();
    stage.kubectl(&[
        "create",
        "secret",
        "generic",
        "somebody-elses",
        "-n",
        "todo-chatbot",
        "--from-literal=OTHER=1",
    ]);
    stage
        .todo(&["up"])
        .failed_with(50, &["Deployment/todo-backend", "PASSWORD", "somebody-elses", "30-backend.yaml:"]);
    assert!(stage.since_youngest_pod() < SOON);
    std::fs::write(stage.path(backend), &text).unwrap();

    assert_eq!(http::get(&stage.up()).0, 200, "fixed, it comes up");
}
