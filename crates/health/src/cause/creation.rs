//! A controller that cannot make its pods: quotas, policies, missing accounts.
//!
//! No pod exists, so no pod status exists; the controller reports the cause in a condition (ReplicaSets) or in events
//! (all others).

use crate::cause::Symptom;
use crate::cause::failure_kind::FailureKind;
use crate::cause::newest;
use crate::live;
use crate::snapshot::Snapshot;
use jiff::Timestamp;
use serde_json::Value;

/// What keeps the controller of `workload` from making its pods, if anything.
pub fn symptom(workload: &Value, snapshot: &Snapshot) -> Option<Symptom> {
    let text = match live::kind(workload) {
        "Deployment" => {
            let set = newest::replica_set(workload, snapshot);
            set.and_then(refused)
                .or_else(|| set.and_then(|set| event_message(set, snapshot)))
                .or_else(|| refused(workload))
        }
        "ReplicaSet" | "ReplicationController" => {
            refused(workload).or_else(|| event_message(workload, snapshot))
        }
        "StatefulSet" | "DaemonSet" | "Job" => event_message(workload, snapshot),
        _ => None,
    }?;
    Some(Symptom::new(classify(&text), "FailedCreate", text))
}

/// When the controller of `workload` was last refused, by the cluster's clock; `None` where nothing reports it. A
/// condition keeps the time of the first refusal (`kubernetes: pkg/controller/replicaset/replica_set_utils.go`), an
/// event that of the last.
pub fn last_refused(workload: &Value, snapshot: &Snapshot) -> Option<Timestamp> {
    let set = newest::replica_set(workload, snapshot);
    let of_one = |object: &Value| {
        let failure = live::condition(object, "ReplicaFailure").filter(live::Condition::holds);
        let events = snapshot.events(live::uid(object));
        let events =
            events.iter().filter(|event| event.reason == "FailedCreate").filter_map(|event| event.last);
        events.chain(failure.and_then(|failure| failure.changed)).max()
    };
    of_one(workload).max(set.and_then(of_one))
}

fn refused(set: &Value) -> Option<String> {
    let failure = live::condition(set, "ReplicaFailure").filter(live::Condition::holds)?;
    (failure.reason != "FailedDelete").then(|| failure.message.to_owned())
}

/// The last event about making pods, if it is a refusal and pods are missing.
fn event_message(workload: &Value, snapshot: &Snapshot) -> Option<String> {
    let events = snapshot.events(live::uid(workload));
    let last = events
        .iter()
        .rev()
        .find(|event| matches!(event.reason.as_str(), "FailedCreate" | "SuccessfulCreate"))?;
    (last.reason == "FailedCreate" && pods_missing(workload)).then(|| last.message.clone())
}

fn pods_missing(workload: &Value) -> bool {
    match live::kind(workload) {
        "DaemonSet" => {
            live::count(workload, "/status/currentNumberScheduled")
                < live::count(workload, "/status/desiredNumberScheduled")
        }
        "Job" => live::count(workload, "/status/active") == 0,
        _ => {
            live::count(workload, "/status/replicas") < live::number(workload, "/spec/replicas").unwrap_or(1)
        }
    }
}

fn classify(message: &str) -> FailureKind {
    let lower = message.to_ascii_lowercase();
    if lower.contains("exceeded quota") || lower.contains("failed quota") {
        FailureKind::Quota
    } else if lower.contains("serviceaccount") && lower.contains("not found") {
        FailureKind::NoServiceAccount
    } else {
        FailureKind::Refused
    }
}
