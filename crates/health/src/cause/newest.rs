//! Which pods belong to the newest revision of a workload: only they can fail its rollout.
//!
//! To be called once the controller has seen the generation; before that its newest ReplicaSet is the old one.

use crate::live;
use crate::snapshot::Snapshot;
use serde_json::Value;

const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "controller-revision-hash";

/// The pods of the newest revision, without those that are being deleted.
pub fn pods<'a>(workload: &'a Value, snapshot: &'a Snapshot) -> Vec<&'a Value> {
    let uid = live::uid(workload);
    let owned = |owner: &'a str| snapshot.owned("", "Pod", owner).filter(|pod| !live::is_terminating(pod));
    match live::kind(workload) {
        "Pod" => vec![workload],
        "Deployment" => {
            replica_set(workload, snapshot).map_or_else(Vec::new, |set| owned(live::uid(set)).collect())
        }
        "StatefulSet" => {
            let newest = live::text(workload, "/status/updateRevision");
            owned(uid).filter(|pod| newest.is_empty() || live::label(pod, HASH) == newest).collect()
        }
        "DaemonSet" => {
            // Both are written by the controller; the label spares us the ControllerRevisions.
            let newest = live::annotation(workload, "deprecated.daemonset.template.generation");
            owned(uid)
                .filter(|pod| newest.is_empty() || live::label(pod, "pod-template-generation") == newest)
                .collect()
        }
        "ReplicaSet" | "ReplicationController" | "Job" => owned(uid).collect(),
        _ => Vec::new(),
    }
}

/// Whether `pod` is of an older revision of its StatefulSet than the newest.
pub fn is_old(set: &Value, pod: &Value) -> bool {
    let newest = live::text(set, "/status/updateRevision");
    let of = live::label(pod, HASH);
    !newest.is_empty() && !of.is_empty() && of != newest
}

/// Whether the pods of a workload are still to be listed, or the ReplicaSets that own them.
pub fn are_awaited(workload: &Value, snapshot: &Snapshot) -> bool {
    let namespace = live::namespace(workload);
    let sets = live::kind(workload) == "Deployment" && snapshot.awaits("apps", "ReplicaSet", namespace);
    sets || snapshot.awaits("", "Pod", namespace)
}

/// The newest ReplicaSet of a Deployment: the one of the Deployment's own revision, else the highest.
pub fn replica_set<'a>(deployment: &'a Value, snapshot: &'a Snapshot) -> Option<&'a Value> {
    let revision = live::annotation(deployment, REVISION);
    let mut sets: Vec<&Value> = snapshot.owned("apps", "ReplicaSet", live::uid(deployment)).collect();
    if !revision.is_empty() {
        return sets.into_iter().find(|set| live::annotation(set, REVISION) == revision);
    }
    sets.sort_by_key(|set| live::annotation(set, REVISION).parse::<u64>().unwrap_or(0));
    sets.pop()
}
