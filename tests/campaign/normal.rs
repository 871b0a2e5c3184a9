//! What two machines have in common: without the random values of each, such as the salt of an inventory and all that
//! follows from it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::LazyLock;

/// Names that end in the digest of a template, and addresses of a machine.
static DIGEST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"-[bcdfghjklmnpqrstvwxz2456789]{8,10}\b").unwrap());
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b127(\.\d+){3}\b").unwrap());
/// The directory of an engine in the cache, and the file of an image, which is called after the directory of its context, too.
static FOLDER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[/-][0-9a-f]{12}(/|\.json)").unwrap());

/// What there is on a machine, by its names.
pub(crate) type Left = BTreeMap<String, Value>;

/// Everything of a machine, made comparable.
pub(crate) fn all(left: Left) -> Left {
    // A pod that has ended stays until it is deleted; the Job reports whether its work was done.
    let ended = |value: &Value| {
        value["kind"] == "Pod" && matches!(value["status"]["phase"].as_str(), Some("Failed" | "Succeeded"))
    };
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    left.into_iter()
        .filter(|(_, value)| !ended(value))
        // Whether it is worth keeping what a context held is a matter of how old its files are.
        .filter(|(name, _)| !name.starts_with("file cache/todo/contexts/"))
        .map(|(name, value)| match name.strip_prefix("Pod ").and_then(|pod| pod.split_once("<letters>")) {
            // Pods of one template are distinguished by their number alone.
            Some((pod, _)) => {
                let pod = text(pod);
                let count = counts.entry(pod.clone()).or_default();
                *count += 1;
                (format!("Pod {pod}{count}"), value)
            }
            None => (name, value),
        })
        .map(|(name, mut value)| {
            unpack(&mut value);
            if name.starts_with("image ")
                && let Some(tags) = value.as_array_mut()
            {
                // One image may be found by several keys: while its base could not be pulled it had another.
                tags.retain(|tag| !tag.as_str().is_some_and(|tag| tag.contains(":k-")));
            }
            plain(&mut value);
            (FOLDER.replace_all(&text(&name), "/#/").into_owned(), value)
        })
        .collect()
}

fn text(text: &str) -> String {
    ADDRESS.replace_all(&DIGEST.replace_all(text, "-#"), "NODE").into_owned()
}

/// What `todo` packs into Secrets of its own.
fn unpack(value: &mut Value) {
    if !value["type"].as_str().is_some_and(|kind| kind.starts_with("todo.dev/")) {
        return;
    }
    // By whom, from which directory and when it was deployed, the salt, and a copy of all that in each revision.
    let is_revision = value["type"] == "todo.dev/revision.v1";
    if let Some(data) = value["data"].as_object_mut() {
        data.retain(|key, _| {
            !(matches!(key.as_str(), "salt" | "deployed") || is_revision && key == "inventory")
        });
    }
    for packed in value["data"].as_object_mut().into_iter().flat_map(|data| data.values_mut()) {
        let Ok(bytes) = STANDARD.decode(packed.as_str().unwrap_or_default()) else { continue };
        let mut text = String::new();
        if GzDecoder::new(&bytes[..]).read_to_string(&mut text).is_ok()
            && let Ok(mut unpacked) = serde_json::from_str::<Value>(&text)
        {
            // Objects are applied in the order in which they can be; which of equals came first is all the same.
            if let Some(objects) = unpacked["objects"].as_array_mut() {
                objects.sort_by_key(Value::to_string);
            }
            forget(&mut unpacked, &["salt", "created", "applied", "fingerprint", "digest", "live", "uid"]);
            *packed = unpacked;
        }
    }
}

fn forget(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(fields) => {
            for name in names {
                fields.remove(*name);
            }
            fields.values_mut().for_each(|value| forget(value, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| forget(value, names)),
        _ => {}
    }
}

fn plain(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for name in ["todo.dev/config", "pod-template-hash", "controller-revision-hash"] {
                fields.remove(name);
            }
            fields.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::String(words) => *words = text(words),
        _ => {}
    }
}

/// Returns the differences of a disturbed machine from an undisturbed one.
pub(crate) fn same(undisturbed: &Left, disturbed: &Left) -> Result<(), String> {
    let names = undisturbed.keys().chain(disturbed.keys()).collect::<BTreeSet<_>>();
    let differ = |name: &&String| undisturbed.get(*name) != disturbed.get(*name);
    let found = names.into_iter().filter(differ).map(|name| {
        let (one, other) = (undisturbed.get(name), disturbed.get(name));
        format!(
            "{name}:\n    undisturbed: {}\n    disturbed:   {}",
            differences(one, other),
            differences(other, one)
        )
    });
    let found: Vec<String> = found.collect();
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

/// A value, or of one that is long the part in which it differs from the other.
fn differences(one: Option<&Value>, other: Option<&Value>) -> String {
    let Some(one) = one else { return "nothing".to_owned() };
    let (one, other) = (one.to_string(), other.map(Value::to_string).unwrap_or_default());
    let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let begin = same.saturating_sub(80);
    String::from_utf8_lossy(&one.as_bytes()[begin..one.len().min(begin + 240)]).into_owned()
}
