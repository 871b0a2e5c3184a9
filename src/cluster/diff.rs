//! The differences between two objects that users care about; digests that detect "unchanged" without a request.
//!
//! Not a diff of files: what the server and its controllers write (`status`, versions, their own annotations) is left
//! out on both sides. Digests are keyed with a salt that only the cluster has, so that a short secret cannot be
//! guessed from one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// Replaces a value that must not be shown.
pub(crate) const MASK: &str = "***";

/// Metadata that the server writes.
const SERVERS: [&str; 7] = [
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
    "selfLink",
    "deletionGracePeriodSeconds",
];

/// Annotations that controllers write, by prefix.
const CONTROLLERS: [&str; 9] = [
    "deployment.kubernetes.io/",
    "deprecated.daemonset.template.generation",
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/",
    "batch.kubernetes.io/job-tracking",
    "endpoints.kubernetes.io/",
    "autoscaling.alpha.kubernetes.io/",
    "control-plane.alpha.kubernetes.io/",
];

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Where, as kubectl writes it: `spec.template.spec.containers[web].image`.
    pub path: String,
    /// The value now; `None` if it does not exist.
    pub before: Option<String>,
    /// The value after the change; `None` if it would be removed.
    pub after: Option<String>,
}

/// The object without the fields that the server writes.
pub(crate) fn meant(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(top) = object.as_object_mut() {
        top.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in SERVERS {
            metadata.remove(field);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|name, _| !CONTROLLERS.iter().any(|prefix| name.starts_with(prefix)));
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    object
}

/// A digest of a value: the same for the same fields in any order. 128 bits are kept.
pub(crate) fn digest(salt: &[u8; 32], value: &Value) -> String {
    let mut hasher = blake3::Hasher::new_keyed(salt);
    feed(&mut hasher, value);
    STANDARD_NO_PAD.encode(&hasher.finalize().as_bytes()[..16])
}

fn feed(hasher: &mut blake3::Hasher, value: &Value) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_unstable();
            hasher.update(b"{").update(&names.len().to_le_bytes());
            for name in names {
                text(hasher, name);
                feed(hasher, &fields[name]);
            }
        }
        Value::Array(items) => {
            hasher.update(b"[").update(&items.len().to_le_bytes());
            for item in items {
                feed(hasher, item);
            }
        }
        Value::String(string) => {
            hasher.update(b"\"");
            text(hasher, string);
        }
        other => {
            hasher.update(b"=");
            text(hasher, &other.to_string());
        }
    }
}

fn text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&text.len().to_le_bytes()).update(text.as_bytes());
}

/// The fields in which `after` differs from `before`, secrets masked.
pub(crate) fn changes(before: &Value, after: &Value) -> Vec<FieldChange> {
    let secret = after["kind"] == "Secret" || before["kind"] == "Secret";
    let mut changes = Vec::new();
    walk("", &meant(before), &meant(after), secret, &mut changes);
    changes
}

fn walk(path: &str, before: &Value, after: &Value, secret: bool, into: &mut Vec<FieldChange>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let path = joined(path, name);
                walk(
                    &path,
                    old.get(name).unwrap_or(&Value::Null),
                    new.get(name).unwrap_or(&Value::Null),
                    secret,
                    into,
                );
            }
        }
        (Value::Array(old), Value::Array(new)) => match (named(old), named(new)) {
            (Some(old_names), Some(new_names)) => {
                let names: BTreeSet<&str> = old_names.iter().chain(&new_names).copied().collect();
                for name in names {
                    let find = |names: &[&str], items: &'_ [Value]| {
                        names.iter().position(|n| *n == name).map_or(Value::Null, |at| items[at].clone())
                    };
                    walk(
                        &format!("{path}[{name}]"),
                        &find(&old_names, old),
                        &find(&new_names, new),
                        secret,
                        into,
                    );
                }
            }
            _ => {
                for at in 0..old.len().max(new.len()) {
                    let item = |items: &[Value]| items.get(at).cloned().unwrap_or(Value::Null);
                    walk(&format!("{path}[{at}]"), &item(old), &item(new), secret, into);
                }
            }
        },
        _ => {
            let hide = is_hidden(path, secret);
            let shown = |value: &Value, which: &str| match value {
                Value::Null => None,
                _ if hide && !before.is_null() && !after.is_null() => Some(format!("{MASK} ({which})")),
                _ if hide => Some(MASK.to_owned()),
                Value::String(text) => Some(text.clone()),
                other => Some(shown_whole(other).to_string()),
            };
            into.push(FieldChange {
                path: path.to_owned(),
                before: shown(before, "before"),
                after: shown(after, "after"),
            });
        }
    }
}

/// The path of a field.
pub(crate) fn joined(path: &str, name: &str) -> String {
    if name.contains(['.', '/']) {
        format!("{path}[{name}]")
    } else if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The names of the items, if all items of the list have one, each its own.
pub(crate) fn named(items: &[Value]) -> Option<Vec<&str>> {
    let names: Vec<&str> = items.iter().filter_map(|item| item["name"].as_str()).collect();
    let distinct: BTreeSet<&&str> = names.iter().collect();
    (names.len() == items.len() && distinct.len() == names.len()).then_some(names)
}

/// Whether the value at `path` must not be shown; `secret`: of a Secret.
pub(crate) fn is_hidden(path: &str, secret: bool) -> bool {
    (secret && is_data(path)) || is_sensitive(path) || path.contains("last-applied-configuration")
}

fn is_data(path: &str) -> bool {
    ["data", "stringData"]
        .iter()
        .any(|top| path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])))
}

/// Whether the variable's name says that its value is secret.
fn is_sensitive(path: &str) -> bool {
    path.rsplit_once("env[")
        .and_then(|(_, rest)| rest.split_once(']'))
        .is_some_and(|(name, rest)| rest.ends_with("value") && names_secret(name))
}

/// Whether a name says that the value next to it is secret.
pub(crate) fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "secret", "token", "key"].iter().any(|word| name.contains(word))
}

/// A whole part of an object, its sensitive variables masked.
fn shown_whole(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(shown_whole).collect(),
        Value::Object(fields) => {
            let secret = fields.get("name").and_then(Value::as_str).is_some_and(names_secret);
            fields
                .iter()
                .map(|(name, value)| {
                    let hidden = secret && name == "value" || name.contains("last-applied-configuration");
                    (name.clone(), if hidden { Value::from(MASK) } else { shown_whole(value) })
                })
                .collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::changes;
    use super::digest;
    use super::meant;
    use serde_json::Value;
    use serde_json::json;

    fn shown(before: &Value, after: &Value) -> Vec<String> {
        let show = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        changes(before, after)
            .into_iter()
            .map(|c| format!("{}: {} -> {}", c.path, show(c.before), show(c.after)))
            .collect()
    }

    #[test]
    fn only_what_people_mean_counts() {
        let before = json!({"metadata": {"name": "web", "uid": "1", "resourceVersion": "1", "generation": 1,
            "annotations": {"deployment.kubernetes.io/revision": "1"}}, "spec": {"replicas": 1}, "status": {"a": 1}});
        let after = json!({"metadata": {"name": "web", "uid": "2"}, "spec": {"replicas": 1}});
        assert_eq!(meant(&before), meant(&after));
        assert_eq!(shown(&before, &after), Vec::<String>::new());
    }

    #[test]
    fn lists_of_named_things_are_compared_by_name() {
        let of = |image: &str, extra: bool| {
            let mut containers = vec![json!({"name": "web", "image": image})];
            if extra {
                containers.insert(0, json!({"name": "side", "image": "s"}));
            }
            json!({"spec": {"containers": containers, "args": ["a"]}, "metadata": {"labels": {"a.b/c": image}}})
        };
        assert_eq!(
            shown(&of("a", false), &of("b", true)),
            [
                "metadata.labels[a.b/c]: a -> b",
                r#"spec.containers[side]: - -> {"name":"side","image":"s"}"#,
                "spec.containers[web].image: a -> b",
            ]
            .map(|line| if line.contains("side]") {
                format!("spec.containers[side]: - -> {}", json!({"name": "side", "image": "s"}))
            } else {
                line.to_owned()
            })
        );
    }

    #[test]
    fn no_secret_value_is_shown() {
        let of = |value: &str| json!({"kind": "Secret", "data": {"a": value, "b.c": value}});
        assert_eq!(
            shown(&of("b2xk"), &of("bmV3")),
            ["data.a: *** (before) -> *** (after)", "data[b.c]: *** (before) -> *** (after)"]
        );
        assert_eq!(shown(&json!({"kind": "Secret"}), &of("bmV3")).join("\n").matches("bmV3").count(), 0);
        let env =
            |value: &str| json!({"kind": "Pod", "spec": {"env": [{"name": "API_TOKEN", "value": value}]}});
        assert_eq!(shown(&env("x"), &env("y")), ["spec.env[API_TOKEN].value: *** (before) -> *** (after)"]);
        let old = json!({"kind": "Secret", "metadata": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "hunter2"}}});
        assert!(!shown(&old, &json!({"kind": "Secret", "metadata": {}})).join("").contains("hunter2"));
        let added = json!({"spec": {"containers": [{"name": "web", "env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}]}});
        let lines = shown(&json!({"spec": {}}), &added).join("");
        assert!(lines.contains("DB_PASSWORD") && !lines.contains("hunter2"), "{lines}");
    }

    #[test]
    fn digests_ignore_order_and_need_the_salt() {
        let (a, b) = (json!({"x": 1, "y": [1, 2]}), json!({"y": [1, 2], "x": 1}));
        assert_eq!(digest(&[7; 32], &a), digest(&[7; 32], &b));
        assert_ne!(digest(&[7; 32], &a), digest(&[8; 32], &a));
        assert_ne!(
            digest(&[7; 32], &json!({"x": [["a"], "b"]})),
            digest(&[7; 32], &json!({"x": [["a", "b"]]}))
        );
        assert_ne!(digest(&[7; 32], &json!("1")), digest(&[7; 32], &json!(1)));
    }
}
