//! A claim that no volume comes for.

use crate::cause::Symptom;
use crate::cause::failure_kind::FailureKind;
use crate::live;
use crate::snapshot::Snapshot;
use crate::status;
use serde_json::Value;

/// Why `claim` is not bound, if that is known.
pub fn symptom(claim: &Value, snapshot: &Snapshot) -> Option<Symptom> {
    if live::text(claim, "/status/phase") == "Bound" {
        return None;
    }
    let events = snapshot.events(live::uid(claim));
    let last_event = events.iter().rev().find(|event| event.warning || event.reason == "FailedBinding");
    let named = claim.pointer("/spec/storageClassName").and_then(Value::as_str);
    let classless = named != Some("")
        && live::text(claim, "/spec/volumeName").is_empty()
        && snapshot.classes.is_some()
        && status::class_of(claim, snapshot).is_none();
    if classless {
        let message = match named {
            _ if last_event.is_some() => {
                last_event.map_or_else(String::new, |last_event| last_event.message.clone())
            }
            Some(named) => format!("storageclass `{named}` not found"),
            None => "no storage class is set and none is the default".to_owned(),
        };
        return Some(Symptom::new(FailureKind::NoClass, "NoStorageClass", message));
    }
    // Of an external provisioner that never answers there is only a Normal event, repeated for ever.
    let Some(last_event) = last_event else {
        // The first word of a provisioner that answers (`sig-storage-lib-external-provisioner: controller/controller.go`).
        if events.iter().any(|event| event.reason == "Provisioning") {
            return None;
        }
        let waits = events.iter().rev().find(|event| event.reason == "ExternalProvisioning");
        return waits.map(|waits| Symptom::new(FailureKind::NoProvisioner, &waits.reason, &waits.message));
    };
    let signal = match last_event.reason.as_str() {
        "FailedBinding" if last_event.message.contains("no storage class is set") => FailureKind::NoClass,
        "ProvisioningFailed"
            if last_event.message.contains("not found") && last_event.message.contains("storageclass") =>
        {
            FailureKind::NoClass
        }
        "FailedBinding" | "ProvisioningFailed" | "VolumeMismatch" | "ClaimMisbound" => {
            FailureKind::Provisioning
        }
        _ => return None,
    };
    Some(Symptom::new(signal, &last_event.reason, &last_event.message))
}

/// The provisioner that a claim waits for (`kubernetes: pkg/controller/volume/persistentvolume`, `ExternalProvisioning`).
pub fn provisioner(message: &str) -> Option<&str> {
    message
        .split_once("external provisioner '")
        .or_else(|| message.split_once("external provisioner \""))?
        .1
        .split(['\'', '"'])
        .next()
}

#[cfg(test)]
mod tests {
    use super::symptom;
    use crate::cause::failure_kind::FailureKind;
    use crate::snapshot::Snapshot;
    use serde_json::Value;
    use serde_json::json;

    fn event(reason: &str, kind: &str, message: &str) -> Value {
        json!({"kind": "Event", "metadata": {"name": reason}, "type": kind, "reason": reason, "message": message,
               "involvedObject": {"uid": "claim"}})
    }

    /// What is seen of a claim of that class, in a cluster that has the class `standard`.
    fn signal(class: &str, events: &[Value]) -> Option<FailureKind> {
        let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": "shop", "uid": "claim"},
            "spec": {"storageClassName": class}, "status": {"phase": "Pending"}});
        let standard = json!({"kind": "StorageClass", "metadata": {"name": "standard"}});
        let snapshot = Snapshot::from_objects(&[&[claim.clone(), standard], events].concat());
        Some(symptom(&claim, &snapshot)?.signal)
    }

    #[test]
    fn a_claim_lacks_its_class_or_its_volume_or_only_time() {
        let waits = || {
            let message = "Waiting for a volume to be created either by the external provisioner 'a.example/disk' or manually";
            event("ExternalProvisioning", "Normal", message)
        };
        for (class, events, expected) in [
            ("fast", vec![], Some(FailureKind::NoClass)),
            ("standard", vec![], None),
            ("standard", vec![waits()], Some(FailureKind::NoProvisioner)),
            // The provisioner has answered, and is at work.
            (
                "standard",
                vec![waits(), event("Provisioning", "Normal", "External provisioner is provisioning volume")],
                None,
            ),
            (
                "standard",
                vec![waits(), event("ProvisioningFailed", "Warning", "failed to provision volume: quota")],
                Some(FailureKind::Provisioning),
            ),
        ] {
            assert_eq!(signal(class, &events), expected, "{class} {events:?}");
        }
    }
}
