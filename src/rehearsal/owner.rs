//! `managedFields`: who owns which field of an object, and who is in whose way.

use crate::rehearsal::fieldset;
use crate::rehearsal::fieldset::Path;
use crate::rehearsal::request::Where;
use crate::rehearsal::request::api_version;
use crate::rehearsal::request::failure;
use crate::rehearsal::request::text;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;

pub(crate) fn refused(at: &Where, conflicts: &[(&String, &Path)]) -> Value {
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|(who, path)| {
            json!({"reason": "FieldManagerConflict", "field": fieldset::shown(path),
                "message": format!("conflict with \"{who}\" using {}", api_version(at))})
        })
        .collect();
    let noun = if causes.len() == 1 { "conflict" } else { "conflicts" };
    let message = format!("Apply failed with {} {noun}", causes.len());
    failure(409, "Conflict", &message, &Value::Array(causes))
}

/// Who owns what, of the entries that `which` says.
pub(crate) fn owners(object: &Value, which: impl Fn(&Value) -> bool) -> Vec<(String, BTreeSet<Path>)> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries
        .filter(|entry| which(entry))
        .map(|entry| (text(&entry["manager"]), fieldset::decode(&entry["fieldsV1"])))
        .collect()
}

/// Makes `fields` the manager's: all that it owns for an apply, more of it for an update; others lose what has changed.
pub(crate) fn own(object: &mut Value, manager: &str, operation: &str, fields: &BTreeSet<Path>) {
    let manager = if manager.is_empty() { "unknown" } else { manager };
    let api_version = object["apiVersion"].clone();
    let mut entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let is_ours = |entry: &Value| entry["manager"] == manager && entry["operation"] == operation;
    let mut ours = fields.clone();
    let snapshot = object.clone();
    for entry in &mut entries {
        let mut owned = fieldset::decode(&entry["fieldsV1"]);
        if is_ours(entry) {
            if operation == "Update" {
                ours.extend(owned);
            }
            continue;
        }
        // What is no longer there is nobody's; what an update has changed is no longer theirs.
        owned.retain(|path| {
            fieldset::value(&snapshot, path).is_some() && !(operation == "Update" && fields.contains(path))
        });
        entry["fieldsV1"] = fieldset::encode(&owned);
    }
    entries.retain(|entry| !is_ours(entry) && entry["fieldsV1"] != json!({}));
    if !ours.is_empty() {
        entries.push(json!({"manager": manager, "operation": operation, "apiVersion": api_version,
            "fieldsType": "FieldsV1", "fieldsV1": fieldset::encode(&ours)}));
    }
    object["metadata"]["managedFields"] = Value::Array(entries);
}
