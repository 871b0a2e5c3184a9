//! `todo` killed without a word at twenty moments of `up` and `down`: the next `up` ends where an undisturbed one would.

use crate::real::http;
use crate::real::stage::Stage;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Stdio;

/// Moments of `up`, spread over its events.
const OF_UP: usize = 12;

/// Moments of `down`.
const OF_DOWN: usize = 8;

const TITLES: [&str; 2] = ["title=\"Todo Chatbot\"", "title=\"Another Chatbot\""];

#[test]
#[ignore = "needs minikube"]
fn whenever_it_is_killed_the_next_up_ends_in_the_same_state() {
    let stage = Stage::new("todo-kills");
    http::chat(&stage.up(), "add water the plants");
    // Each trial changes the backend to what it was before the last one: two states, each known from a run in peace.
    let mut written = 0;
    let mut turn = |stage: &Stage| {
        stage.edit("docker/backend/app/api.py", TITLES[written], TITLES[1 - written]);
        written = 1 - written;
        written
    };
    let mut peace = BTreeMap::new();
    let mut events = 0;
    for _ in TITLES {
        let now = turn(&stage);
        let told = stage.todo(&["up", "--output", "json"]);
        assert_eq!(told.code, Some(0), "{}", told.stdout);
        events = told.stdout.lines().count();
        peace.insert(now, state(&stage));
    }
    let [one, other] = [&peace[&0], &peace[&1]];
    assert_ne!(one, other, "the change is seen in the state");

    for moment in 0..OF_UP {
        let now = turn(&stage);
        let last = killed_after(&stage, "up", events * moment / OF_UP);
        gone_on(&stage, &peace[&now], &format!("up, killed after {last}"));
    }
    let events = stage.todo(&["down", "--output", "json"]).stdout.lines().count();
    gone_on(&stage, &peace[&written], "down in peace");
    for moment in 0..OF_DOWN {
        let last = killed_after(&stage, "down", events * moment / OF_DOWN);
        gone_on(&stage, &peace[&written], &format!("down, killed after {last}"));
    }
}

fn gone_on(stage: &Stage, peace: &BTreeMap<String, Value>, after: &str) {
    let url = stage.up();
    assert_eq!(&state(stage), peace, "after {after}");
    assert_eq!(http::tasks(&url), ["water the plants"], "after {after}");
}

/// Runs a command and kills it as soon as it has told so many events; the last of them.
fn killed_after(stage: &Stage, command: &str, events: usize) -> String {
    let mut run = stage.command(Stage::program());
    let mut child = run.args([command, "--output", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let last = lines.by_ref().take(events + 1).last().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    println!("killed todo {command} after {last}");
    last
}

/// What there is of the project, without what differs from run to run.
fn state(stage: &Stage) -> BTreeMap<String, Value> {
    let kinds = "deployments,services,configmaps,secrets,persistentvolumeclaims,leases";
    let ours = stage.objects(kinds).into_iter().filter(|object| {
        let name = object["metadata"]["name"].as_str().unwrap();
        // Its own records: the list of what is there, and how it was before.
        name != "kube-root-ca.crt" && !name.starts_with("todo.")
    });
    ours.map(|object| {
        let name =
            format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        let spec = object["spec"].as_object().cloned().unwrap_or_default();
        // Addresses are given anew to what was taken away.
        let given = ["clusterIP", "clusterIPs"];
        let spec: Vec<_> = spec.into_iter().filter(|(name, _)| !given.contains(&name.as_str())).collect();
        (name, json!({"spec": spec, "data": object["data"], "labels": object["metadata"]["labels"]}))
    })
    .collect()
}
