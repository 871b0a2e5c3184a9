//! One object, made fit for server-side apply: every rule here fixes or names what would otherwise go wrong there.
//!
//! Not defaulting: quantities, defaults and the order of lists stay as written, and the server's dry run compares them.
//! What an export brought along (`status`, `resourceVersion`) is removed, because the server would take it
//! for a claim or for a lock.

use crate::event::Code;
use crate::event::Finding;
use crate::go_base64;
use crate::manifest::Object;
use crate::manifest::pods;
use crate::manifest::pods::items;
use crate::manifest::types;
use crate::pointer::below;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Map;
use serde_json::Value;
use std::collections::HashMap;

/// What the server writes into `metadata`, and an export has.
const SERVERS: [&str; 7] = [
    "creationTimestamp",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Whole manifests in an annotation, Secrets' values included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Normalises `object` and returns what no server would take.
pub fn normalise(object: &mut Object) -> Vec<Finding> {
    let mut found = texts(object);
    found.extend(types::check(object));
    found.extend(duplicates(object));
    if object.group().is_empty() {
        match object.kind() {
            "Secret" => {
                found.extend(encoded(object, "data"));
                string_data(object);
                found.extend(too_large(object, &["data"], &[]));
            }
            "ConfigMap" => {
                found.extend(encoded(object, "binaryData"));
                found.extend(too_large(object, &["binaryData"], &["data"]));
            }
            _ => {}
        }
    }
    clean(&mut object.value);
    protocols(&mut object.value);
    found.into_iter().map(|finding| finding.about(object.id().to_string())).collect()
}

fn clean(value: &mut Value) {
    let Some(object) = value.as_object_mut() else { return };
    object.remove("status");
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for name in SERVERS {
            metadata.remove(name);
        }
        if metadata.get("namespace").is_some_and(|namespace| namespace == "" || namespace.is_null()) {
            metadata.remove("namespace");
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
    }
    if let Some(metadata) =
        pods::template_mut(value).and_then(|template| template.get_mut("metadata")?.as_object_mut())
    {
        metadata.remove("creationTimestamp");
    }
}

/// The protocol is half of the key by which ports are merged; where it is missing, two managers' lists do not meet
/// (kubernetes#118725, structured-merge-diff#234).
fn protocols(value: &mut Value) {
    let service = value["kind"] == "Service" && value["apiVersion"] == "v1";
    let mut lists: Vec<&mut Value> = Vec::new();
    if service {
        lists.extend(value.pointer_mut("/spec/ports"));
    } else if let Some(spec) = pods::template_mut(value).and_then(|template| template.get_mut("spec")) {
        let spec = spec.as_object_mut().into_iter().flat_map(Map::iter_mut);
        let containers = spec.filter(|(name, _)| *name == "containers" || *name == "initContainers");
        let containers = containers.filter_map(|(_, list)| list.as_array_mut()).flatten();
        lists.extend(containers.filter_map(|container| container.get_mut("ports")));
    }
    for port in lists.into_iter().filter_map(Value::as_array_mut).flatten().filter_map(Value::as_object_mut) {
        let protocol = port.entry("protocol").or_insert(Value::Null);
        if protocol.is_null() {
            *protocol = Value::from("TCP");
        }
    }
}

/// The values of `field` that the API server cannot decode.
fn encoded(object: &Object, field: &str) -> Vec<Finding> {
    let values = object.value[field].as_object().into_iter().flatten();
    let wrong =
        values.filter(|(_, value)| value.as_str().is_some_and(|text| go_base64::decode(text).is_none()));
    let plain = if field == "data" { "stringData" } else { "data" };
    wrong
        .map(|(key, value)| {
            let dense: String = value.as_str().unwrap_or_default().split_whitespace().collect();
            let why = if go_base64::decode(&dense).is_some() { ": it has blanks in it" } else { "" };
            Code::SecretNotBase64
                .error(format!("the value of `{key}` in `{field}` is not base64{why}"))
                .at(object.place_of(&below(&format!("/{field}"), key)).clone())
                .help(format!("write it as it is under `{plain}`, or encode it with `base64 -w0`"))
        })
        .collect()
}

/// Bytes that the values of a ConfigMap or Secret may have together (`kubernetes: pkg/apis/core/types.go: MaxSecretSize`).
const MOST: usize = 1 << 20;

/// A ConfigMap or Secret with more in it than the server takes. Counted are the values without their keys, as in
/// `kubernetes: pkg/apis/core/validation: ValidateConfigMap`.
fn too_large(object: &Object, encoded: &[&str], plain: &[&str]) -> Option<Finding> {
    let values = |field: &&str| {
        let values = object.value[*field].as_object().into_iter().flatten();
        values.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect::<Vec<_>>()
    };
    let decoded = |text: &str| go_base64::decode(text).map_or(0, |bytes| bytes.len());
    let sizes = encoded.iter().flat_map(values).map(|(key, text)| (key, decoded(text)));
    let sizes: Vec<(&str, usize)> =
        sizes.chain(plain.iter().flat_map(values).map(|(key, text)| (key, text.len()))).collect();
    let sum: usize = sizes.iter().map(|(_, size)| size).sum();
    let (largest, size) = sizes.iter().max_by_key(|(_, size)| *size)?;
    (sum > MOST).then(|| {
        let message = format!("its values have {} KiB together; the API server takes 1024", sum.div_ceil(1024));
        Code::DataTooLarge.error(message).at(object.place.clone()).help(format!(
            "the largest is `{largest}` with {} KiB: put it into the image or a volume, or split it over several objects",
            size.div_ceil(1024)
        ))
    })
}

/// Moves `stringData` into `data`: the server never deletes a key that was once written by `stringData`
/// (kubernetes#108008).
fn string_data(object: &mut Object) {
    let Some(value) = object.value.as_object_mut() else { return };
    let Some(Value::Object(plain)) = value.remove("stringData") else { return };
    let data = value.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    for (key, text) in plain {
        let (from, to) = (below("/stringData", &key), below("/data", &key));
        if let Some(place) = object.places.remove(&from) {
            object.places.insert(to, place);
        }
        if let (Some(data), Some(text)) = (data.as_object_mut(), text.as_str()) {
            data.insert(key, Value::from(STANDARD.encode(text)));
        }
    }
}

/// What must be text and is something else in YAML: `PORT: 8000`, `DEBUG: on`.
fn texts(object: &Object) -> Vec<Finding> {
    let mut maps = vec!["/metadata/labels".to_owned(), "/metadata/annotations".to_owned()];
    match (object.group(), object.kind()) {
        ("", "ConfigMap" | "Secret") => maps.extend(["/data".to_owned(), "/stringData".to_owned()]),
        ("", "Service") => maps.push("/spec/selector".to_owned()),
        _ => maps.push("/spec/selector/matchLabels".to_owned()),
    }
    let mut values: Vec<String> = Vec::new();
    if let Some(template) = pods::template(&object.value) {
        let within = |name: &str| format!("{}/{name}", template.pointer);
        maps.extend([within("metadata/labels"), within("metadata/annotations"), within("spec/nodeSelector")]);
        for container in template.containers() {
            for (index, _) in items(&container.value["env"]) {
                values.push(format!("{}/env/{index}/value", container.pointer));
            }
            for list in ["command", "args"] {
                let list_pointer = format!("{}/{list}", container.pointer);
                values.extend(
                    items(&container.value[list]).map(|(index, _)| format!("{list_pointer}/{index}")),
                );
            }
        }
    }
    for map in maps {
        let keys = object.value.pointer(&map).and_then(Value::as_object).into_iter().flat_map(Map::keys);
        values.extend(keys.map(|key| below(&map, key)));
    }
    values
        .into_iter()
        .filter_map(|pointer| {
            let is = match object.value.pointer(&pointer)? {
                Value::Bool(_) => "a boolean",
                Value::Number(_) => "a number",
                Value::Array(_) | Value::Object(_) => "a list or a mapping",
                Value::String(_) | Value::Null => return None,
            };
            let path = crate::pointer::key(&pointer);
            let finding = Code::ValueNotString
                .error(format!("`{}` must be a string, but is {is} in YAML", path.trim_start_matches('/')));
            Some(finding.at(object.place_of(&pointer).clone()).help("put the value in quotes"))
        })
        .collect()
}

/// Two items of one list with the same key, which server-side apply refuses without saying where.
fn duplicates(object: &Object) -> Vec<Finding> {
    let mut found = Vec::new();
    if object.kind() == "Service" && object.group().is_empty() {
        unique(object, &["/spec/ports"], "port", port_key("port"), &mut found);
        unique(object, &["/spec/ports"], "port name", name_key("name"), &mut found);
    }
    let Some(template) = pods::template(&object.value) else { return found };
    let within = |name: &str| format!("{}/spec/{name}", template.pointer);
    unique(object, &[&within("volumes")], "volume", name_key("name"), &mut found);
    let containers = [within("initContainers"), within("containers")];
    unique(object, &[&containers[0], &containers[1]], "container", name_key("name"), &mut found);
    for container in template.containers() {
        let within = |name: &str| format!("{}/{name}", container.pointer);
        unique(object, &[&within("env")], "variable", name_key("name"), &mut found);
        unique(object, &[&within("volumeMounts")], "mount path", name_key("mountPath"), &mut found);
        unique(object, &[&within("ports")], "container port", port_key("containerPort"), &mut found);
        unique(object, &[&within("ports")], "port name", name_key("name"), &mut found);
    }
    found
}

fn name_key(field: &'static str) -> impl Fn(&Value) -> Option<String> {
    move |item| item[field].as_str().map(str::to_owned)
}

fn port_key(field: &'static str) -> impl Fn(&Value) -> Option<String> {
    move |item| {
        let protocol = item["protocol"].as_str().unwrap_or("TCP");
        item[field].as_u64().map(|port| format!("{port}/{protocol}"))
    }
}

fn unique(
    object: &Object,
    lists: &[&str],
    what: &str,
    key: impl Fn(&Value) -> Option<String>,
    found: &mut Vec<Finding>,
) {
    let mut seen: HashMap<String, String> = HashMap::new();
    for list in lists {
        let Some(value) = object.value.pointer(list) else { continue };
        for (index, item) in items(value) {
            let pointer = format!("{list}/{index}");
            let Some(key) = key(item) else { continue };
            if let Some(first) = seen.get(&key) {
                let first = object.place_of(first);
                let finding = Code::NameDuplicate
                    .error(format!("the {what} `{key}` is defined twice, first in line {}", first.line));
                let finding = finding.at(object.place_of(&pointer).clone());
                found
                    .push(finding.help(format!("keep one of the two in `{}`", list.trim_start_matches('/'))));
            } else {
                seen.insert(key, pointer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::normalise;
    use crate::event::Finding;
    use crate::event::Place;
    use crate::manifest::Object;
    use crate::manifest::yaml;
    use serde_json::Value;
    use serde_json::json;
    use std::path::Path;

    fn normal(text: &str) -> (Value, Vec<Finding>) {
        let document = yaml::documents(text, Path::new("a.yaml")).0.remove(0);
        let mut object =
            Object { value: document.value.into(), place: document.place, places: document.places.into() };
        let found = normalise(&mut object);
        (object.value.into_inner(), found)
    }

    #[test]
    fn string_data_becomes_data_and_wins() {
        let (value, found) = normal(
            "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: eA==, b: eQ==}, stringData: {b: z, c: ''}}",
        );
        assert_eq!((value["data"].clone(), found), (json!({"a": "eA==", "b": "eg==", "c": ""}), vec![]));
        assert!(value.get("stringData").is_none());
    }

    #[test]
    fn a_secret_that_is_not_base64_is_told_without_its_value() {
        let (_, found) = normal("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  a: hunter2!\n");
        assert_eq!(found[0].place.as_ref().unwrap().line, 5);
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn values_are_base64_as_the_server_decodes_it() {
        for (kind, field, value, sound) in [
            ("Secret", "data", "'YWJj ZGVm'", false),
            ("Secret", "data", "|\n    YWJj\n    ZGVm", true),
            ("Secret", "data", ">\n    YWJj\n    ZGVm", false),
            ("Secret", "data", "aW5=", true),
            ("Secret", "data", "aW4", false),
            ("Secret", "data", "", true),
            ("Secret", "data", "null", true),
            ("ConfigMap", "binaryData", "'!!'", false),
            ("ConfigMap", "binaryData", "AAEC", true),
            ("ConfigMap", "data", "'!!'", true),
            ("Widget", "data", "'!!'", true),
        ] {
            let text =
                format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: s}}\n{field}:\n  a: {value}\n");
            let (_, found) = normal(&text);
            assert_eq!(found.is_empty(), sound, "{text}: {found:?}");
            assert!(found.iter().all(|finding| finding.place.as_ref().unwrap().line >= 5), "{found:?}");
        }
    }

    #[test]
    fn what_is_larger_than_the_server_takes_is_told_before_it_is_asked() {
        let large = |kind: &str, field: &str, value: &str, times: usize| {
            let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "s"}});
            object[field] = json!({"a": value.repeat(times)});
            normalise(&mut Object::made(object, Place::file("a.yaml"))).len()
        };
        for (kind, field, value, times, found) in [
            ("ConfigMap", "data", "x", 1 << 20, 0),
            ("ConfigMap", "data", "x", (1 << 20) + 1, 1),
            // Three bytes in four letters: what counts is what comes out.
            ("ConfigMap", "binaryData", "AAAA", (1 << 20) / 3, 0),
            ("Secret", "data", "AAAA", (1 << 20) / 3 + 1, 1),
            ("Secret", "stringData", "x", (1 << 20) + 1, 1),
            ("Widget", "data", "x", 2 << 20, 0),
        ] {
            assert_eq!(large(kind, field, value, times), found, "{kind} {field} {times}");
        }
    }

    #[test]
    fn what_an_export_brings_along_goes() {
        let (value, found) = normal(
            "{apiVersion: v1, kind: Pod, metadata: {name: p, uid: u, resourceVersion: '1', namespace: '', creationTimestamp: null, managedFields: [], annotations: {a: b, kubectl.kubernetes.io/last-applied-configuration: x}}, spec: {containers: [{name: c, ports: [{containerPort: 80}, {containerPort: 80, protocol: UDP}]}]}, status: {}}",
        );
        assert_eq!(found, vec![]);
        assert_eq!(
            value,
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "annotations": {"a": "b"}}, "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "UDP"}]}]}})
        );
    }

    #[test]
    fn what_must_be_text_is_told_where_it_is_not() {
        let (_, found) = normal(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  labels: {a/b: 1}\ndata:\n  PORT: 8000\n  DEBUG: on\n  OK: \"1\"\n",
        );
        let messages: Vec<_> =
            found.iter().map(|f| (f.place.as_ref().unwrap().line, f.message.as_str())).collect();
        assert_eq!(
            messages,
            [
                (5, "`metadata/labels/a/b` must be a string, but is a number in YAML"),
                (8, "`data/DEBUG` must be a string, but is a boolean in YAML"),
                (7, "`data/PORT` must be a string, but is a number in YAML"),
            ]
        );
        assert_eq!(found[0].subject.as_deref(), Some("ConfigMap/c"));
    }

    #[test]
    fn items_with_one_key_are_told_with_both_lines() {
        let (_, found) = normal(concat!(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  initContainers:\n    - name: c\n  containers:\n    - name: c\n",
            "      env:\n        - {name: A, value: x}\n        - {name: B, value: x}\n        - {name: A, value: z}\n",
            "      ports:\n        - {containerPort: 1, name: web}\n        - {containerPort: 2, name: web}\n        - {containerPort: 2}\n",
        ));
        let messages: Vec<_> =
            found.iter().map(|f| (f.place.as_ref().unwrap().line, f.message.as_str())).collect();
        assert_eq!(
            messages,
            [
                (8, "the container `c` is defined twice, first in line 6"),
                (12, "the variable `A` is defined twice, first in line 10"),
                (16, "the container port `2/TCP` is defined twice, first in line 15"),
                (15, "the port name `web` is defined twice, first in line 14"),
            ]
        );
    }
}
