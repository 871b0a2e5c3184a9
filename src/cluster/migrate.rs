//! Objects that were created with `kubectl apply` or Helm 3: the fields that those tools own become ours.
//!
//! Without it a field that is removed from the manifest stays in the object for ever, because the old tool still owns
//! it. As client-go does (`util/csaupgrade`), except that the old entries' fields are moved to our manager in one
//! patch.

use crate::cluster::wire::MANAGER;
use crate::cluster::wire::page::owners;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Managers of client-side writers whose fields we take over.
const OLD: [&str; 3] = ["kubectl-client-side-apply", "helm", "before-first-apply"];

/// The JSON Patch that moves the fields of client-side writers to our manager; `None` if there are none.
///
/// It fails if the object has changed since it was read.
pub(crate) fn patch(live: &Value) -> Option<Value> {
    let entries = owners(live);
    let version = live["metadata"]["resourceVersion"].as_str()?;
    let (old, mut rest): (Vec<Value>, Vec<Value>) = entries.iter().cloned().partition(is_old);
    // The newest entry's version is the one in which the server compares.
    let api_version =
        old.iter().max_by_key(|entry| entry["time"].as_str().map(str::to_owned))?["apiVersion"].clone();
    let ours = rest
        .iter()
        .position(|entry| entry["manager"] == MANAGER && entry["operation"] == "Apply" && plain(entry));
    let mut entry = match ours {
        Some(at) => rest.remove(at),
        None => json!({
            "manager": MANAGER, "operation": "Apply", "apiVersion": api_version, "fieldsType": "FieldsV1",
            "fieldsV1": {},
        }),
    };
    let version_of_ours = entry["apiVersion"].clone();
    for from in old.iter().filter(|from| from["apiVersion"] == version_of_ours) {
        let mut fields = entry["fieldsV1"].as_object().cloned().unwrap_or_default();
        union(&mut fields, from["fieldsV1"].as_object().unwrap_or(&Map::new()));
        entry["fieldsV1"] = Value::Object(fields);
    }
    rest.insert(0, entry);
    Some(json!([
        {"op": "replace", "path": "/metadata/managedFields", "value": rest},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
    ]))
}

fn is_old(entry: &Value) -> bool {
    entry["operation"] == "Update"
        && plain(entry)
        && (OLD.iter().any(|manager| entry["manager"] == *manager)
            || !entry["fieldsV1"]["f:metadata"]["f:annotations"]
                ["f:kubectl.kubernetes.io/last-applied-configuration"]
                .is_null())
}

fn plain(entry: &Value) -> bool {
    entry["subresource"].as_str().is_none_or(str::is_empty)
}

fn union(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (name, fields) in from {
        match (into.get_mut(name), fields) {
            (Some(Value::Object(ours)), Value::Object(theirs)) => union(ours, theirs),
            (Some(_), _) => {}
            (None, _) => {
                into.insert(name.clone(), fields.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::patch;
    use serde_json::json;

    #[test]
    fn the_fields_of_kubectl_apply_become_ours() {
        let live = json!({"metadata": {"resourceVersion": "7", "managedFields": [
            {"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "apps/v1",
             "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:paused": {}}}},
            {"manager": "todo", "operation": "Apply", "apiVersion": "apps/v1",
             "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {}}}},
            {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1",
             "subresource": "status", "fieldsV1": {"f:status": {}}},
        ]}});
        let patch = patch(&live).unwrap();
        let entries = patch[0]["value"].as_array().unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0]["manager"], "todo");
        assert_eq!(
            entries[0]["fieldsV1"],
            json!({"f:spec": {"f:replicas": {}, "f:paused": {}, "f:template": {}}})
        );
        assert_eq!(patch[1]["value"], "7");
    }

    #[test]
    fn what_nobody_applied_client_side_is_left_alone() {
        let live = json!({"metadata": {"resourceVersion": "7", "managedFields": [
            {"manager": "kubectl-edit", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {}}},
            {"manager": "helm", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:data": {}}},
        ]}});
        assert_eq!(patch(&live), None);
    }
}
