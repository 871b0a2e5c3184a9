//! `managedFields`: who owns which field of an object, and which managers conflict.

use crate::fieldset;
use crate::fieldset::Path;
use crate::request::failure;
use crate::request::text;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The refusal of an apply that conflicts with other managers (`kubernetes:
/// apimachinery/pkg/util/managedfields/internal/conflict.go`).
pub(crate) fn refused(conflicts: &[(&String, &Path)]) -> Value {
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|(who, path)| {
            json!({"reason": "FieldManagerConflict", "field": fieldset::shown(path),
                "message": format!("conflict with {who}")})
        })
        .collect();
    let message = if let [(who, path)] = conflicts {
        format!("Apply failed with 1 conflict: conflict with {who}: {}", fieldset::shown(path))
    } else {
        let mut by_manager: BTreeMap<&String, Vec<&Path>> = BTreeMap::new();
        for (who, path) in conflicts {
            by_manager.entry(who).or_default().push(path);
        }
        let mut messages = Vec::new();
        for (who, paths) in by_manager {
            messages.push(format!("conflicts with {who}:"));
            messages.extend(paths.iter().map(|path| format!("- {}", fieldset::shown(path))));
        }
        format!("Apply failed with {} conflicts: {}", conflicts.len(), messages.join("\n"))
    };
    failure(409, "Conflict", &message, &Value::Array(causes))
}

/// The fields of each manager, of the entries that `which` selects; managers are named as in refusals.
pub(crate) fn owners(object: &Value, which: impl Fn(&Value) -> bool) -> Vec<(String, BTreeSet<Path>)> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let shown = |entry: &Value| {
        let using = if entry["operation"] == "Update" {
            format!(" using {} at {}", text(&entry["apiVersion"]), text(&entry["time"]))
        } else {
            String::new()
        };
        format!("\"{}\"{using}", text(&entry["manager"]))
    };
    entries
        .filter(|entry| which(entry))
        .map(|entry| (shown(entry), fieldset::decode(&entry["fieldsV1"])))
        .collect()
}

/// Makes `fields` the manager's: all that it owns for an apply, more of it for an update; other managers lose the
/// changed fields.
pub(crate) fn own(object: &mut Value, manager: &str, operation: &str, fields: &BTreeSet<Path>, stamp: &str) {
    let manager = if manager.is_empty() { "unknown" } else { manager };
    let api_version = object["apiVersion"].clone();
    let mut entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let is_ours = |entry: &Value| entry["manager"] == manager && entry["operation"] == operation;
    let before = entries.iter().find(|entry| is_ours(entry)).cloned().unwrap_or_default();
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
        // Removed fields have no owner; fields that an update changed no longer belong to other managers.
        owned.retain(|path| {
            fieldset::value(&snapshot, path).is_some() && !(operation == "Update" && fields.contains(path))
        });
        entry["fieldsV1"] = fieldset::encode(&owned);
    }
    entries.retain(|entry| !is_ours(entry) && entry["fieldsV1"] != json!({}));
    if !ours.is_empty() {
        let encoded = fieldset::encode(&ours);
        let time = if before["fieldsV1"] == encoded { before["time"].clone() } else { json!(stamp) };
        entries.push(json!({"manager": manager, "operation": operation, "apiVersion": api_version,
            "time": time, "fieldsType": "FieldsV1", "fieldsV1": encoded}));
    }
    object["metadata"]["managedFields"] = Value::Array(entries);
}
