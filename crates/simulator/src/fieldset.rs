//! Who owns which field: server-side apply, limited to the objects of an application.
//!
//! Sets of fields are kept as the real server writes them into `managedFields` (FieldsV1), so a client that reads them
//! sees the same as on a real cluster. Lists are merged by the keys of Kubernetes' own types; any other list is one
//! value.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;

/// Where a field is, in FieldsV1's spelling: `f:spec`, `k:{"name":"web"}`.
pub(crate) type Path = Vec<String>;

/// The keys by which the items of a list are distinguished; `None` if the list is one value.
fn keys(field: &str, items: &[Value]) -> Option<&'static [&'static str]> {
    if items.is_empty() || !items.iter().all(Value::is_object) {
        return None;
    }
    let keys: &[&str] = match field {
        "containers" | "initContainers" | "volumes" | "env" | "imagePullSecrets" | "webhooks" => &["name"],
        "volumeMounts" => &["mountPath"],
        "conditions" => &["type"],
        "ownerReferences" => &["uid"],
        "ports" if items[0].get("containerPort").is_some() => &["containerPort", "protocol"],
        "ports" => &["port", "protocol"],
        _ => return None,
    };
    items.iter().all(|item| item.get(keys[0]).is_some()).then_some(keys)
}

fn key(item: &Value, keys: &[&str]) -> String {
    let values: Map<String, Value> = keys
        .iter()
        .map(|name| {
            let absent = if *name == "protocol" { json!("TCP") } else { Value::Null };
            ((*name).to_owned(), item.get(*name).cloned().unwrap_or(absent))
        })
        .collect();
    format!("k:{}", Value::Object(values))
}

/// Every field of `object`, without what names it.
pub(crate) fn fields(object: &Value) -> BTreeSet<Path> {
    let mut found = BTreeSet::new();
    let mut object = object.clone();
    if let Some(top) = object.as_object_mut() {
        top.remove("apiVersion");
        top.remove("kind");
        if let Some(metadata) = top.get_mut("metadata").and_then(Value::as_object_mut) {
            for name in [
                "name",
                "namespace",
                "uid",
                "resourceVersion",
                "generation",
                "creationTimestamp",
                "managedFields",
            ] {
                metadata.remove(name);
            }
        }
    }
    walk(&object, "", &mut Vec::new(), &mut found);
    found
}

/// Maps that have one owner (`x-kubernetes-map-type: atomic`).
const WHOLE: [&str; 7] = [
    "selector",
    "matchLabels",
    "nodeSelector",
    "secretKeyRef",
    "configMapKeyRef",
    "fieldRef",
    "resourceFieldRef",
];

fn walk(value: &Value, field: &str, path: &mut Path, found: &mut BTreeSet<Path>) {
    let whole = WHOLE.contains(&field);
    match value {
        Value::Object(fields) if !whole && !fields.is_empty() => {
            for (name, value) in fields {
                path.push(format!("f:{name}"));
                walk(value, name, path, found);
                path.pop();
            }
        }
        Value::Array(items) => match keys(field, items) {
            Some(keys) => {
                for item in items {
                    path.push(key(item, keys));
                    found.insert(path.clone());
                    walk(item, "", path, found);
                    path.pop();
                }
            }
            None => {
                found.insert(path.clone());
            }
        },
        _ if path.is_empty() => {}
        _ => {
            found.insert(path.clone());
        }
    }
}

/// The value at `path`, if it is there.
pub(crate) fn value<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |here, step| match step.split_at_checked(2)? {
        ("f:", name) => here.get(name),
        (_, desired) => {
            let desired: Value = serde_json::from_str(desired).ok()?;
            here.as_array()?.iter().find(|item| is_keyed(item, &desired))
        }
    })
}

fn is_keyed(item: &Value, desired: &Value) -> bool {
    desired.as_object().is_some_and(|keys| {
        keys.iter().all(|(name, value)| {
            item.get(name).unwrap_or(if name == "protocol" {
                desired.get(name).unwrap_or(value)
            } else {
                &Value::Null
            }) == value
        })
    })
}

/// Removes the field at `path`, and parents that are empty then.
pub(crate) fn remove(object: &mut Value, path: &[String]) {
    let Some((last, above)) = path.split_last() else { return };
    let Some((kind, name)) = last.split_at_checked(2) else { return };
    let Some(parent) = value_mut(object, above) else { return };
    match parent {
        Value::Object(fields) if kind == "f:" => {
            fields.remove(name);
        }
        Value::Array(items) => {
            if let Ok(desired) = serde_json::from_str(name) {
                items.retain(|item| !is_keyed(item, &desired));
            }
        }
        _ => {}
    }
    let empty = match &*parent {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    if empty && above.len() > 1 {
        remove(object, above);
    }
}

fn value_mut<'a>(object: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(object, |here, step| match step.split_at_checked(2)? {
        ("f:", name) => here.get_mut(name),
        (_, desired) => {
            let desired: Value = serde_json::from_str(desired).ok()?;
            here.as_array_mut()?.iter_mut().find(|item| is_keyed(item, &desired))
        }
    })
}

/// `body` merged into `live`, lists of keyed items item by item.
pub(crate) fn merge(live: &mut Value, body: &Value, field: &str) {
    match (live, body) {
        (Value::Object(old), Value::Object(new))
            if !matches!(field, "selector" | "matchLabels" | "nodeSelector") =>
        {
            for (name, value) in new {
                merge(old.entry(name.clone()).or_insert(Value::Null), value, name);
            }
        }
        (Value::Array(old), Value::Array(new)) => match keys(field, new) {
            Some(keys) => {
                for item in new {
                    let desired = serde_json::from_str(&key(item, keys)[2..]).unwrap_or(Value::Null);
                    match old.iter_mut().find(|old| is_keyed(old, &desired)) {
                        Some(old) => merge(old, item, ""),
                        None => old.push(item.clone()),
                    }
                }
            }
            None => old.clone_from(new),
        },
        (live, body) => *live = body.clone(),
    }
}

/// A set of fields as FieldsV1.
pub(crate) fn encode(paths: &BTreeSet<Path>) -> Value {
    let mut tree = json!({});
    for path in paths {
        let mut here = &mut tree;
        for step in path {
            here = &mut here[step.as_str()];
            if here.is_null() {
                *here = json!({});
            }
        }
        if path.last().is_some_and(|last| last.starts_with("k:")) {
            here["."] = json!({});
        }
    }
    tree
}

/// FieldsV1 as a set of fields.
pub(crate) fn decode(tree: &Value) -> BTreeSet<Path> {
    fn walk(tree: &Value, path: &mut Path, found: &mut BTreeSet<Path>) {
        let Some(fields) = tree.as_object() else { return };
        if (fields.is_empty() || fields.contains_key(".")) && !path.is_empty() {
            found.insert(path.clone());
        }
        for (step, below) in fields.iter().filter(|(step, _)| *step != ".") {
            path.push(step.clone());
            walk(below, path, found);
            path.pop();
        }
    }
    let mut found = BTreeSet::new();
    walk(tree, &mut Vec::new(), &mut found);
    found
}

/// A path as refusals write it: `.spec.containers[name="web"].image`.
pub(crate) fn shown(path: &Path) -> String {
    path.iter()
        .map(|step| match step.split_at_checked(2) {
            Some(("f:", name)) => format!(".{name}"),
            Some((_, keys)) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let keys: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("[{}]", keys.join(","))
            }
            None => String::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::decode;
    use super::encode;
    use super::fields;
    use super::merge;
    use super::remove;
    use super::shown;
    use serde_json::json;

    #[test]
    fn fields_are_written_as_the_server_writes_them() {
        let object = json!({"kind": "Pod", "metadata": {"name": "a", "labels": {"x": "1"}}, "spec": {
            "containers": [{"name": "web", "image": "i", "args": ["a"]}]}});
        let found = fields(&object);
        let tree = json!({"f:metadata": {"f:labels": {"f:x": {}}}, "f:spec": {"f:containers": {
            "k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}, "f:args": {}}}}});
        assert_eq!(encode(&found), tree);
        assert_eq!(decode(&tree), found);
        assert!(found.iter().any(|path| shown(path) == ".spec.containers[name=\"web\"].image"));
    }

    #[test]
    fn keyed_lists_are_merged_and_thinned_by_key() {
        let mut live = json!({"spec": {"containers": [{"name": "side", "image": "s"}, {"name": "web", "image": "1", "tty": true}]}});
        merge(&mut live, &json!({"spec": {"containers": [{"name": "web", "image": "2"}]}}), "");
        assert_eq!(live["spec"]["containers"][1], json!({"name": "web", "image": "2", "tty": true}));
        let path: Vec<String> = ["f:spec", "f:containers", "k:{\"name\":\"side\"}"].map(str::to_owned).into();
        remove(&mut live, &path);
        assert_eq!(live["spec"]["containers"].as_array().unwrap().len(), 1);
    }
}
