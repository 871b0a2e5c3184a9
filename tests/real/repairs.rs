//! What can happen to a cluster overnight: `up` repairs each, and the data is there.

use crate::real::harness::Harness;
use crate::real::http;
use serde_json::Value;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

#[test]
#[ignore = "needs minikube"]
fn whatever_happened_to_the_cluster_up_repairs_it() {
    let harness = Harness::new("todo-repairs");
    let url = harness.up();
    http::chat(&url, "add water the plants");
    let current = harness.kubectl(&["config", "current-context"]);
    assert_eq!(current.trim(), harness.node(), "there was no kubeconfig, so no current context to keep");
    let cluster = harness.cluster();
    let still_there = |what: &str| {
        let url = harness.up();
        assert_eq!(http::tasks(&url), ["water the plants"], "after {what}");
        assert_eq!(harness.cluster(), cluster, "after {what} it is another cluster");
    };

    nothing_is_started_for_a_file_that_cannot_be_read(&harness);
    still_there("files that could not be read");

    harness.node_runs("docker rm --force $(docker ps --quiet --filter name=k8s_kube-apiserver)");
    still_there("the API server crashed");

    harness.node_runs(
        "systemctl stop kubelet; docker rm --force $(docker ps --quiet --filter name=k8s_kube-apiserver)",
    );
    still_there("the kubelet was stopped");

    harness.docker(&["restart", harness.node()]);
    still_there("the node was restarted");

    harness.minikube(&["stop"]);
    assert_eq!(harness.todo(&["status"]).code, Some(3), "a stopped cluster runs nothing");
    still_there("minikube stop");

    harness.minikube(&["pause"]);
    still_there("minikube pause");

    harness.docker(&["pause", harness.node()]);
    still_there("docker pause");

    harness.docker(&["rm", "--force", harness.node()]);
    still_there("the node's container was removed");

    harness.cut_the_power();
    still_there("a power cut");

    std::fs::remove_file(harness.path("../kubeconfig")).unwrap();
    still_there("the kubeconfig was lost");

    harness.docker(&["rm", "--force", "--volumes", harness.node()]);
    harness.docker(&["volume", "rm", harness.node()]);
    let output = harness.todo(&["up"]);
    assert!(output.stderr.contains("volume"), "that the data is gone is told: {}", output.stderr);
    assert_eq!(http::tasks(&output.url()), Vec::<String>::new());
}

#[test]
#[ignore = "needs minikube"]
fn whenever_it_is_interrupted_the_next_up_goes_on() {
    let harness = Harness::new("todo-interrupted");
    for moment in [
        r#""event":"progress","step":"minikube""#,
        r#""event":"step-started","step":"image""#,
        r#""event":"progress","step":"image""#,
        r#""event":"step-started","step":"rollout""#,
    ] {
        let output = interrupted_at(&harness, moment);
        let last: Value = serde_json::from_str(output.lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["code"]), (&"run-failed".into(), &130.into()), "{moment}: {last}");
        assert!(last["hints"].to_string().contains("todo up"), "it says how to go on: {last}");
    }
    assert_eq!(http::get(&harness.up()).0, 200);
}

/// Every command fails alike, and the cluster stays what it is.
fn nothing_is_started_for_a_file_that_cannot_be_read(harness: &Harness) {
    let cluster = harness.cluster();
    let kubeconfig = harness.path("../kubeconfig");
    let profile = minikube_folder().join("profiles").join(harness.node());
    for file in [kubeconfig, profile.join("config.json"), profile.join("client.crt")] {
        let good = std::fs::read(&file).unwrap();
        let aside = file.with_extension("aside");
        std::fs::rename(&file, &aside).unwrap();
        for bad in [&b"{{{{ not yaml"[..], b"\xff\xfe{\0", b"kind: Pod\napiVersion: v1\n", b"\n"] {
            std::fs::write(&file, bad).unwrap();
            all_fail(harness, &file);
        }
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        all_fail(harness, &file);
        std::fs::remove_dir(&file).unwrap();
        std::os::unix::fs::symlink("nowhere", &file).unwrap();
        all_fail(harness, &file);
        std::fs::remove_file(&file).unwrap();
        std::fs::rename(&aside, &file).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), good);
        assert_eq!(harness.cluster(), cluster, "{}", file.display());
    }
}

fn all_fail(harness: &Harness, file: &Path) {
    let shown = file.parent().unwrap().canonicalize().unwrap().join(file.file_name().unwrap());
    for command in ["up", "status", "plan", "down"] {
        harness.todo(&[command]).failed_with(20, &[shown.to_str().unwrap()]);
    }
}

fn minikube_folder() -> PathBuf {
    let world = todo::world::World::of_this_process().unwrap();
    world.minikube_folder().unwrap()
}

/// Runs `up`, interrupts it at the first event with `moment`, and returns its output.
fn interrupted_at(harness: &Harness, moment: &str) -> String {
    let mut command = harness.command(Harness::program());
    let mut child = command.args(["up", "--output", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = String::new();
    let mut asked = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if !asked && line.contains(moment) {
            asked = true;
            let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
            assert!(kill.success());
        }
        output.push_str(&line);
        output.push('\n');
    }
    assert!(asked, "{moment} never came:\n{output}");
    assert_eq!(child.wait().unwrap().code(), Some(130), "{output}");
    output
}
