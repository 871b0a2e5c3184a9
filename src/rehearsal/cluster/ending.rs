//! The objects without what differs from run to run, for comparing how runs have ended.

use crate::rehearsal::memory::Memory;
use crate::rehearsal::request::text;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// Kinds that tell of the past, or of the moment.
const FLEETING: [&str; 3] = ["events", "leases", "controllerrevisions"];

/// Metadata that a controller or the server gives.
const GIVEN: [&str; 8] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "generateName",
    "ownerReferences",
    "selfLink",
];

/// Everything there is, as `Kind namespace/name`.
pub(super) fn objects(memory: &Memory) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for ((collection, namespace, name), object) in &memory.objects {
        let plural = collection.rsplit('/').next().unwrap_or_default();
        // A ReplicaSet without pods is only kept for a way back.
        let idle = plural == "replicasets" && object["spec"]["replicas"] == 0;
        if FLEETING.contains(&plural) || idle {
            continue;
        }
        let shown = match object["metadata"]["generateName"].as_str() {
            Some(prefix) => format!("{prefix}<letters>"),
            None if plural == "persistentvolumes" => {
                format!("of {}", text(&object["spec"]["claimRef"]["name"]))
            }
            None => name.clone(),
        };
        let key = format!("{} {namespace}/{shown}", text(&object["kind"]));
        let key = (0..).map(|number| if number == 0 { key.clone() } else { format!("{key} {number}") });
        let mut object = object.clone();
        strip(&mut object, &shown);
        let key = key.into_iter().find(|key| !found.contains_key(key));
        found.extend(key.map(|key| (key, object)));
    }
    found
}

fn strip(object: &mut Value, name: &str) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|field, _| !GIVEN.contains(&field.as_str()));
        metadata.insert("name".to_owned(), json!(name));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|key, _| !key.starts_with("deployment.kubernetes.io/"));
        }
    }
    let kind = text(&object["kind"]);
    if let Some(spec) = object["spec"].as_object_mut() {
        match kind.as_str() {
            "Service" => spec.retain(|field, _| !matches!(field.as_str(), "clusterIP" | "clusterIPs")),
            "PersistentVolumeClaim" => spec.retain(|field, _| field != "volumeName"),
            "PersistentVolume" => spec.retain(|field, _| !matches!(field.as_str(), "claimRef" | "hostPath")),
            _ => {}
        }
    }
    match kind.as_str() {
        // Only whether it is ready: how often it was started is its own history.
        "Pod" => {
            let ready = super::reading::is_ready(object);
            object["status"] = json!({"phase": object["status"]["phase"], "ready": ready});
        }
        "EndpointSlice" => {
            for endpoint in object["endpoints"].as_array_mut().into_iter().flatten() {
                *endpoint = json!({"conditions": endpoint["conditions"]});
            }
        }
        "Endpoints" => {
            let count = object["subsets"][0]["addresses"].as_array().map_or(0, Vec::len);
            object["subsets"] = json!(count);
        }
        "Job" => {
            object["status"] = json!({"succeeded": object["status"]["succeeded"]});
        }
        _ => drop_times(&mut object["status"]),
    }
    drop_uids(object);
}

fn drop_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|field, _| {
                !(field.ends_with("Time")
                    || matches!(field.as_str(), "observedGeneration" | "currentRevision" | "updateRevision"))
            });
            fields.values_mut().for_each(drop_times);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_times),
        _ => {}
    }
}

/// Jobs name themselves by their UID in the labels of their pods.
fn drop_uids(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|field, _| !field.ends_with("controller-uid"));
            fields.values_mut().for_each(drop_uids);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_uids),
        _ => {}
    }
}
