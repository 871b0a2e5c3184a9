//! Where files can be copied to, and how pods are marked.

use super::Containers;
use super::Mark;
use super::NotRunning;
use super::SYNCED;
use super::containers;
use super::owners;
use super::patch;
use serde_json::Value;
use serde_json::json;

fn pod(name: &str, state: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "shop", "labels": {"pod-template-hash": "5f"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5f", "uid": "u", "controller": true}]},
        "spec": {"containers": [{"name": "web", "image": "ours:1"}, {"name": "proxy", "image": "theirs"}]},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "web", "containerID": format!("docker://{name}"), "state": {state: {}}},
        ]},
    });
    change(&mut pod);
    pod
}

#[test]
fn the_containers_of_an_image_run_or_do_not() {
    type Change = fn(&mut Value);
    let found = |other: Value| {
        let Containers { running, others } = containers(&[pod("a", "running", |_| {}), other], "ours:1");
        (running.iter().map(|item| item.id.clone()).collect::<Vec<_>>(), others)
    };
    let named = |other: fn(String) -> NotRunning| vec![other("b".to_owned())];
    let cases: [(&str, Change, &[&str], Vec<NotRunning>); 8] = [
        ("running", |_| {}, &["a", "b"], vec![]),
        ("waiting", |_| {}, &["a"], named(NotRunning::Waiting)),
        ("terminated", |_| {}, &["a"], named(NotRunning::Waiting)),
        (
            "waiting",
            |pod| {
                let waiting = json!({"reason": "CrashLoopBackOff"});
                pod["status"]["containerStatuses"][0]["state"]["waiting"] = waiting;
            },
            &["a"],
            named(NotRunning::Crashing),
        ),
        ("waiting", |pod| pod["status"]["phase"] = "Succeeded".into(), &["a"], vec![]),
        (
            "waiting",
            |pod| pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into(),
            &["a"],
            vec![],
        ),
        ("waiting", |pod| pod["spec"]["containers"][0]["image"] = "ours:2".into(), &["a"], vec![]),
        (
            "running",
            |pod| pod["spec"]["initContainers"] = json!([{"name": "i", "image": "ours:1"}]),
            &["a", "b"],
            named(NotRunning::Init),
        ),
    ];
    for (state, change, running, others) in cases {
        let other = pod("b", state, change);
        let running: Vec<String> = running.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(found(other.clone()), (running, others), "{other}");
    }
    let foreign = pod("b", "running", |pod| {
        pod["status"]["containerStatuses"][0]["containerID"] = "containerd://b".into();
    });
    let is_docker = |pod: &Value| containers(std::slice::from_ref(pod), "ours:1").running[0].is_docker;
    assert!(is_docker(&pod("a", "running", |_| {})) && !is_docker(&foreign));
    assert_eq!(containers(&[], "ours:1"), Containers::default());
}

#[test]
fn a_mark_comes_and_goes() {
    let mark = |files| Mark { files, ..Mark::default() };
    let bare = json!({"metadata": {"labels": {"a": "b"}}});
    let set = patch(&bare, &mark(2));
    assert_eq!(set[0]["path"], "/metadata/labels/todo.dev~1synced");
    assert_eq!(set[1]["path"], "/metadata/annotations");
    assert_eq!(patch(&bare, &mark(0)), json!([]));
    let marked = json!({"metadata": {"labels": {SYNCED: "true"}, "annotations": {SYNCED: "{}"}}});
    assert_eq!(patch(&marked, &mark(1))[1]["op"], "add");
    let removed = patch(&marked, &mark(0));
    assert_eq!((&removed[0]["op"], &removed[1]["op"]), (&json!("remove"), &json!("remove")));
}

#[test]
fn the_workload_of_a_marked_pod_is_found() {
    let marked = |name: &str, files: u64| {
        pod(name, "running", |pod| {
            pod["metadata"]["annotations"] = json!({SYNCED: json!({"files": files}).to_string()});
        })
    };
    let found = owners(&[marked("a", 2), marked("b", 3), pod("c", "running", |_| {})]);
    let shown: Vec<(String, usize)> = found.iter().map(|(id, files)| (id.to_string(), *files)).collect();
    assert_eq!(shown, [("Deployment/web".to_owned(), 3)]);
    let mut set = marked("d", 1);
    set["metadata"]["ownerReferences"] =
        json!([{"kind": "StatefulSet", "name": "db", "uid": "u", "controller": true}]);
    assert_eq!(owners(&[set]).keys().next().unwrap().to_string(), "StatefulSet/db");
    let mut lone = marked("e", 1);
    lone["metadata"]["ownerReferences"] = json!([]);
    assert!(owners(&[lone]).is_empty());
}
