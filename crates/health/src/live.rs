//! Live objects as JSON: the readings that `health`, `blame` and the judge share.
//!
//! Not typed, because an object of a newer or older server must still be readable. A missing number is 0 and a missing
//! text is empty, as the controllers themselves treat them (`omitempty` drops zeros).

use crate::ObjectId;
use jiff::Timestamp;
use serde_json::Value;

/// The text at `pointer`, or an empty one.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at `pointer`, if there is one. Some operators write numbers as text.
pub fn number(object: &Value, pointer: &str) -> Option<i64> {
    let value = object.pointer(pointer)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// The whole number at `pointer`, or 0.
pub fn count(object: &Value, pointer: &str) -> i64 {
    number(object, pointer).unwrap_or(0)
}

/// The list at `pointer`, or an empty one.
pub fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether `true` is at `pointer`.
pub fn flag(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// The moment at `pointer`.
pub fn moment(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

/// The object's kind.
pub fn kind(object: &Value) -> &str {
    text(object, "/kind")
}

/// The object's name.
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// The object's namespace; empty for objects of the whole cluster.
pub fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// The object's UID.
pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// Whether it is being deleted.
pub fn is_terminating(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null())
}

/// What names the object.
pub fn id(object: &Value) -> ObjectId {
    let namespace = namespace(object);
    ObjectId {
        group: text(object, "/apiVersion").split_once('/').map_or("", |(group, _)| group).to_owned(),
        kind: kind(object).to_owned(),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        name: name(object).to_owned(),
    }
}

/// The annotation `key`, or an empty text.
pub fn annotation<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"]["annotations"][key].as_str().unwrap_or_default()
}

/// The label `key`, or an empty text.
pub fn label<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"]["labels"][key].as_str().unwrap_or_default()
}

/// The owner that controls it.
pub fn controller(object: &Value) -> Option<&Value> {
    list(object, "/metadata/ownerReferences")
        .iter()
        .find(|owner| owner["controller"].as_bool().unwrap_or(false))
}

/// The UID of the owner that controls it, or an empty text.
pub fn controller_uid(object: &Value) -> &str {
    controller(object).map_or("", |owner| text(owner, "/uid"))
}

/// One of `status.conditions`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition<'a> {
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
    /// One word.
    pub reason: &'a str,
    /// A sentence.
    pub message: &'a str,
    /// When the controller last looked (Deployments only).
    pub updated: Option<Timestamp>,
    /// When the status last changed.
    pub changed: Option<Timestamp>,
    /// The generation that it was observed for, if given.
    pub generation: Option<i64>,
}

impl Condition<'_> {
    /// Whether it holds.
    pub fn holds(&self) -> bool {
        self.status == "True"
    }
}

/// The condition of that type.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<Condition<'a>> {
    list(object, "/status/conditions").iter().find(|entry| text(entry, "/type") == kind).map(read_condition)
}

/// An entry of a list of conditions.
pub fn read_condition(entry: &Value) -> Condition<'_> {
    Condition {
        status: status(entry),
        reason: text(entry, "/reason"),
        message: text(entry, "/message"),
        updated: moment(entry, "/lastUpdateTime"),
        changed: moment(entry, "/lastTransitionTime"),
        generation: number(entry, "/observedGeneration"),
    }
}

/// A condition's status; some operators, and people, write it as a boolean or in lower case.
fn status(entry: &Value) -> &str {
    match &entry["status"] {
        Value::Bool(true) => "True",
        Value::Bool(false) => "False",
        Value::String(text) => ["True", "False", "Unknown"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(text))
            .unwrap_or(text),
        _ => "",
    }
}

/// Whether that condition is there and holds.
pub fn holds(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition.holds())
}

/// Drops fields that are never read here and that make up half of an object: the field owners and the last applied
/// text.
pub fn trim(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
}
