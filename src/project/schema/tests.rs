//! The schema describes what the reader of deploy.toml accepts: the same keys, types, ranges and words.

use super::DEPLOY_TOML;
use crate::project::check::known;
use regex::Regex;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;

/// Texts of which each rule for texts accepts some.
const TEXTS: [&str; 18] = [
    "",
    "a",
    "A",
    "a.b",
    "a..b",
    "-a",
    "a_b",
    "a b",
    "/",
    "/a b",
    "http://a/",
    "ftp://a/",
    "host:1",
    "host",
    "250MB",
    "4x",
    "linux/amd64",
    "..",
];

/// A table as the value of the key that has it.
type Wrap = fn(Value) -> Value;

/// A table of deploy.toml: its schema, its name in the reader, and a file that has it.
struct Section {
    schema: Value,
    name: String,
    /// The whole file around such a table.
    around: Box<dyn Fn(Value) -> Value>,
}

/// `value` as TOML, in one line.
fn toml(value: &Value) -> String {
    let key = |name: &str| Value::from(name).to_string();
    match value {
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(name, value)| format!("{} = {}", key(name), toml(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn file(value: &Value) -> String {
    let lines = value.as_object().unwrap().iter();
    let lines = lines.map(|(key, value)| format!("{} = {}", Value::from(key.as_str()), toml(value)));
    lines.collect::<Vec<_>>().join("\n")
}

fn mistakes(file_value: &Value) -> Vec<String> {
    known(&file(file_value)).1.into_iter().map(|finding| finding.message).collect()
}

fn object<'a>(value: &'a Value, key: &str) -> Vec<(&'a String, &'a Value)> {
    value[key].as_object().into_iter().flatten().collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The example of the section that has `key`.
fn example(section: &Value, key: &str) -> Map<String, Value> {
    let examples = list(section, "examples").iter().filter_map(Value::as_object);
    let mut with = examples.filter(|example| example.contains_key(key));
    with.next().unwrap_or_else(|| panic!("no example of the section has `{key}`")).clone()
}

fn with(mut table: Map<String, Value>, key: &str, value: Value) -> Value {
    table.insert(key.to_owned(), value);
    Value::Object(table)
}

/// Every section of the schema.
fn sections() -> Vec<Section> {
    let schema: Value = serde_json::from_str(DEPLOY_TOML).unwrap();
    let top = Section {
        schema,
        name: String::new(),
        around: Box::new(|mut table| {
            let map = table.as_object_mut().unwrap();
            map.entry("manifests").or_insert_with(|| json!([{ "path": "k8s" }]));
            table
        }),
    };
    let mut all = Vec::new();
    let mut open = vec![std::rc::Rc::new(top)];
    while let Some(section) = open.pop() {
        for (key, value) in object(&section.schema, "properties") {
            let named = &value["additionalProperties"];
            let inline = list(value, "oneOf").iter().find(|item| item["properties"].is_object());
            let (inner, wrap, below): (&Value, Wrap, &str) = match inline {
                Some(table) => (table, |table| table, ""),
                None if value["properties"].is_object() => (value, |table| table, ""),
                None if value["items"]["properties"].is_object() => {
                    (&value["items"], |table| json!([table]), "")
                }
                None if named["properties"].is_object() => (named, |table| json!({ "x": table }), ".x"),
                None => continue,
            };
            let dot = if section.name.is_empty() { "" } else { "." };
            let name = format!("{}{dot}{key}{below}", section.name);
            let (outer, key) = (std::rc::Rc::clone(&section), key.clone());
            let around = Box::new(move |table: Value| {
                (outer.around)(with(example(&outer.schema, &key), &key, wrap(table)))
            });
            open.push(std::rc::Rc::new(Section { schema: inner.clone(), name, around }));
        }
        all.push(section);
    }
    all.into_iter()
        .map(|section| {
            let (schema, name) = (section.schema.clone(), section.name.clone());
            Section { schema, name, around: Box::new(move |table| (section.around)(table)) }
        })
        .collect()
}

/// Calls `look` with each key: its path, its schema, and the file in which it has a given value.
fn keys(mut look: impl FnMut(&str, &Value, &dyn Fn(Value) -> Value)) {
    let mut count = 0;
    for section in sections() {
        for (key, schema) in object(&section.schema, "properties") {
            count += 1;
            let path = format!("{} {key}", section.name);
            look(&path, schema, &|value| (section.around)(with(example(&section.schema, key), key, value)));
        }
    }
    assert!(count > 60, "{count}");
}

/// What a key may be, each a schema of one kind of value.
fn alternatives(schema: &Value) -> Vec<&Value> {
    // Next to a type, `oneOf` defines which keys are required.
    if schema["type"].is_null() { list(schema, "oneOf").iter().collect() } else { vec![schema] }
}

fn types(schema: &Value) -> BTreeSet<String> {
    let name = |value: &Value| value.as_str().unwrap().to_owned();
    alternatives(schema)
        .into_iter()
        .flat_map(|alternative| match &alternative["type"] {
            Value::Array(several) => several.iter().map(name).collect(),
            single => vec![name(single)],
        })
        .collect()
}

/// A value of each type that the schema does not name.
fn wrong_types(schema: &Value) -> Vec<Value> {
    let types = types(schema);
    let values = [
        ("string", json!("x")),
        ("integer", json!(200)),
        ("number", json!(1.5)),
        ("boolean", json!(true)),
        ("array", json!(["x"])),
        ("object", json!({ "x": "x" })),
    ];
    let is_right = |name: &str| types.contains(name) || (name == "integer" && types.contains("number"));
    values.into_iter().filter(|(name, _)| !is_right(name)).map(|(_, value)| value).collect()
}

#[test]
fn the_reader_knows_the_keys_of_the_schema_and_no_others() {
    let (mut declared, mut read) = (BTreeSet::new(), BTreeSet::new());
    for section in sections() {
        assert_eq!(section.schema["additionalProperties"], false, "`{}` takes any key", section.name);
        for example in list(&section.schema, "examples") {
            read.extend(known(&file(&(section.around)(example.clone()))).0);
        }
        let keys = object(&section.schema, "properties").into_iter();
        declared.extend(keys.map(|(key, _)| (section.name.clone(), key.clone())));
    }
    // The examples of sections around others have names of their own for these.
    let names = ["web", "npm", "app", "staging", "x"];
    let plain = |name: String| {
        let parts = name.split('.').map(|part| if names.contains(&part) { "x" } else { part });
        parts.collect::<Vec<_>>().join(".")
    };
    let read: BTreeSet<(String, String)> =
        read.into_iter().map(|(section, key)| (plain(section), key.to_owned())).collect();
    assert_eq!(
        declared.difference(&read).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "only in the schema"
    );
    assert_eq!(
        read.difference(&declared).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "not in the schema"
    );
}

#[test]
fn every_key_has_a_description_an_example_and_a_default_unless_it_is_required() {
    for section in sections() {
        let required: Vec<&str> =
            list(&section.schema, "required").iter().filter_map(Value::as_str).collect();
        for (key, schema) in object(&section.schema, "properties") {
            let path = format!("{} {key}", section.name);
            let about = schema["description"].as_str().unwrap_or_else(|| panic!("{path} has no description"));
            let says = about.contains("Default: ") || about.contains("no default");
            let has_default = schema.get("default").is_some() || says;
            assert!(has_default != required.contains(&key.as_str()), "{path}: default, or required");
            let inner = [schema, &schema["additionalProperties"], &schema["items"]];
            assert!(inner.iter().any(|item| !list(item, "examples").is_empty()), "{path} has no example");
        }
    }
}

#[test]
fn examples_and_defaults_are_accepted() {
    keys(|path, schema, file| {
        for value in list(schema, "examples").iter().chain(schema.get("default")) {
            assert_eq!(mistakes(&file(value.clone())), [""; 0], "{path} = {value}");
        }
    });
    for section in sections() {
        for example in list(&section.schema, "examples") {
            assert_eq!(mistakes(&(section.around)(example.clone())), [""; 0], "{}: {example}", section.name);
        }
    }
}

#[test]
fn what_the_schema_refuses_the_reader_refuses_too() {
    keys(|path, schema, file| {
        let refused = |value: Value| {
            assert!(
                !mistakes(&file(value.clone())).is_empty(),
                "{path} = {value}: only the schema refuses it"
            );
        };
        for value in wrong_types(schema) {
            refused(value);
        }
        if let Some(items) = schema.get("items") {
            for value in wrong_types(items) {
                refused(json!([value]));
            }
        }
        let values = &schema["additionalProperties"];
        if values.is_object() {
            for value in wrong_types(values) {
                refused(json!({ "x": value }));
            }
        }
        for alternative in alternatives(schema) {
            let (least, most) = (alternative["minimum"].as_i64(), alternative["maximum"].as_i64());
            for outside in least.map(|least| least - 1).into_iter().chain(most.map(|most| most + 1)) {
                refused(json!(outside));
            }
            for within in least.into_iter().chain(most) {
                assert_eq!(mistakes(&file(json!(within))), [""; 0], "{path} = {within}");
            }
        }
        if !list(schema, "enum").is_empty() {
            refused(json!("other"));
            for word in list(schema, "enum") {
                assert_eq!(mistakes(&file(word.clone())), [""; 0], "{path} = {word}");
            }
        }
    });
}

#[test]
fn no_pattern_refuses_what_the_reader_accepts() {
    let mut seen = 0;
    keys(|path, schema, file| {
        for pattern in
            alternatives(schema).into_iter().filter_map(|alternative| alternative["pattern"].as_str())
        {
            seen += 1;
            let pattern = Regex::new(pattern).unwrap();
            let accepts = |text: &str| mistakes(&file(json!(text))).is_empty();
            for text in TEXTS {
                assert!(pattern.is_match(text) || !accepts(text), "{path}: the schema refuses `{text}`");
            }
            assert!(TEXTS.iter().any(|text| !pattern.is_match(text)), "{path}: the pattern refuses nothing");
        }
    });
    assert!(seen > 8, "{seen}");
}
