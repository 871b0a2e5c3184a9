//! `todo` killed without a word at twenty moments of `up` and `down`: the next `up` ends where an undisturbed one would.

use crate::real::harness::Harness;
use crate::real::http;
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
    let harness = Harness::new("todo-kills");
    http::chat(&harness.up(), "add water the plants");
    // Each trial changes the backend to what it was before the last one: two states, each known from a run in peace.
    let mut written = 0;
    let mut turn = |harness: &Harness| {
        harness.edit("docker/backend/app/api.py", TITLES[written], TITLES[1 - written]);
        written = 1 - written;
        written
    };
    let mut peace = BTreeMap::new();
    let mut events = 0;
    for _ in TITLES {
        let now = turn(&harness);
        let output = harness.todo(&["up", "--output", "json"]);
        assert_eq!(output.code, Some(0), "{}", output.stdout);
        events = output.stdout.lines().count();
        peace.insert(now, state(&harness));
    }
    let [one, other] = [&peace[&0], &peace[&1]];
    assert_ne!(one, other, "the change is seen in the state");

    for moment in 0..OF_UP {
        let now = turn(&harness);
        let last = killed_after(&harness, "up", events * moment / OF_UP);
        gone_on(&harness, &peace[&now], &format!("up, killed after {last}"));
    }
    let events = harness.todo(&["down", "--output", "json"]).stdout.lines().count();
    gone_on(&harness, &peace[&written], "down in peace");
    for moment in 0..OF_DOWN {
        let last = killed_after(&harness, "down", events * moment / OF_DOWN);
        gone_on(&harness, &peace[&written], &format!("down, killed after {last}"));
    }
}

fn gone_on(harness: &Harness, peace: &BTreeMap<String, Value>, after: &str) {
    let url = harness.up();
    assert_eq!(&state(harness), peace, "after {after}");
    assert_eq!(http::tasks(&url), ["water the plants"], "after {after}");
}

/// Runs a command and kills it after that many events; returns the last of them.
fn killed_after(harness: &Harness, command: &str, events: usize) -> String {
    let mut run = harness.command(Harness::program());
    let mut child = run.args([command, "--output", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let last = lines.by_ref().take(events + 1).last().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    println!("killed todo {command} after {last}");
    last
}

/// What there is of the project, without what differs from run to run.
fn state(harness: &Harness) -> BTreeMap<String, Value> {
    let kinds = "deployments,services,configmaps,secrets,persistentvolumeclaims,leases";
    let ours = harness.objects(kinds).into_iter().filter(|object| {
        let name = object["metadata"]["name"].as_str().unwrap();
        // Its own records: the inventory, and the revisions.
        name != "kube-root-ca.crt" && !name.starts_with("todo.")
    });
    ours.map(|object| {
        let name =
            format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        let spec = object["spec"].as_object().cloned().unwrap_or_default();
        // Recreated objects get new addresses.
        let given = ["clusterIP", "clusterIPs"];
        let spec: Vec<_> = spec.into_iter().filter(|(name, _)| !given.contains(&name.as_str())).collect();
        (name, json!({"spec": spec, "data": object["data"], "labels": object["metadata"]["labels"]}))
    })
    .collect()
}
