//! PersistentVolumeClaims.
//!
//! A claim of a class that waits for its first consumer stays `Pending` until a pod that uses it is scheduled: that is
//! its resting state, not a delay.

use crate::live;
use crate::snapshot::Snapshot;
use crate::status::Context;
use crate::status::HealthStatus;
use serde_json::Value;

pub(super) fn claim(object: &Value, context: Context<'_>) -> HealthStatus {
    match live::text(object, "/status/phase") {
        "Bound" => HealthStatus::ready("Bound", "bound to a volume"),
        "Lost" => HealthStatus::failed("Lost", "the volume that it was bound to is gone"),
        _ if context.snapshot.is_some_and(|snapshot| rests(object, snapshot)) => {
            HealthStatus::ready("WaitForFirstConsumer", "waits for the first pod that uses it")
        }
        _ => HealthStatus::progressing("Pending", "not bound to a volume yet"),
    }
}

pub(super) fn volume(object: &Value) -> HealthStatus {
    match live::text(object, "/status/phase") {
        "Failed" => HealthStatus::failed("Failed", live::text(object, "/status/message")),
        phase => HealthStatus::ready(if phase.is_empty() { "Exists" } else { phase }, "it is there"),
    }
}

fn rests(claim: &Value, snapshot: &Snapshot) -> bool {
    let waits = class_of(claim, snapshot)
        .is_some_and(|class| live::text(class, "/volumeBindingMode") == "WaitForFirstConsumer")
        || snapshot.events(live::uid(claim)).last().is_some_and(|last| last.reason == "WaitForFirstConsumer");
    waits
        && !snapshot
            .users(live::namespace(claim), live::name(claim))
            .any(|pod| !live::text(pod, "/spec/nodeName").is_empty())
}

/// The class of a claim: the one that it names, else the default one.
pub(crate) fn class_of<'a>(claim: &Value, snapshot: &'a Snapshot) -> Option<&'a Value> {
    let classes = snapshot.classes.as_deref()?;
    match claim.pointer("/spec/storageClassName").and_then(Value::as_str) {
        Some(named) => classes.iter().find(|class| live::name(class) == named),
        None => classes
            .iter()
            .find(|class| live::annotation(class, "storageclass.kubernetes.io/is-default-class") == "true"),
    }
}
