//! From no cluster to a page, again with nothing to do, one line changed, down with the data kept.

use crate::real::harness::Harness;
use crate::real::http;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

#[test]
#[ignore = "needs minikube"]
fn from_no_cluster_to_a_page_and_down_again() {
    let harness = Harness::new("todo-life");
    assert_eq!(harness.todo(&["status"]).code, Some(3), "nothing is there yet");

    let url = harness.up();
    let (status, page) = http::get(&url);
    assert_eq!(status, 200);
    assert!(page.contains("<div id=\"root\""), "{page}");
    http::chat(&url, "add buy milk");
    assert_eq!(http::tasks(&url), ["buy milk"]);

    nothing_changed(&harness);
    status_tells(&harness, &url);
    one_line_of_the_backend(&harness);
    one_line_of_the_frontend(&harness, &url);
    by_its_other_names(&harness);
    what_would_be_done_is_told_and_not_done(&harness);
    back_to_an_earlier_revision(&harness, &url);
    locked_out_and_in_again(&harness);

    assert_eq!(harness.todo(&["down"]).code, Some(0));
    assert_eq!(
        harness
            .objects("deployments,services,configmaps,secrets")
            .iter()
            .filter(|object| ours(object))
            .count(),
        0
    );
    assert_eq!(harness.objects("persistentvolumeclaims").len(), 1, "the data stays");
    assert_eq!(harness.todo(&["down"]).code, Some(0), "a second down is content");
    assert_eq!(harness.todo(&["status"]).code, Some(3));

    let url = harness.up();
    assert_eq!(http::tasks(&url), ["buy milk"], "a task outlasts down and up");

    assert_eq!(harness.todo(&["down", "--purge"]).code, Some(0));
    let left = harness.kubectl(&["get", "namespaces", "-o", "name"]);
    assert!(!left.contains("todo-chatbot"), "{left}");
    assert_eq!(harness.todo(&["down", "--delete"]).code, Some(0));
    let left = harness.todo(&["status"]);
    assert_eq!(left.code, Some(3), "{}", left.stdout);
}

/// The default objects of every namespace are not the application's, nor is the list of kept objects.
fn ours(object: &Value) -> bool {
    object["metadata"]["name"] != "kube-root-ca.crt" && object["type"] != "todo.dev/inventory.v1"
}

/// The version of every object, once the pods that are ending have ended: that is not a write of todo.
fn versions(harness: &Harness) -> BTreeMap<String, String> {
    let until = Instant::now() + Duration::from_secs(90);
    while harness.objects("pods").iter().any(|pod| !pod["metadata"]["deletionTimestamp"].is_null()) {
        assert!(Instant::now() < until, "pods do not end");
    }
    let kinds = "deployments,replicasets,pods,services,configmaps,secrets,persistentvolumeclaims,leases";
    let key = |object: &Value| format!("{}/{}", object["kind"], object["metadata"]["name"]);
    let version = |object: &Value| object["metadata"]["resourceVersion"].to_string();
    harness.objects(kinds).iter().map(|object| (key(object), version(object))).collect()
}

fn nothing_changed(harness: &Harness) {
    let before = versions(harness);
    assert!(before.len() > 8, "{before:?}");
    let output = harness.todo(&["up", "--output", "json"]);
    assert_eq!(output.code, Some(0), "{}", output.stdout);
    assert_eq!(versions(harness), before, "an unchanged project writes nothing");
    assert!(output.took.as_secs_f64() < 1.0, "it took {:?}", output.took);
    let events: Vec<Value> = output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(output.stderr, "");
    assert_eq!(events.last().unwrap()["event"], "run-finished");
    let done: Vec<&Value> = events.iter().filter(|event| event["event"] == "item-finished").collect();
    assert!(
        done.iter().any(|event| event["item"] == "todo-backend" && event["outcome"] == "unchanged"),
        "{done:?}"
    );
    let work = ["built", "created", "changed", "recreated", "removed"];
    assert!(done.iter().all(|event| !work.iter().any(|word| event["outcome"] == *word)), "{done:?}");
}

fn status_tells(harness: &Harness, url: &str) {
    let output = harness.todo(&["status"]);
    assert_eq!(output.code, Some(0), "{}", output.stdout);
    for word in ["todo-backend", "todo-frontend", url] {
        assert!(output.stdout.contains(word), "{word} is not in {}", output.stdout);
    }
    let json: Value = serde_json::from_str(&harness.todo(&["status", "-o", "json"]).stdout).unwrap();
    assert!(json.is_object(), "{json}");
    harness.kubectl(&["delete", "deployment/todo-backend", "-n", "todo-chatbot", "--cascade=foreground"]);
    assert_eq!(harness.todo(&["status"]).code, Some(4), "without its backend it is degraded");
    harness.up();
    assert_eq!(harness.todo(&["status"]).code, Some(0), "`up` brings back what somebody took away");
}

fn one_line_of_the_backend(harness: &Harness) {
    let (backend, frontend) = (harness.pods("todo-backend"), harness.pods("todo-frontend"));
    harness.edit("docker/backend/app/api.py", "title=\"Todo Chatbot\"", "title=\"Todo Chatbot 2\"");
    let plan = harness.todo(&["plan"]);
    assert!(plan.stdout.contains("app/api.py changed"), "{}{}", plan.stdout, plan.stderr);
    let output = harness.todo(&["up", "--verbose"]);
    output.url();
    for words in ["todo-backend: building, because app/api.py changed", "1 built, 1 unchanged, todo-backend "]
    {
        assert!(output.stderr.contains(words), "{words:?} is not in:\n{}", output.stderr);
    }
    assert_ne!(harness.pods("todo-backend"), backend, "the backend runs the new line");
    assert_eq!(harness.pods("todo-frontend"), frontend, "the frontend was left alone");
}

fn one_line_of_the_frontend(harness: &Harness, url: &str) {
    let (backend, frontend) = (harness.pods("todo-backend"), harness.pods("todo-frontend"));
    let over = Arc::new(AtomicBool::new(false));
    let visitor = {
        let (over, url) = (Arc::clone(&over), url.to_owned());
        thread::spawn(move || {
            let (mut asked, mut failed) = (0, Vec::new());
            while !over.load(Ordering::Relaxed) {
                asked += 1;
                match http::ask("GET", &url, None) {
                    Ok((200, _)) => {}
                    other => failed.push(format!("{other:?}")),
                }
            }
            (asked, failed)
        })
    };
    harness.edit("docker/frontend/index.html", "<title>", "<title>New: ");
    harness.up();
    over.store(true, Ordering::Relaxed);
    let (asked, failed) = visitor.join().unwrap();
    println!("{asked} requests during the rollout");
    assert!(asked > 50, "only {asked} requests were made");
    assert!(failed.is_empty(), "{} of {asked} requests failed: {:?}", failed.len(), failed.first());
    served(url, true, "the new page is served");
    assert_eq!(harness.pods("todo-backend"), backend, "the backend was left alone");
    assert!(
        harness.pods("todo-frontend").iter().all(|pod| !frontend.contains(pod)),
        "every frontend pod is new"
    );
}

fn what_would_be_done_is_told_and_not_done(harness: &Harness) {
    assert_eq!(harness.todo(&["doctor"]).code, Some(0));
    let before = versions(harness);
    let plan = harness.todo(&["plan"]);
    assert_eq!((plan.code, plan.stdout.contains("change")), (Some(0), false), "{}", plan.stdout);
    harness.edit("manifests/30-backend.yaml", "replicas: 1", "replicas: 2");
    let plan = harness.todo(&["plan"]);
    assert_eq!(plan.code, Some(0));
    for word in ["Deployment/todo-backend", "spec.replicas", "manifests/30-backend.yaml"] {
        assert!(plan.stdout.contains(word), "{word} is not in {}", plan.stdout);
    }
    let json: Value = serde_json::from_str(&harness.todo(&["plan", "-o", "json"]).stdout).unwrap();
    assert!(json.to_string().contains("spec.replicas"), "{json}");
    harness.edit("manifests/30-backend.yaml", "replicas: 2", "replicas: 1");
    assert_eq!(versions(harness), before, "a plan writes nothing");
}

fn back_to_an_earlier_revision(harness: &Harness, url: &str) {
    let revisions = || -> Vec<Value> {
        let output = harness.todo(&["history", "-o", "json"]);
        serde_json::from_str::<Value>(&output.stdout).unwrap().as_array().unwrap().clone()
    };
    let before = revisions();
    assert!(before.len() > 1, "{before:?}");
    assert!(harness.todo(&["history"]).stdout.contains("todo-backend"), "a revision has its images");
    assert!(http::get(url).1.contains("<title>New: "));
    let rollback = harness.todo(&["rollback"]);
    assert_eq!(rollback.code, Some(0), "{}", rollback.stderr);
    served(url, false, "the page is the one of the revision before");
    assert_eq!(revisions().len(), before.len() + 1, "going back is a revision, too");
    harness.todo(&["rollback", "4711"]).failed_with(2, &["4711", "revisions that are kept"]);
    harness.up();
    served(url, true, "`up` is what the files say");
}

/// Waits until every request gets the page that is meant: a pod that ends still serves until all proxies know that it does.
#[track_caller]
fn served(url: &str, new: bool, why: &str) {
    let until = Instant::now() + Duration::from_secs(10);
    let mut in_a_row = 0;
    while in_a_row < 20 {
        in_a_row = if http::get(url).1.contains("<title>New: ") == new { in_a_row + 1 } else { 0 };
        assert!(Instant::now() < until, "{why}");
    }
}

fn locked_out_and_in_again(harness: &Harness) {
    let output = harness.todo(&["unlock"]);
    assert_eq!(output.code, Some(0));
    let lease = serde_json::json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "todo.todo-chatbot", "namespace": "todo-chatbot"},
        "spec": {"holderIdentity": "alex@laptop, process 7 #1", "leaseDurationSeconds": 3600,
            "acquireTime": "2999-01-01T00:00:00.000000Z", "renewTime": "2999-01-01T00:00:00.000000Z"}});
    let file = harness.path("lease.json");
    std::fs::write(&file, lease.to_string()).unwrap();
    harness.kubectl(&["apply", "-f", file.to_str().unwrap()]);
    let output = harness.todo(&["unlock"]);
    assert!(output.code == Some(0) && output.stdout.contains("alex@laptop, process 7"), "{}", output.stdout);
    std::fs::remove_file(file).unwrap();
    harness.up();
}

/// `todo-status` as a symlink and as a copy is `todo status`.
fn by_its_other_names(harness: &Harness) {
    let (link, copy) = (harness.path("todo-status"), harness.path("todo-x86_64"));
    std::os::unix::fs::symlink(Harness::program(), &link).unwrap();
    std::fs::copy(Harness::program(), &copy).unwrap();
    let linked = harness.command(&link).output().unwrap();
    assert_eq!(linked.status.code(), Some(0), "{}", String::from_utf8_lossy(&linked.stderr));
    let copied = harness.command(&copy).arg("status").output().unwrap();
    assert_eq!(copied.status.code(), Some(0), "{}", String::from_utf8_lossy(&copied.stderr));
    assert!(String::from_utf8_lossy(&linked.stdout).contains("todo-backend"));
    std::fs::remove_file(link).unwrap();
    std::fs::remove_file(copy).unwrap();
}
