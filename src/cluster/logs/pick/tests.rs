//! Names and containers, by tables.

use super::Unknown;
use super::sources;
use crate::manifest::ObjectId;
use serde_json::Value;
use serde_json::json;

fn ours(names: &[(&str, &str, &str)]) -> Vec<ObjectId> {
    let id = |(group, kind, name): &(&str, &str, &str)| ObjectId {
        group: (*group).to_owned(),
        kind: (*kind).to_owned(),
        namespace: Some("shop".to_owned()),
        name: (*name).to_owned(),
    };
    names.iter().map(id).collect()
}

fn owned(kind: &str, name: &str, uid: &str, owner: Option<(&str, &str, &str)>) -> Value {
    let owners: Vec<Value> = owner
        .iter()
        .map(|(kind, name, uid)| json!({"kind": kind, "name": name, "uid": uid, "controller": true}))
        .collect();
    json!({"kind": kind, "metadata": {"name": name, "namespace": "shop", "uid": uid, "ownerReferences": owners,
           "labels": {"app": name.split('-').next()}},
           "spec": {"containers": [{"name": "main"}, {"name": "proxy"}], "initContainers": [{"name": "migrate"}]},
           "status": {"conditions": [{"type": "Initialized", "status": "True"}]}})
}

fn cluster() -> Vec<Value> {
    let mut service = owned("Service", "shop", "s", None);
    service["spec"] = json!({"selector": {"app": "web"}});
    vec![
        owned("ReplicaSet", "web-1", "rs1", Some(("Deployment", "web", "d"))),
        owned("ReplicaSet", "web-2", "rs2", Some(("Deployment", "web", "d"))),
        owned("Pod", "web-1-a", "p1", Some(("ReplicaSet", "web-1", "rs1"))),
        owned("Pod", "web-2-a", "p2", Some(("ReplicaSet", "web-2", "rs2"))),
        owned("Job", "backup-1", "j", Some(("CronJob", "backup", "c"))),
        owned("Pod", "backup-1-x", "p3", Some(("Job", "backup-1", "j"))),
        owned("Pod", "stranger", "p4", None),
        service,
    ]
}

#[test]
fn a_pod_is_found_by_every_name_that_leads_to_it() {
    let ours =
        ours(&[("apps", "Deployment", "web"), ("batch", "CronJob", "backup"), ("", "Service", "shop")]);
    for (names, pods) in [
        (vec![], "backup-1-x web-1-a web-2-a"),
        (vec!["web"], "web-1-a web-2-a"),
        (vec!["deployment/web"], "web-1-a web-2-a"),
        (vec!["web-2"], "web-2-a"),
        (vec!["shop"], "web-1-a web-2-a"),
        (vec!["service/shop", "backup"], "backup-1-x web-1-a web-2-a"),
        (vec!["pod/web-1-a"], "web-1-a"),
    ] {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let found = sources(&ours, &cluster(), &names, None).unwrap();
        let found: Vec<&str> = found.iter().map(|source| source.pod.as_str()).collect();
        assert_eq!(found.join(" "), pods, "{names:?}");
    }
    for name in ["wbe", "stranger", "job/web"] {
        let unknown = sources(&ours, &cluster(), &[name.to_owned()], None).unwrap_err();
        let known = ["backup", "shop", "web"].map(str::to_owned).to_vec();
        assert_eq!(unknown, Unknown { name: name.to_owned(), known });
    }
    assert_eq!(sources(&ours, &[], &["web".to_owned()], None), Ok(Vec::new()), "it has no pod yet");
}

#[test]
fn the_container_that_has_something_to_say_is_chosen() {
    let ours = ours(&[("", "Pod", "web")]);
    let not_yet = json!([{"type": "Initialized", "status": "False"}]);
    for (what, pointer, value, container) in [
        ("the first", "", Value::Null, "main"),
        (
            "the declared one",
            "/metadata/annotations",
            json!({"kubectl.kubernetes.io/default-container": "proxy"}),
            "proxy",
        ),
        (
            "the one that keeps ending",
            "/status/containerStatuses",
            json!([{"name": "main", "ready": true}, {"name": "proxy", "ready": false, "restartCount": 2}]),
            "proxy",
        ),
        (
            "the one that the pod waits for",
            "/status",
            json!({"conditions": not_yet, "initContainerStatuses": [{"name": "migrate", "restartCount": 1,
                   "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}),
            "migrate",
        ),
        ("none has begun", "/status", json!({"conditions": not_yet}), "main"),
    ] {
        let mut pod = owned("Pod", "web", "p", None);
        if let Some((parent, key)) = pointer.rsplit_once('/') {
            pod.pointer_mut(parent).unwrap()[key] = value;
        }
        let found = sources(&ours, &[pod], &[], None).unwrap();
        assert_eq!(found[0].container, container, "{what}");
        assert_eq!(found[0].init, container == "migrate");
    }
}

#[test]
fn a_container_by_name_wins_and_one_that_no_pod_has_is_told() {
    let ours = ours(&[("apps", "Deployment", "web")]);
    let found = sources(&ours, &cluster(), &[], Some("migrate")).unwrap();
    assert!(found.iter().all(|source| source.container == "migrate" && source.init), "{found:?}");
    let unknown = sources(&ours, &cluster(), &[], Some("mian")).unwrap_err();
    assert_eq!(unknown.known, ["main", "migrate", "proxy"]);
}
