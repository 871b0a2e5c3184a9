//! What can happen to a cluster overnight: `up` repairs each, and the data is there.

use crate::real::http;
use crate::real::stage::Stage;
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
    let stage = Stage::new("todo-repairs");
    let url = stage.up();
    http::chat(&url, "add water the plants");
    let current = stage.kubectl(&["config", "current-context"]);
    assert_eq!(current.trim(), stage.node(), "there was no kubeconfig, so no current context to keep");
    let cluster = stage.cluster();
    let still_there = |what: &str| {
        let url = stage.up();
        assert_eq!(http::tasks(&url), ["water the plants"], "after {what}");
        assert_eq!(stage.cluster(), cluster, "after {what} it is another cluster");
    };

    nothing_is_started_for_a_file_that_cannot_be_read(&stage);
    still_there("files that could not be read");

    stage.node_runs("docker rm --force $(docker ps --quiet --filter name=k8s_kube-apiserver)");
    still_there("the API server crashed");

    stage.node_runs(
        "systemctl stop kubelet; docker rm --force $(docker ps --quiet --filter name=k8s_kube-apiserver)",
    );
    still_there("the kubelet was stopped");

    stage.docker(&["restart", stage.node()]);
    still_there("the node was restarted");

    stage.minikube(&["stop"]);
    assert_eq!(stage.todo(&["status"]).code, Some(3), "a stopped cluster runs nothing");
    still_there("minikube stop");

    stage.minikube(&["pause"]);
    still_there("minikube pause");

    stage.docker(&["pause", stage.node()]);
    still_there("docker pause");

    stage.docker(&["rm", "--force", stage.node()]);
    still_there("the node's container was removed");

    stage.cut_the_power();
    still_there("a power cut");

    std::fs::remove_file(stage.path("../kubeconfig")).unwrap();
    still_there("the kubeconfig was lost");

    stage.docker(&["rm", "--force", "--volumes", stage.node()]);
    stage.docker(&["volume", "rm", stage.node()]);
    let told = stage.todo(&["up"]);
    assert!(told.stderr.contains("volume"), "that the data is gone is told: {}", told.stderr);
    assert_eq!(http::tasks(&told.url()), Vec::<String>::new());
}

#[test]
#[ignore = "needs minikube"]
fn whenever_it_is_interrupted_the_next_up_goes_on() {
    let stage = Stage::new("todo-interrupted");
    for moment in [
        r#""event":"progress","step":"minikube""#,
        r#""event":"step-started","step":"image""#,
        r#""event":"progress","step":"image""#,
        r#""event":"step-started","step":"rollout""#,
    ] {
        let told = interrupted_at(&stage, moment);
        let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["code"]), (&"run-failed".into(), &130.into()), "{moment}: {last}");
        assert!(last["hints"].to_string().contains("todo up"), "it says how to go on: {last}");
    }
    assert_eq!(http::get(&stage.up()).0, 200);
}

/// Every command fails alike, and the cluster stays what it is.
fn nothing_is_started_for_a_file_that_cannot_be_read(stage: &Stage) {
    let cluster = stage.cluster();
    let kubeconfig = stage.path("../kubeconfig");
    let profile = minikube_folder().join("profiles").join(stage.node());
    for file in [kubeconfig, profile.join("config.json"), profile.join("client.crt")] {
        let good = std::fs::read(&file).unwrap();
        let aside = file.with_extension("aside");
        std::fs::rename(&file, &aside).unwrap();
        for bad in [&b"{{{{ not yaml"[..], b"\xff\xfe{\0", b"kind: Pod\napiVersion: v1\n", b"\n"] {
            std::fs::write(&file, bad).unwrap();
            all_fail(stage, &file);
        }
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        all_fail(stage, &file);
        std::fs::remove_dir(&file).unwrap();
        std::os::unix::fs::symlink("nowhere", &file).unwrap();
        all_fail(stage, &file);
        std::fs::remove_file(&file).unwrap();
        std::fs::rename(&aside, &file).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), good);
        assert_eq!(stage.cluster(), cluster, "{}", file.display());
    }
}

fn all_fail(stage: &Stage, file: &Path) {
    let shown = file.parent().unwrap().canonicalize().unwrap().join(file.file_name().unwrap());
    for command in ["up", "status", "plan", "down"] {
        stage.todo(&[command]).failed_with(20, &[shown.to_str().unwrap()]);
    }
}

fn minikube_folder() -> PathBuf {
    let world = todo::world::World::of_this_process().unwrap();
    world.minikube_folder().unwrap()
}

/// Runs `up`, interrupts it at the first event that says `moment`, and returns all that it told.
fn interrupted_at(stage: &Stage, moment: &str) -> String {
    let mut command = stage.command(Stage::program());
    let mut child = command.args(["up", "--output", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    let mut asked = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if !asked && line.contains(moment) {
            asked = true;
            let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
            assert!(kill.success());
        }
        told.push_str(&line);
        told.push('\n');
    }
    assert!(asked, "{moment} never came:\n{told}");
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told}");
    told
}
