//! The objects without what differs from run to run, for comparing how runs have ended.

use crate::memory::Memory;
use crate::request::text;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// Kinds that record past events or momentary state.
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
        // The letters of a template change with the salt of what it follows.
        let letters = object["metadata"]["labels"]["pod-template-hash"].as_str();
        let shown = letters.map_or(shown.clone(), |letters| shown.replace(letters, "<template>"));
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
    let named = object["metadata"]["managedFields"].to_string().contains("f:nodePort");
    if !named {
        for port in object["spec"].get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(fields) = port.as_object_mut() {
                fields.remove("nodePort");
            }
        }
    }
    let conditions = object.get_mut("status").and_then(|status| status.get_mut("conditions"));
    if let Some(conditions) = conditions.and_then(Value::as_array_mut) {
        conditions.sort_by_key(|condition| text(&condition["type"]));
    }
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
    drop_digests(object);
}

fn drop_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // A condition's message may name a ReplicaSet by its hash; its reason is equivalent.
            fields.retain(|field, _| {
                !field.ends_with("Time")
                    && !matches!(
                        field.as_str(),
                        "observedGeneration" | "currentRevision" | "updateRevision" | "message"
                    )
            });
            fields.values_mut().for_each(drop_times);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_times),
        _ => {}
    }
}

/// Digests of templates, UIDs in labels, and what `todo` writes under a salt of each project's own.
fn drop_digests(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|field, _| {
                !field.ends_with("controller-uid")
                    && !matches!(
                        field.as_str(),
                        "pod-template-hash" | "controller-revision-hash" | "todo.dev/config"
                    )
            });
            fields.values_mut().for_each(drop_digests);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_digests),
        _ => {}
    }
}
