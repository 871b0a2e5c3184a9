//! The tables in `tests/blame`: a cluster state, when it is given up, and the expected report.

use crate::cluster::tracker::HealthTracker;
use crate::cluster::tracker::Subject;
use crate::cluster::tracker::limits::Limits;
use crate::event::Code;
use crate::event::Place;
use crate::event::Severity;
use crate::manifest::Object;
use health::snapshot::KubeEvent;
use health::snapshot::Snapshot;
use health::status;
use health::tenants::Tenants;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

fn tables<T: DeserializeOwned>(folder: &str) -> Vec<(String, T)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let table: Vec<T> = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        cases.extend(table.into_iter().map(|case| (name.clone(), case)));
    }
    assert!(!cases.is_empty());
    cases
}

/// A Deployment `web` of one container `web`, its ReplicaSet and its pod; the pod's status changes with time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlameCase {
    case: String,
    /// More of the container as written.
    #[serde(default)]
    container: Value,
    /// Annotations of the Deployment as written.
    #[serde(default)]
    annotations: Value,
    /// More of the pod's spec as written.
    #[serde(default)]
    pod: Value,
    /// Other objects of the set, which are ready.
    #[serde(default)]
    set: Vec<Value>,
    /// Another Deployment of the set that is starting until this second.
    others_start_until: Option<i64>,
    #[serde(default = "one")]
    patience: f64,
    #[serde(default)]
    nodes: Option<Vec<Value>>,
    #[serde(default)]
    tenants: Option<Vec<Value>>,
    looks: Vec<Observation>,
    /// The second at which it is given up; none if it never is.
    given_up_after: Option<i64>,
    code: Option<Code>,
    reason: Option<String>,
    message: Option<String>,
    field: Option<String>,
    /// Keys and values of the finding's data, not all of them.
    #[serde(default)]
    data: BTreeMap<String, Value>,
    #[serde(default)]
    evidence: Vec<String>,
    help: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Observation {
    after: i64,
    /// The container's status.
    #[serde(default)]
    status: Option<Value>,
    /// The pod's status, without its containers'.
    #[serde(default)]
    pod: Value,
    /// Events about the pod.
    #[serde(default)]
    events: Vec<Value>,
    /// Events about the ReplicaSet, and no pod.
    #[serde(default)]
    no_pod: Option<Vec<Value>>,
    /// Logs by run.
    #[serde(default)]
    logs: BTreeMap<String, Vec<String>>,
}

fn one() -> f64 {
    1.0
}

fn merged(mut base: Value, more: &Value) -> Value {
    if let (Some(fields), Some(more)) = (base.as_object_mut(), more.as_object()) {
        for (key, value) in more {
            fields.insert(key.clone(), value.clone());
        }
    }
    base
}

fn deployment(name: &str, template: &Value, ready: bool) -> Value {
    let count = i64::from(ready);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "todo", "uid": name, "generation": 1,
                     "annotations": {"deployment.kubernetes.io/revision": "1"}},
        "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": name}}, "spec": template}},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": count,
                   "availableReplicas": count, "conditions": [{"type": "Available", "status": if ready {"True"} else {"False"}}]},
    })
}

fn scene(case: &BlameCase, look: &Observation, second: i64) -> Snapshot {
    let mut objects = case.set.clone();
    let template = template(case);
    objects.push(deployment("web", &template, false));
    objects.push(json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "web-1", "namespace": "todo", "uid": "web-1",
                     "annotations": {"deployment.kubernetes.io/revision": "1"},
                     "ownerReferences": [{"controller": true, "uid": "web"}]},
        "spec": {"replicas": 1},
    }));
    if look.no_pod.is_none() {
        let mut spec = template.clone();
        let has_no_node = look.pod["conditions"][0]["type"] == "PodScheduled";
        if !has_no_node && (look.status.is_some() || !look.events.is_empty()) {
            spec["nodeName"] = "node".into();
        }
        let statuses: Vec<Value> = look
            .status
            .iter()
            .map(|status| merged(json!({"name": "web", "image": template["containers"][0]["image"]}), status))
            .collect();
        objects.push(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web-1-a", "namespace": "todo", "uid": "pod",
                         "ownerReferences": [{"controller": true, "uid": "web-1"}]},
            "spec": spec,
            "status": merged(json!({"phase": "Pending", "containerStatuses": statuses}), &look.pod),
        }));
    }
    if let Some(until) = case.others_start_until {
        objects.push(deployment("db", &json!({"containers": []}), second >= until));
    }
    let mut snapshot = Snapshot::from_objects(&objects);
    for (about, events) in [("pod", &look.events), ("web-1", look.no_pod.as_ref().unwrap_or(&Vec::new()))] {
        for (number, event) in events.iter().enumerate() {
            let whole = merged(
                json!({"type": "Warning", "involvedObject": {"uid": about, "fieldPath": "spec.containers{web}"}}),
                event,
            );
            snapshot.add_event(&format!("{number}"), KubeEvent::from_object(&whole));
        }
    }
    (snapshot.nodes, snapshot.tenants) = (case.nodes.clone(), case.tenants.as_ref().map(Tenants::from_pods));
    snapshot
}

fn template(case: &BlameCase) -> Value {
    let container = merged(json!({"name": "web", "image": "ghcr.io/acme/web:1"}), &case.container);
    merged(json!({"containers": [container]}), &case.pod)
}

fn subject(object: Value) -> Subject {
    let mut object = Object::made(object, Place::file("web.yaml"));
    let id = object.id();
    // Every field is its own place, so that the field that is blamed can be read from the finding.
    let mut pointers = vec![(String::new(), Value::clone(&object.value))];
    while let Some((pointer, value)) = pointers.pop() {
        object.places.insert(pointer.clone(), Place::file(format!("web.yaml#{pointer}")));
        match value {
            Value::Object(fields) => {
                pointers.extend(fields.into_iter().map(|(key, value)| (format!("{pointer}/{key}"), value)));
            }
            Value::Array(items) => {
                pointers.extend(
                    items.into_iter().enumerate().map(|(index, value)| (format!("{pointer}/{index}"), value)),
                );
            }
            _ => {}
        }
    }
    Subject { id, generation: None, changed: true, object, before: None }
}

#[test]
fn blame_is_as_the_tables_say() {
    for (table, case) in tables::<BlameCase>("blame") {
        let name = format!("{table}: {}", case.case);
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut web = deployment("web", &template(&case), false);
        web["metadata"]["annotations"] = merged(web["metadata"]["annotations"].clone(), &case.annotations);
        let mut subjects = vec![subject(web)];
        subjects.extend(case.set.iter().cloned().map(subject));
        subjects.extend(
            case.others_start_until.map(|_| subject(deployment("db", &json!({"containers": []}), false))),
        );
        let limits = Limits { patience: case.patience, ..Limits::default() };
        let mut tracker = HealthTracker::new(subjects, limits, start);
        let mut given_up = None;
        for second in 0..=150 {
            let Some(look) = case.looks.iter().rev().find(|look| look.after <= second) else { continue };
            let snapshot = scene(&case, look, second);
            let now = start + SignedDuration::from_secs(second);
            tracker.observe(now, &snapshot);
            for (run, lines) in &look.logs {
                tracker.tail(run.clone(), lines.clone());
            }
            let object_health = tracker.observe(now, &snapshot).remove(0);
            if object_health.health == status::Health::Failed || second == 150 {
                given_up = (object_health.health == status::Health::Failed).then_some(second);
                if let Some(reason) = &case.reason {
                    assert_eq!(&object_health.reason, reason, "{name}");
                }
                check_finding(&name, &case, &tracker, &snapshot);
                break;
            }
        }
        assert_eq!(given_up, case.given_up_after, "{name}");
    }
}

fn check_finding(name: &str, case: &BlameCase, tracker: &HealthTracker, snapshot: &Snapshot) {
    let findings: Vec<_> =
        tracker.findings(snapshot).into_iter().chain(tracker.unfinished(snapshot)).collect();
    let finding = findings
        .iter()
        .find(|finding| finding.subject.as_deref() == Some("Deployment/web"))
        .unwrap_or_else(|| panic!("{name}: no finding"));
    if case.given_up_after.is_some() {
        assert_eq!(finding.severity, Severity::Error, "{name}");
    }
    if let Some(code) = case.code {
        assert_eq!(finding.code, code, "{name}: {finding:?}");
    }
    assert!(finding.has_documented_data(), "{name}: {finding:?}");
    for (key, value) in &case.data {
        assert_eq!(finding.data.get(key), Some(value), "{name}: `{key}` of {finding:?}");
    }
    if let Some(message) = &case.message {
        assert_eq!(&finding.message, message, "{name}");
    }
    if let Some(field) = &case.field {
        let place = finding.place.as_ref().unwrap().to_string();
        let start = "web.yaml#/spec/template/spec/";
        assert_eq!(place.strip_prefix(start).unwrap_or(&place), field, "{name}");
    }
    for line in &case.evidence {
        assert!(finding.evidence.contains(line), "{name}: {line} is not in {:#?}", finding.evidence);
    }
    if let Some(help) = &case.help {
        assert_eq!(finding.help.as_ref(), Some(help), "{name}");
    }
}
