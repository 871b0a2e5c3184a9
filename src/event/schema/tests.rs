//! The schema, the types and the output are the same.

#[path = "../../../tests/validate.rs"]
mod validate;

use super::EVENTS;
use crate::event::Amount;
use crate::event::Code;
use crate::event::Event;
use crate::event::Outcome;
use crate::event::SCHEMA;
use crate::event::Severity;
use crate::event::Step;
use crate::event::Unit;
use crate::event::samples::samples;
use crate::fault::FaultKind;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use validate::mistakes;

fn schema() -> Value {
    serde_json::from_str(EVENTS).unwrap()
}

fn lines() -> Vec<Value> {
    let full = |mut line: Value| {
        if line["event"] == "run-started" {
            line["target"] = json!("staging");
            line["rehearsal"] = json!(true);
        }
        line
    };
    let samples = samples().into_iter().map(|kind| serde_json::to_value(Event { at_ms: 7, kind }).unwrap());
    samples.map(full).collect()
}

#[test]
fn every_event_is_as_the_schema_says_and_the_schema_says_no_other() {
    let schema = schema();
    let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in lines() {
        assert_eq!(mistakes(&schema, &line), [""; 0], "{line}");
        serde_json::from_value::<Event>(line.clone()).unwrap();
        let names = line.as_object().unwrap().keys().cloned();
        fields.entry(line["event"].as_str().unwrap().to_owned()).or_default().extend(names);
    }
    let mut described = BTreeMap::new();
    for event in schema["oneOf"].as_array().unwrap() {
        let name = event["properties"]["event"]["const"].as_str().unwrap().to_owned();
        let names = event["properties"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert!(described.insert(name, names).is_none(), "an event is described twice");
    }
    assert_eq!(described, fields);
    assert_eq!(schema["oneOf"][0]["properties"]["schema"]["const"], json!(SCHEMA));
}

#[test]
fn what_the_schema_requires_is_required_and_what_it_does_not_is_not() {
    let schema = schema();
    for line in lines() {
        let event = line["event"].as_str().unwrap();
        let mut described = schema["oneOf"].as_array().unwrap().iter();
        let of = described.find(|item| item["properties"]["event"]["const"] == event).unwrap();
        for field in line.as_object().unwrap().keys().filter(|field| *field != "event") {
            let required = of["required"].as_array().unwrap().contains(&json!(field));
            let mut without = line.clone();
            without.as_object_mut().unwrap().remove(field);
            assert_eq!(mistakes(&schema, &without).is_empty(), !required, "{event} without {field}");
            if !required {
                assert!(serde_json::from_value::<Event>(without).is_ok(), "{event} without {field}");
            }
            let mut wrong = line.clone();
            wrong[field] = json!([[{}]]);
            assert_ne!(mistakes(&schema, &wrong), [""; 0], "{event} with a wrong {field}");
        }
        let mut more = line.clone();
        more["more"] = json!(1);
        assert_ne!(mistakes(&schema, &more), [""; 0], "the validator is strict");
    }
}

/// The words of an enum, as serde names them where a word is none.
fn words<T: DeserializeOwned + std::fmt::Debug>() -> BTreeSet<String> {
    let error = serde_json::from_value::<T>(json!("?")).unwrap_err().to_string();
    let (_, expected) = error.split_once("expected").unwrap();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn words_are_the_same() {
    let schema = schema();
    for (name, words) in [
        ("step", words::<Step>()),
        ("outcome", words::<Outcome>()),
        ("unit", words::<Unit>()),
        ("kind", words::<FaultKind>()),
        ("severity", words::<Severity>()),
    ] {
        let described = schema["definitions"][name]["enum"].as_array().unwrap().iter();
        let described: BTreeSet<String> = described.map(|word| word.as_str().unwrap().to_owned()).collect();
        assert_eq!(described, words, "{name}");
    }
    let pattern = schema["definitions"]["code"]["pattern"].as_str().unwrap();
    let pattern = regex::Regex::new(pattern).unwrap();
    assert!(Code::ALL.iter().all(|code| pattern.is_match(code.as_str())));
    let amount = json!({"done": 1, "total": null, "unit": "bytes"});
    assert!(serde_json::from_value::<Amount>(amount).is_ok());
}

#[test]
fn recorded_runs_are_as_the_schema_says() {
    let schema = schema();
    for run in [
        include_str!("../../../tests/fixtures/runs/first-up.jsonl"),
        include_str!("../../../tests/fixtures/runs/unchanged-up.jsonl"),
        include_str!("../../../tests/fixtures/runs/failed-rollout.jsonl"),
        include_str!("../../../tests/fixtures/runs/interrupted-build.jsonl"),
        include_str!("../../../tests/fixtures/runs/down.jsonl"),
    ] {
        for line in run.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            // As this version writes it.
            let event: Event = serde_json::from_value(line.clone()).unwrap();
            let mut written = serde_json::to_value(&event).unwrap();
            if written["event"] == "run-started" {
                written["schema"] = json!(SCHEMA);
            }
            assert_eq!(mistakes(&schema, &written), [""; 0], "{line}");
        }
    }
}
