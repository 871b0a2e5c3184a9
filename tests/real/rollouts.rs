//! Rollouts of a single replica behind a NodePort, again and again: each `up` returns with the node's own URL.
//!
//! While kube-proxy writes its rules, the port refuses connections or loses them. `TODO_TEST_ROLLOUTS` sets how many
//! rollouts of each server; 5 are enough to see that it works, 50 on a busy machine to believe it.

use crate::real::harness::Harness;
use crate::real::http;
use std::time::Duration;

const PROFILE: &str = "todo-rollouts";

/// A rollout takes some seconds, and up to half a minute of a pod that does not hear SIGTERM; the URL never a time limit.
const LONGEST: Duration = Duration::from_secs(90);

const PROJECT: &str = "namespace = 'todo-rollouts'
[[manifests]]
path = 'k8s'
";

/// nginx ends at once on SIGTERM, Python's server ignores it and is killed: the old pod goes early, or late.
fn objects(nginx: usize, python: usize) -> String {
    let service = |name: &str, port: u16, node_port: u16| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n\
             spec: {{type: NodePort, selector: {{app: {name}}}, ports: [{{port: {port}, nodePort: {node_port}}}]}}\n---\n"
        )
    };
    let deployment = |name: &str, image: &str, command: &str, run: usize| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: 1\n  \
             selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      \
             terminationGracePeriodSeconds: 5\n      containers:\n      - name: {name}\n        image: {image}\n        {command}\n        \
             env: [{{name: RUN, value: '{run}'}}]\n---\n"
        )
    };
    [
        service("nginx", 80, 30981),
        service("python", 8000, 30982),
        deployment("nginx", "nginx:alpine", "ports: [{containerPort: 80}]", nginx),
        deployment("python", "python:3.12-slim", "command: [python, -m, http.server, '8000']", python),
    ]
    .concat()
}

/// Writes a revision of the project that opens one of the servers.
fn write(harness: &Harness, opened: &str, nginx: usize, python: usize) {
    std::fs::write(harness.path("k8s/all.yaml"), objects(nginx, python)).unwrap();
    std::fs::write(harness.path("deploy.toml"), format!("{PROJECT}[service.{opened}]\n")).unwrap();
}

#[test]
#[ignore = "needs minikube"]
fn every_rollout_of_one_replica_ends_with_the_nodes_url() {
    let rollouts = std::env::var("TODO_TEST_ROLLOUTS").map_or(5, |count| count.parse::<usize>().unwrap());
    let harness = Harness::new(PROFILE);
    std::fs::create_dir(harness.path("k8s")).unwrap();
    write(&harness, "nginx", 0, 0);
    let first = harness.up();
    let node = first.strip_prefix("http://").and_then(|rest| rest.split(':').next()).unwrap().to_owned();
    assert!(!node.starts_with("127."), "the node's address cannot be reached from here: {first}");
    let mut took = Vec::new();
    for run in 1..=rollouts {
        for (opened, node_port) in [("nginx", 30981), ("python", 30982)] {
            let (nginx, python) = if opened == "nginx" { (run, run - 1) } else { (run, run) };
            write(&harness, opened, nginx, python);
            let output = harness.todo(&["up"]);
            assert_eq!(output.url(), format!("http://{node}:{node_port}/"), "{opened} {run}");
            assert!(output.took < LONGEST, "{opened} {run}: {:?}", output.took);
            assert_eq!(http::get(&output.url()).0, 200, "{opened} {run}");
            took.push(output.took);
        }
    }
    took.sort();
    if let [fastest, .., slowest] = took.as_slice() {
        println!("{} rollouts, from {fastest:.1?} to {slowest:.1?}", took.len());
    }
    assert_eq!(harness.todo(&["status"]).code, Some(0));
}
