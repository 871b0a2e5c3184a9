//! Fields that may not change once they are set, in the words of each validation.

use crate::refuse::Cause;
use serde_json::Value;

const STATEFUL_SET: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
const CLAIM: &str = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
const POD: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// What of `next` may not be so after `before`.
pub(super) fn causes(kind: &str, before: &Value, next: &Value) -> Vec<Cause> {
    let fixed = |pointer: &str| {
        let (old, new) = (before.pointer(pointer), next.pointer(pointer));
        let field = pointer.trim_start_matches('/').replace('/', ".");
        (old != new).then(|| {
            let value = new.map_or_else(|| "null".to_owned(), Value::to_string);
            Cause::invalid(field, &value, "field is immutable")
        })
    };
    let all = |pointers: &[&str]| pointers.iter().filter_map(|pointer| fixed(pointer)).collect();
    match kind {
        "Deployment" | "DaemonSet" | "ReplicaSet" => all(&["/spec/selector"]),
        "Job" => all(&["/spec/completions", "/spec/selector", "/spec/template", "/spec/completionMode"]),
        "StatefulSet" => {
            const MAY: [&str; 7] = [
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            ];
            differs_beside(before, next, &MAY, |_| true)
                .then(|| Cause::forbidden("spec", STATEFUL_SET))
                .into_iter()
                .collect()
        }
        "PersistentVolumeClaim" => {
            let bound = |field: &str| field != "volumeName" || !before["spec"][field].is_null();
            differs_beside(before, next, &["resources", "volumeAttributesClassName"], bound)
                .then(|| Cause::forbidden("spec", CLAIM))
                .into_iter()
                .collect()
        }
        "Pod" => {
            const MAY: [&str; 6] = [
                "containers",
                "initContainers",
                "activeDeadlineSeconds",
                "tolerations",
                "terminationGracePeriodSeconds",
                "nodeName",
            ];
            differs_beside(before, next, &MAY, |_| true)
                .then(|| Cause::forbidden("spec", POD))
                .into_iter()
                .collect()
        }
        "Service" => service(before, next).into_iter().collect(),
        "Secret" | "ConfigMap" => kept(kind, before, next),
        "RoleBinding" | "ClusterRoleBinding" => {
            let value = next["roleRef"].to_string();
            (before["roleRef"] != next["roleRef"])
                .then(|| Cause::invalid("roleRef", &value, "cannot change roleRef"))
                .into_iter()
                .collect()
        }
        "StorageClass" => ["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"]
            .iter()
            .filter(|field| before[**field] != next[**field])
            .map(|field| Cause::forbidden(*field, &format!("updates to {field} are forbidden.")))
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether the specs differ in a field that is not one of `may` and `counts`.
fn differs_beside(before: &Value, next: &Value, may: &[&str], counts: impl Fn(&str) -> bool) -> bool {
    let fields = |object: &Value| object["spec"].as_object().cloned().unwrap_or_default();
    let (old, new) = (fields(before), fields(next));
    old.keys()
        .chain(new.keys())
        .filter(|field| !may.contains(&field.as_str()) && counts(field))
        .any(|field| old.get(field) != new.get(field))
}

fn service(before: &Value, next: &Value) -> Option<Cause> {
    let (old, new) = (&before["spec"], &next["spec"]);
    let had = old["clusterIP"].as_str().is_some_and(|address| !address.is_empty());
    let changed = had && new["type"] != "ExternalName" && old["clusterIP"] != new["clusterIP"];
    changed.then(|| {
        Cause::invalid("spec.clusterIPs[0]", &new["clusterIPs"].to_string(), "may not change once set")
    })
}

fn kept(kind: &str, before: &Value, next: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if kind == "Secret" && before["type"] != next["type"] {
        causes.push(Cause::invalid("type", &next["type"].to_string(), "field is immutable"));
    }
    if before["immutable"] == true {
        const WHY: &str = "field is immutable when `immutable` is set";
        for field in ["immutable", "data", "binaryData"] {
            if before[field] != next[field] {
                causes.push(Cause::forbidden(field, WHY));
            }
        }
    }
    causes
}
