//! The other fields of a custom resource's status → what they imply for its health: words, booleans, errors, numbers.

use super::StatusHint;
use super::Strength;
use super::conditions;
use super::words;
use super::words::Meaning;
use crate::live;
use serde_json::Map;
use serde_json::Value;

/// Fields whose word describes the whole resource; of others that end like them the word is a hint.
const WORDS: [&str; 7] = ["phase", "state", "status", "health", "healthState", "compliant", "stage"];

/// Fields that are true when it is well.
const TRUE_IS_GOOD: [&str; 11] = [
    "available",
    "compliant",
    "connected",
    "healthy",
    "initialized",
    "pass",
    "ready",
    "readyToUse",
    "running",
    "succeeded",
    "synced",
];

/// Fields that are there when something went wrong.
const ERRORS: [&str; 10] = [
    "errMsg",
    "error",
    "errorDescription",
    "errorMessage",
    "errorReason",
    "errors",
    "failure",
    "failureMessage",
    "failureReason",
    "lastError",
];

/// Lists and maps whose entries have a status of their own: a route's gateways, a gateway's listeners.
const PARTS: [&str; 8] = [
    "ancestors",
    "applied",
    "componentStatus",
    "environments",
    "ingress",
    "listeners",
    "parents",
    "statuses",
];

/// Counts, and the fields with the desired number, best first. A count of 0 is left out by most controllers.
const COUNTS: [(&str, &[&str]); 10] = [
    ("/status/readyReplicas", &["/spec/replicas", "/status/replicas"]),
    ("/status/availableReplicas", &["/spec/replicas", "/status/replicas"]),
    ("/status/updatedReplicas", &["/spec/replicas", "/status/replicas"]),
    ("/status/readyInstances", &["/spec/instances", "/status/instances"]),
    ("/status/availableNodes", &["/status/expectedNodes"]),
    ("/status/ready", &["/status/size"]),
    ("/status/ready", &["/status/desired"]),
    ("/status/numberReady", &["/status/desiredNumberScheduled"]),
    ("/status/updatedNumberScheduled", &["/status/desiredNumberScheduled"]),
    ("/status/numberAvailable", &["/status/desiredNumberScheduled"]),
];

/// What the status of `object` implies.
pub(super) fn signals(object: &Value) -> Vec<StatusHint> {
    let mut signals = Vec::new();
    match &object["status"] {
        Value::Object(status) => collect(status, object, 0, &mut signals),
        Value::String(word) => signals.extend(word_signal("status", word, object)),
        _ => {}
    }
    let counts = COUNTS.iter().filter_map(|(count, desired)| counted(object, count, desired));
    // Full counts next to an unknown word prove nothing.
    let doubtful = has_unknown_word(&object["status"]);
    signals.extend(counts.filter(|signal| !doubtful || signal.sign != Strength::Good));
    signals.extend(version(object));
    if live::count(object, "/status/unavailableReplicas") > 0 {
        signals.push(StatusHint::new(
            Strength::Busy,
            "Unavailable",
            "some of its replicas are not available",
        ));
    }
    signals
}

/// Whether a field that speaks of the whole has a word that is in no list.
fn has_unknown_word(status: &Value) -> bool {
    WORDS
        .iter()
        .filter_map(|field| status[*field].as_str())
        .any(|word| !word.is_empty() && words::meaning(word).is_none())
}

/// A resource that runs another version than its spec requests is being upgraded (Cluster API, Elastic).
fn version(object: &Value) -> Option<StatusHint> {
    let of = |at: &str| object.pointer(at)?.as_str().map(|text| text.trim_start_matches('v'));
    let (desired, is) = (of("/spec/version")?, of("/status/version")?);
    let starts = |text: &str, start: &str| {
        text.strip_prefix(start).is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_ascii_digit()))
    };
    let numbered = [desired, is].iter().all(|text| text.starts_with(|letter: char| letter.is_ascii_digit()));
    let same = starts(desired, is) || starts(is, desired);
    (numbered && !same).then(|| {
        StatusHint::new(
            Strength::Busy,
            "VersionDiffers",
            format!("its version is {is}, but {desired} is requested"),
        )
    })
}

fn collect(status: &Map<String, Value>, object: &Value, depth: usize, signals: &mut Vec<StatusHint>) {
    let generation = live::number(object, "/metadata/generation");
    for (field, value) in status {
        match value {
            Value::Array(list) if field == "conditions" && depth > 0 => {
                signals.extend(conditions::signals_of_part(list, generation));
            }
            Value::Array(list) if field == "conditions" => {
                signals.extend(conditions::signals(list, generation));
            }
            _ if ERRORS.contains(&field.as_str()) => signals.extend(error(field, value)),
            Value::Bool(holds) if TRUE_IS_GOOD.contains(&field.as_str()) => {
                let sign = if *holds { Strength::Good } else { Strength::Busy };
                let reason = if *holds { "Ready" } else { "NotReady" };
                signals.push(StatusHint::new(sign, reason, format!("its `{field}` is {holds}")));
            }
            Value::String(word) => signals.extend(word_signal(field, word, object)),
            Value::Array(_) | Value::Object(_) if PARTS.contains(&field.as_str()) => {
                let each = parts(value, generation).into_iter().map(|part| {
                    let mut fields = Vec::new();
                    collect(part, object, depth + 1, &mut fields);
                    fields
                });
                let each: Vec<Vec<StatusHint>> = each.collect();
                let says_it =
                    |fields: &Vec<StatusHint>| fields.iter().any(|signal| signal.sign >= Strength::Good);
                // All parts have the same fields, so the controller has not processed a part that lacks them yet.
                if each.iter().any(says_it) && !each.iter().all(says_it) {
                    let message = format!("one of its `{field}` says nothing yet");
                    signals.push(StatusHint::new(Strength::Busy, "NotReady", message));
                }
                signals.extend(each.into_iter().flatten());
            }
            Value::Object(inner)
                if depth == 0
                    && is_a_word_field(field, &["operation", "sync"])
                    && inner.values().any(|value| !value.is_object()) =>
            {
                collect(inner, object, 1, signals);
            }
            // `status.ceph.health`, `status.podStatus.conditions`, `status.brokersState.0`: the status of one
            // subsystem.
            Value::Object(inner) if depth == 0 => {
                let mut fields = Vec::new();
                if let Some(word) = inner.get("health").and_then(Value::as_str) {
                    fields.extend(word_signal("health", word, object));
                }
                if let Some(list) = inner.get("conditions").and_then(Value::as_array) {
                    fields.extend(conditions::signals_of_part(list, generation));
                }
                if is_a_word_field(field, &[]) {
                    let by_name = inner.values().filter_map(Value::as_object);
                    by_name.for_each(|part| collect(part, object, 1, &mut fields));
                }
                signals.extend(fields.into_iter().filter(|signal| signal.sign > Strength::Good));
            }
            _ => {}
        }
    }
}

/// The parts without those that their controller has left as they were: it writes the generation into the entries of
/// parts that are still requested.
fn parts(value: &Value, generation: Option<i64>) -> Vec<&Map<String, Value>> {
    let all: Vec<&Map<String, Value>> = match value {
        Value::Array(list) => list.iter().filter_map(Value::as_object).collect(),
        Value::Object(map) => map.values().filter_map(Value::as_object).collect(),
        _ => Vec::new(),
    };
    let controller = |part: &Map<String, Value>| part.get("controllerName").cloned();
    let left_behind = |part: &&Map<String, Value>| {
        let name = controller(part);
        is_old(part, generation)
            && all.iter().any(|other| controller(other) == name && !is_old(other, generation))
    };
    all.iter().copied().filter(|part| !left_behind(part)).collect()
}

fn is_old(part: &Map<String, Value>, generation: Option<i64>) -> bool {
    let conditions = part.get("conditions").and_then(Value::as_array);
    conditions.is_some_and(|list| {
        let of = |entry: &Value| live::number(entry, "/observedGeneration");
        !list.is_empty() && list.iter().all(|entry| of(entry).is_some() && of(entry) < generation)
    })
}

fn is_a_word_field(field: &str, more: &[&str]) -> bool {
    let words = words::split(field);
    let last = words.last().map_or("", String::as_str);
    ["phase", "state", "status", "health", "stage"].iter().chain(more).any(|known| *known == last)
        || WORDS.contains(&field)
}

fn word_signal(field: &str, word: &str, object: &Value) -> Option<StatusHint> {
    if word.is_empty() || !is_a_word_field(field, &[]) {
        return None;
    }
    let meaning = words::meaning(word)?;
    let runs = words::split(word).iter().any(|part| part == "running");
    let sign = match meaning {
        // What is a run does its work while it is running, and is what it should be when it has ended.
        Meaning::Good if runs && is_a_run(live::kind(object)) => Strength::Busy,
        Meaning::Good if !WORDS.contains(&field) => Strength::Hint,
        Meaning::Bad if has_ended(object) => Strength::Failed,
        meaning => Strength::new(meaning),
    };
    let reason = if word.contains(char::is_whitespace) { field } else { word };
    let message = if WORDS.contains(&field) {
        format!("its status is `{word}`")
    } else {
        format!("its `{field}` is `{word}`")
    };
    Some(StatusHint::new(sign, reason, message))
}

fn is_a_run(kind: &str) -> bool {
    let ends =
        ["Run", "Job", "Workflow", "Task", "Build", "Backup", "Restore", "Migration", "Execution", "Scan"];
    !kind.starts_with("Cron") && ends.iter().any(|end| kind.ends_with(end))
}

/// Whether it is a run that has come to its end, so that a bad word is its last.
fn has_ended(object: &Value) -> bool {
    ["completionTime", "finishedAt", "completedAt", "endTime"]
        .iter()
        .any(|field| object["status"][*field].as_str().is_some_and(|time| !time.is_empty()))
}

fn error(field: &str, value: &Value) -> Option<StatusHint> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) if !fields.is_empty() => match fields.get("message").and_then(Value::as_str) {
            Some(text) => text.to_owned(),
            None => format!("its `{field}` is set"),
        },
        Value::Array(list) if !list.is_empty() => match list[0].as_str() {
            Some(text) => text.to_owned(),
            None => format!("its `{field}` has entries"),
        },
        Value::Bool(true) => format!("its `{field}` is true"),
        _ => String::new(),
    };
    (!text.is_empty()).then(|| StatusHint::new(Strength::Bad, "Error", text))
}

fn counted(object: &Value, count: &str, desired: &[&str]) -> Option<StatusHint> {
    let is = object.pointer(count)?.as_i64()?;
    let desired = desired.iter().find_map(|at| object.pointer(at)?.as_i64())?;
    let field = count.rsplit('/').next().unwrap_or_default();
    let message = format!("its `{field}` is {is} of {desired}");
    if is < desired {
        Some(StatusHint::new(Strength::Busy, "NotReady", message))
    } else if desired > 0 || field.ends_with("Replicas") {
        Some(StatusHint::new(Strength::Good, "Ready", message))
    } else {
        None
    }
}
