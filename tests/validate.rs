//! Compares a value with a JSON Schema, limited to the features that docs/events.schema.json uses, and more strictly: a
//! field that the schema does not describe is a mistake.

use serde_json::Value;

/// The parts of `value` that do not match `schema`.
pub(crate) fn mistakes(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "", &mut found);
    found
}

fn list<'a>(schema: &'a Value, key: &str) -> &'a [Value] {
    schema[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_type(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        other => panic!("the schema has the type {other}"),
    }
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    for key in schema.as_object().unwrap().keys() {
        let known = "$schema $ref title description type const enum minimum maximum pattern required properties items oneOf anyOf allOf definitions";
        assert!(known.split(' ').any(|item| item == key), "the validator does not know {key}");
    }
    if let Some(name) = schema["$ref"].as_str() {
        let at = name.strip_prefix('#').unwrap();
        let target = root.pointer(at).unwrap_or_else(|| panic!("{name} leads nowhere"));
        return check(root, target, value, path, found);
    }
    let fits = |one: &Value| {
        let mut found = Vec::new();
        check(root, one, value, path, &mut found);
        found.is_empty()
    };
    if let Some(events) = schema["oneOf"].as_array() {
        // An event is recognized by its name, so that its mistakes can be reported.
        let named: Vec<&Value> =
            events.iter().filter(|event| event["properties"]["event"]["const"] == value["event"]).collect();
        match named.as_slice() {
            [one] => check(root, one, value, path, found),
            other => found.push(format!("{} descriptions of {}", other.len(), value["event"])),
        }
    }
    if !list(schema, "anyOf").is_empty() && !list(schema, "anyOf").iter().any(fits) {
        found.push(format!("{path}: {value} is none of what it may be"));
    }
    for item in list(schema, "allOf") {
        check(root, item, value, path, found);
    }
    let types = schema["type"].as_str().map(|item| vec![item]);
    let types = types.unwrap_or_else(|| list(schema, "type").iter().filter_map(Value::as_str).collect());
    if !types.is_empty() && !types.iter().any(|name| is_type(name, value)) {
        return found.push(format!("{path}: {value} is no {types:?}"));
    }
    let is_word = schema["enum"].as_array().is_none_or(|words| words.contains(value));
    let is_constant = schema.get("const").is_none_or(|constant| constant == value);
    let least =
        schema["minimum"].as_i64().is_none_or(|least| value.as_i64().is_none_or(|item| item >= least));
    let most = schema["maximum"].as_i64().is_none_or(|most| value.as_i64().is_none_or(|item| item <= most));
    let is_like = schema["pattern"].as_str().is_none_or(|pattern| {
        let pattern = regex::Regex::new(pattern).unwrap();
        value.as_str().is_some_and(|text| pattern.is_match(text))
    });
    if !(is_word && is_constant && least && most && is_like) {
        found.push(format!("{path}: {value} is not as {schema} says"));
    }
    if let Some(properties) = schema["properties"].as_object() {
        for (name, value) in value.as_object().into_iter().flatten() {
            match properties.get(name) {
                Some(schema) => check(root, schema, value, &format!("{path}.{name}"), found),
                None => found.push(format!("{path}.{name} is not described")),
            }
        }
    }
    for name in list(schema, "required").iter().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{path}.{name} is missing"));
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (at, value) in values.iter().enumerate() {
            check(root, items, value, &format!("{path}[{at}]"), found);
        }
    }
}
