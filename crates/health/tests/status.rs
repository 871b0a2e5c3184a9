//! The tables in `tests/status`: an object, what is known around it, and its status.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use health::snapshot::Snapshot;
use health::status;
use health::status::Context;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

fn tables() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/status");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let table: Vec<Case> =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        cases.extend(table.into_iter().map(|case| (name.clone(), case)));
    }
    assert!(!cases.is_empty());
    cases
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(rename = "case")]
    name: String,
    object: Value,
    #[serde(default)]
    known: KnownCase,
    #[serde(default)]
    snapshot: Vec<Value>,
    health: String,
    reason: Option<String>,
    message: Option<String>,
    note: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct KnownCase {
    generation: Option<i64>,
    before: Option<Value>,
    manifest: Option<Value>,
    seconds_since_write: Option<i64>,
    now: Option<Timestamp>,
}

#[test]
fn health_is_as_the_tables_say() {
    for (table, case) in tables() {
        let snapshot = Snapshot::from_objects(&case.snapshot);
        let known = Context {
            generation: case.known.generation,
            before: case.known.before.as_ref(),
            manifest: case.known.manifest.as_ref(),
            since: case.known.seconds_since_write.map(SignedDuration::from_secs),
            changed: case.known.seconds_since_write.is_some(),
            now: case.known.now,
            snapshot: Some(&snapshot),
        };
        let object_health = status::compute(&case.object, known);
        let name = format!("{table}: {}", case.name);
        assert_eq!(object_health.health.to_string(), case.health, "{name}: {object_health:?}");
        for (desired, is) in [
            (&case.reason, Some(&object_health.reason)),
            (&case.message, Some(&object_health.message)),
            (&case.note, object_health.note.as_ref()),
        ] {
            assert!(
                desired.is_none() || desired.as_ref() == is,
                "{name}: wanted {desired:?}, got {object_health:?}"
            );
        }
    }
}
