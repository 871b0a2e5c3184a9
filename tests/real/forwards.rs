//! A port-forward in the background: through a new pod, an API server that restarts and a cluster that is stopped, until
//! `down`. About four minutes.

use crate::real::harness::Harness;
use crate::real::http;
use serde_json::Value;
use std::time::Duration;
use std::time::Instant;

const PORT: u16 = 30980;

#[test]
#[ignore = "needs minikube"]
fn a_forward_outlives_its_pod_the_api_server_and_the_cluster_and_ends_with_down() {
    let harness = Harness::new("todo-forwards");
    // Docker publishes the port of a node that it makes; that of one which is there already needs a forward.
    let _ = harness.up();
    harness.edit(
        "deploy.toml",
        "[service.todo-frontend]\n",
        &format!("[service.todo-frontend]\nlocal-port = {PORT}\n"),
    );
    // What a script does with the URL: it waits until the pipe is closed by all processes.
    let script = r#"url=$("$0" up) && echo "$url""#;
    let program = Harness::program();
    let output = harness.command("sh").args(["-c", script]).arg(&program).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("http://"));
    let first = running(&harness);
    // Another port where this one is taken.
    let url = first["url"].as_str().unwrap().to_owned();
    let answers = |when: &str| answers(&url, when);
    answers("after `up`");

    harness.kubectl(&["delete", "pods", "--all", "-n", "todo-chatbot", "--wait=false"]);
    answers("after its pods were deleted");

    harness.docker(&["exec", harness.node(), "pkill", "kube-apiserver"]);
    answers("after the API server was killed");
    assert_eq!(running(&harness)["pid"], first["pid"], "it is the same process all the time");

    harness.minikube(&["stop"]);
    let _ = harness.up();
    answers("after the cluster was stopped and started");
    let run = harness.todo(&["up"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(running(&harness)["address"], first["address"]);

    assert_eq!(harness.todo(&["down"]).code, Some(0));
    assert!(http::ask("GET", &url, None).is_err(), "it answers after `down`");
    assert_eq!(forwards(&harness), Vec::<Value>::new());
}

fn answers(url: &str, when: &str) {
    let until = Instant::now() + Duration::from_secs(90);
    while !matches!(http::ask("GET", url, None), Ok((200, _))) {
        assert!(Instant::now() < until, "{when} it does not answer");
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn forwards(harness: &Harness) -> Vec<Value> {
    let until = Instant::now() + Duration::from_secs(90);
    let output = loop {
        let output = harness.todo(&["status", "--output", "json"]);
        // An API server that is starting cannot answer: `status` reports that at once.
        if output.code != Some(20) || Instant::now() > until {
            break output;
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    let status: Value = serde_json::from_str(&output.stdout).unwrap();
    status["forwards"].as_array().cloned().unwrap_or_default()
}

/// The only one, which runs.
fn running(harness: &Harness) -> Value {
    let mut all = forwards(harness);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["running"], true, "{all:?}");
    all.remove(0)
}
