//! Health and blame of dumped objects: `kubectl get … -o yaml`, offline.
//!
//! One snapshot without a history, so repetitions and durations are read from the objects themselves; a dump of
//! another day is judged at the time at which it was made.

pub(crate) mod dump;
mod slim;

use crate::cluster::tracker::Dump as DumpTime;
use crate::cluster::tracker::HealthTracker;
use crate::cluster::tracker::Subject;
use crate::cluster::tracker::report::Detail;
use crate::event::Code;
use crate::event::Data;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::shared::Shared;
use dump::Dump;
use health::live;
use health::status::Health;
use health::status::ObjectHealth;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// The health of one object of a dump, and its cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Which, and how well.
    #[serde(flatten)]
    pub object_health: ObjectHealth,
    /// Its namespace, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its API group; none for the core group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Worth reporting although it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The evidence of the cause: messages of the cluster and output of the program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The code of the cause, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The cause in numbers and names.
    #[serde(skip_serializing_if = "Data::is_empty")]
    pub data: Data,
}

/// A dump whose newest timestamp is older than this was made on another day, or of a cluster that is stopped.
const OLD: SignedDuration = SignedDuration::from_hours(1);

/// How well each object is, in their order; events are evidence and have no status.
pub fn explain(dump: Dump, now: Timestamp) -> Vec<Explained> {
    let newest = dump.newest().filter(|newest| now.duration_since(*newest) > OLD);
    let now = newest.unwrap_or(now);
    let (objects, snapshot) = dump.connected();
    let mut tracker = HealthTracker::of_dump(subjects(objects.iter().cloned()), now, DumpTime { newest });
    let healths = tracker.observe(now, &snapshot);
    let details = tracker.details(&snapshot);
    objects
        .iter()
        .zip(healths)
        .zip(details)
        .map(|((object, object_health), detail)| one(object, object_health, detail))
        .collect()
}

fn one(object: &Value, object_health: ObjectHealth, detail: Detail) -> Explained {
    let (namespace, group) = (object_health.object.namespace.clone(), object_health.object.group.clone());
    match no_object(object) {
        Some((reason, message, help)) => Explained {
            object_health: ObjectHealth { health: Health::Unknown, reason, message, ..object_health },
            namespace,
            group,
            note: None,
            evidence: Vec::new(),
            help,
            code: None,
            data: Data::default(),
        },
        None => Explained {
            object_health,
            namespace,
            group,
            note: detail.note,
            evidence: detail.evidence,
            help: detail.help,
            code: detail.code,
            data: detail.data,
        },
    }
}

/// An item that is not an object of a cluster, such as an error of the API server, and what to do about it.
fn no_object(object: &Value) -> Option<(String, String, Option<String>)> {
    let unknown = |reason: &str, message: &str, help: &str| {
        Some((reason.to_owned(), message.to_owned(), Some(help.to_owned()).filter(|help| !help.is_empty())))
    };
    match live::kind(object) {
        "" => unknown("NoKind", "it is not a Kubernetes object: it has no `kind`", ""),
        "Table" if !object["rows"].is_null() => unknown(
            "Table",
            "a table, as `kubectl get` shows it: it does not have the objects' status",
            "dump the objects with `-o yaml`",
        ),
        "Status" if object.get("code").is_some() || live::text(object, "/apiVersion") == "v1" => {
            let reason = live::text(object, "/reason");
            let reason = if reason.is_empty() { "Status" } else { reason };
            let message = live::text(object, "/message");
            unknown(
                reason,
                if message.is_empty() { "an answer of the API server, no object" } else { message },
                "",
            )
        }
        _ => None,
    }
}

fn subjects(objects: impl Iterator<Item = Shared<Value>>) -> Vec<Subject> {
    let places = Shared::default();
    objects
        .map(|value| Subject {
            id: live::id(&value),
            generation: live::number(&value, "/metadata/generation"),
            changed: false,
            object: Object { value, place: Place::file(""), places: Shared::clone(&places) },
            before: None,
        })
        .collect()
}

/// The tracker of a single snapshot of live objects; its findings have the details.
pub(crate) fn tracker(objects: impl Iterator<Item = Shared<Value>>, now: Timestamp) -> HealthTracker {
    HealthTracker::of_dump(subjects(objects), now, DumpTime::default())
}

#[cfg(test)]
mod looks {
    use super::Dump;
    use super::explain;
    use crate::manifest::dump::Part;
    use serde_json::Value;
    use serde_json::json;

    fn healths(objects: &[Value]) -> Vec<(String, String)> {
        let now = "2026-01-01T10:05:00Z".parse().unwrap();
        let mut dump = Dump::default();
        objects.iter().cloned().for_each(|object| dump.take(Part::Object(object)));
        let healths = serde_json::to_value(explain(dump, now)).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        healths
            .as_array()
            .unwrap()
            .iter()
            .map(|object_health| (text(&object_health["object"]), text(&object_health["health"])))
            .collect()
    }

    #[test]
    fn a_list_is_unfolded_and_what_ails_a_pod_fails_what_made_it() {
        let meta = |name: &str, owner: &str| {
            json!({"name": name, "namespace": "todo", "uid": name, "annotations": {"deployment.kubernetes.io/revision": "1"},
                   "ownerReferences": [{"controller": true, "uid": owner}]})
        };
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("web", ""), "status": {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 1}},
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta("web-1", "web"), "status": {"replicas": 1}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": meta("web-1-a", "web-1"), "status": {"phase": "Running", "containerStatuses": [{"name": "c", "state": waiting}]}},
            {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}},
        ]});
        let desired = [
            ("Deployment/web", "failed"),
            ("ReplicaSet/web-1", "failed"),
            ("Pod/web-1-a", "failed"),
            ("ConfigMap/c", "ready"),
        ];
        assert_eq!(healths(&[list]), desired.map(|(object, health)| (object.to_owned(), health.to_owned())));
    }

    #[test]
    fn graces_run_from_what_the_objects_say() {
        let pod = |since: &str| {
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "status": {"phase": "Pending", "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes", "lastTransitionTime": since}]}})
        };
        assert_eq!(healths(&[pod("2026-01-01T10:04:50Z")])[0].1, "progressing");
        assert_eq!(healths(&[pod("2026-01-01T10:04:00Z")])[0].1, "failed");
    }

    #[test]
    fn strange_input_is_unknown_and_no_panic() {
        let strange = [
            json!({}),
            json!({"kind": 7, "metadata": []}),
            json!({"kind": "Pod", "status": {"conditions": {}}}),
        ];
        assert_eq!(healths(&strange)[0].1, "unknown");
        assert_eq!(healths(&strange).len(), 3);
    }
}

#[cfg(test)]
mod tests;
