//! What can happen to a cluster overnight: `up` repairs each, and the data is there.

use crate::real::http;
use crate::real::stage::Stage;
use serde_json::Value;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Command;
use std::process::Stdio;

#[test]
#[ignore = "needs minikube"]
fn whatever_happened_to_the_cluster_up_repairs_it() {
    let stage = Stage::new("todo-repairs");
    let url = stage.up();
    http::chat(&url, "add water the plants");
    let still_there = |what: &str| {
        let url = stage.up();
        assert_eq!(http::tasks(&url), ["water the plants"], "after {what}");
    };

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
