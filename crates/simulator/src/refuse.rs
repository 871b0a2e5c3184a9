//! Refusals in the API server's words.

use crate::request::ApiResponse;
use crate::request::Where;
use serde_json::Value;
use serde_json::json;

/// A field, and why it is wrong.
pub(crate) struct Cause {
    pub(crate) field: String,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Cause {
    pub(crate) fn invalid(field: impl Into<String>, value: &str, why: &str) -> Cause {
        let message = format!("Invalid value: {value}: {why}");
        Cause { field: field.into(), reason: "FieldValueInvalid", message }
    }

    pub(crate) fn required(field: impl Into<String>, why: &str) -> Cause {
        let message =
            if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
        Cause { field: field.into(), reason: "FieldValueRequired", message }
    }

    pub(crate) fn forbidden(field: impl Into<String>, why: &str) -> Cause {
        Cause { field: field.into(), reason: "FieldValueForbidden", message: format!("Forbidden: {why}") }
    }
}

/// 422: the object is invalid. `Deployment.apps "web" is invalid: spec.replicas: …`.
pub(crate) fn invalid(at: &Where, kind: &str, causes: &[Cause]) -> ApiResponse {
    let kind_and_group = if at.group.is_empty() { kind.to_owned() } else { format!("{kind}.{}", at.group) };
    let messages: Vec<String> =
        causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    let messages =
        if let [one] = messages.as_slice() { one.clone() } else { format!("[{}]", messages.join(", ")) };
    let causes: Vec<Value> = causes
        .iter()
        .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
        .collect();
    let message = format!("{kind_and_group} \"{}\" is invalid: {messages}", at.name);
    let details = json!({"name": at.name, "group": at.group, "kind": kind, "causes": causes});
    ApiResponse::Json(422, status(422, "Invalid", &message, &details))
}

/// 403: something in the cluster does not allow it. `pods "web" is forbidden: …`.
pub(crate) fn forbidden(at: &Where, why: &str) -> ApiResponse {
    let plural = if at.group.is_empty() { at.plural.clone() } else { format!("{}.{}", at.plural, at.group) };
    let message = format!("{plural} \"{}\" is forbidden: {why}", at.name);
    let details = json!({"name": at.name, "group": at.group, "kind": at.plural});
    ApiResponse::Json(403, status(403, "Forbidden", &message, &details))
}

fn status(code: u16, reason: &str, message: &str, details: &Value) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "details": details, "code": code})
}
