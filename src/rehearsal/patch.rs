//! Patches that are no apply.

use crate::rehearsal::request::text;
use serde_json::Value;
use serde_json::json;

/// RFC 7386.
pub(crate) fn merge_patch(into: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            if let Some(object) = into.as_object_mut() {
                object.remove(name);
            }
        } else {
            merge_patch(&mut into[name.as_str()], value);
        }
    }
}

/// RFC 6902, as far as `add`, `replace` and `remove` of fields go.
pub(crate) fn json_patch(into: &mut Value, patch: &Value) {
    for operation in patch.as_array().into_iter().flatten() {
        let target = text(&operation["path"]);
        let Some((parent, name)) = target.rsplit_once('/') else { continue };
        let name = name.replace("~1", "/").replace("~0", "~");
        if let Some(Value::Object(fields)) = into.pointer_mut(parent) {
            if operation["op"] == "remove" {
                fields.remove(&name);
            } else {
                fields.insert(name, operation["value"].clone());
            }
        }
    }
}
