//! Health and blame of dumped objects: `kubectl get … -o yaml`, offline.
//!
//! One look without a past, so what repeats and for how long is read from the objects themselves.

use crate::cluster::health::Health;
use crate::cluster::health::Verdict;
use crate::cluster::judge::Judge;
use crate::cluster::judge::Subject;
use crate::cluster::live;
use crate::cluster::snapshot::Snapshot;
use crate::cluster::snapshot::unfold;
use crate::event::Place;
use crate::manifest::Object;
use jiff::Timestamp;
use serde_json::Value;

/// How well each object is, in their order; events are evidence and have no verdict. `List`s are unfolded.
pub fn explain(objects: &[Value], now: Timestamp) -> Vec<Verdict> {
    let snapshot = Snapshot::of(objects);
    judge(objects, now).observe(now, &snapshot).into_iter().map(named).collect()
}

/// The judge behind [`explain`], after its one look; its findings say more.
pub fn judge(objects: &[Value], now: Timestamp) -> Judge {
    let objects = unfold(objects).into_iter().filter(|object| live::kind(object) != "Event");
    let subjects = objects.map(|object| Subject {
        id: live::id(object),
        generation: live::number(object, "/metadata/generation"),
        changed: false,
        object: Object::made(object.clone(), Place::file("")),
        before: None,
    });
    Judge::of_dump(subjects.collect(), now)
}

fn named(verdict: Verdict) -> Verdict {
    if verdict.object.kind.is_empty() {
        return Verdict {
            health: Health::Unknown,
            reason: "NoKind".to_owned(),
            message: "it is not a Kubernetes object: it has no `kind`".to_owned(),
            ..verdict
        };
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::explain;
    use serde_json::Value;
    use serde_json::json;

    fn told(objects: &[Value]) -> Vec<(String, String)> {
        let now = "2026-01-01T10:05:00Z".parse().unwrap();
        let verdicts = serde_json::to_value(explain(objects, now)).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        verdicts
            .as_array()
            .unwrap()
            .iter()
            .map(|verdict| (text(&verdict["object"]), text(&verdict["health"])))
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
        let wanted = [
            ("Deployment/web", "failed"),
            ("ReplicaSet/web-1", "failed"),
            ("Pod/web-1-a", "failed"),
            ("ConfigMap/c", "ready"),
        ];
        assert_eq!(told(&[list]), wanted.map(|(object, health)| (object.to_owned(), health.to_owned())));
    }

    #[test]
    fn graces_run_from_what_the_objects_say() {
        let pod = |since: &str| {
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "status": {"phase": "Pending", "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes", "lastTransitionTime": since}]}})
        };
        assert_eq!(told(&[pod("2026-01-01T10:04:50Z")])[0].1, "progressing");
        assert_eq!(told(&[pod("2026-01-01T10:04:00Z")])[0].1, "failed");
    }

    #[test]
    fn strange_input_is_unknown_and_no_panic() {
        let strange = [
            json!({}),
            json!({"kind": 7, "metadata": []}),
            json!({"kind": "Pod", "status": {"conditions": {}}}),
        ];
        assert_eq!(told(&strange)[0].1, "unknown");
        assert_eq!(told(&strange).len(), 3);
    }
}
