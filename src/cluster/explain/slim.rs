//! Removes the fields of a dumped object that are not read: a cluster's dump has thousands of pods, most of which are
//! healthy.

use health::live;
use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;

/// Fields of a pod's spec that no reason depends on.
const SPEC: [&str; 14] = [
    "dnsPolicy",
    "enableServiceLinks",
    "hostname",
    "imagePullSecrets",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "schedulerName",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "subdomain",
    "terminationGracePeriodSeconds",
    "tolerations",
];

/// Fields of a container that only explain why it is unhealthy.
const CONTAINER: [&str; 11] = [
    "args",
    "command",
    "env",
    "envFrom",
    "imagePullPolicy",
    "lifecycle",
    "ports",
    "securityContext",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "volumeMounts",
];

/// Fields of a pod's status that describe where it is, not its health.
const STATUS: [&str; 7] = [
    "hostIP",
    "hostIPs",
    "podIP",
    "podIPs",
    "qosClass",
    "resourceClaimStatuses",
    "ephemeralContainerStatuses",
];

/// Removes from `object` the fields that no status depends on.
pub(super) fn slim(object: &mut Value) {
    live::trim(object);
    let well = live::holds(object, "Ready") && live::text(object, "/status/phase") == "Running";
    if !well || !object["spec"]["containers"].is_array() {
        return;
    }
    drop_fields(object, "/metadata", &["generateName", "selfLink"]);
    if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.retain(|name, _| name.starts_with("todo.dev/"));
    }
    drop_fields(object, "/spec", &SPEC);
    drop_fields(object, "/status", &STATUS);
    for at in ["/spec/containers", "/spec/initContainers"] {
        for container in object.pointer_mut(at).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(fields) = container.as_object_mut() else { continue };
            fields.retain(|field, _| !CONTAINER.contains(&field.as_str()));
            // Only whether there are probes counts, not their handlers.
            for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
                if let Some(probe) = fields.get_mut(probe) {
                    *probe = Value::Object(Map::new());
                }
            }
        }
    }
    if let Some(volumes) = object.pointer_mut("/spec/volumes").and_then(Value::as_array_mut) {
        volumes.retain(|volume| volume.get("persistentVolumeClaim").is_some());
    }
    if let Some(conditions) = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        conditions.retain(|condition| {
            matches!(live::text(condition, "/type"), "Ready" | "PodReadyToStartContainers")
        });
    }
}

fn drop_fields(object: &mut Value, at: &str, names: &[&str]) {
    if let Some(fields) = object.pointer_mut(at).and_then(Value::as_object_mut) {
        fields.retain(|field, _| !names.contains(&field.as_str()));
    }
}

/// Timestamp fields, all of them in the past of the dump.
const MOMENTS: [&str; 13] = [
    "completionTime",
    "creationTimestamp",
    "eventTime",
    "finishedAt",
    "lastHeartbeatTime",
    "lastObservedTime",
    "lastProbeTime",
    "lastTimestamp",
    "lastTransitionTime",
    "lastUpdateTime",
    "renewTime",
    "startTime",
    "startedAt",
];

/// The newest timestamp in the object.
pub(super) fn newest(object: &Value) -> Option<Timestamp> {
    newest_text(object).and_then(|text| text.parse().ok())
}

/// Times of Kubernetes are in UTC and of one format, so that the greatest text is the newest time.
fn newest_text(value: &Value) -> Option<&str> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter_map(|(field, value)| match value {
                Value::String(text) => {
                    (MOMENTS.contains(&field.as_str()) && text.ends_with('Z')).then_some(text.as_str())
                }
                Value::Object(_) | Value::Array(_) => newest_text(value),
                _ => None,
            })
            .max(),
        Value::Array(list) => list.iter().filter_map(newest_text).max(),
        _ => None,
    }
}
