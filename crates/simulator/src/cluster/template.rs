//! From a template to an object that its maker controls.

use crate::cluster::ctx::ControllerContext;
use crate::kinds;
use crate::random;
use crate::request::text;
use serde_json::Value;
use serde_json::json;

/// The hash of a template, used in the names of the objects made from it.
pub(super) fn letters(template: &Value) -> String {
    random::word(random::hash(&template.to_string()), 10)
}

/// A reference to the object that controls another.
pub(super) fn owner(of: &Value) -> Value {
    json!({"apiVersion": of["apiVersion"], "kind": of["kind"], "name": of["metadata"]["name"],
        "uid": of["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true})
}

/// A pod of `of`, with a name of its own or a generated one.
pub(super) fn pod(
    ctx: &mut ControllerContext<'_>,
    of: &Value,
    template: &Value,
    name: Option<&str>,
) -> Value {
    let mut pod = json!({"metadata": {}, "spec": template["spec"]});
    for field in ["labels", "annotations"] {
        if let Some(map) = template["metadata"].get(field) {
            pod["metadata"][field] = map.clone();
        }
    }
    let prefix = format!("{}-", text(&of["metadata"]["name"]));
    pod["metadata"]["namespace"] = of["metadata"]["namespace"].clone();
    pod["metadata"]["ownerReferences"] = json!([owner(of)]);
    pod["metadata"]["name"] = json!(match name {
        Some(name) => name.to_owned(),
        None => format!("{prefix}{}", ctx.word(5)),
    });
    pod["metadata"]["generateName"] = json!(prefix);
    pod
}

/// Creates a pod and emits an event, or emits the reason of the failure.
pub(super) fn make(
    ctx: &mut ControllerContext<'_>,
    of: &Value,
    source: &str,
    pod: Value,
) -> Result<Value, String> {
    match ctx.make(kinds::POD, pod) {
        Ok(pod) => {
            let made = format!("Created pod: {}", text(&pod["metadata"]["name"]));
            ctx.emit_event(of, source, "SuccessfulCreate", &made);
            Ok(pod)
        }
        Err(why) => {
            ctx.warn(of, source, "FailedCreate", &format!("Error creating: {why}"));
            Err(why)
        }
    }
}
