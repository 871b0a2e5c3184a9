//! ConfigMaps, Secrets and values: whether what pods read is there, and whether it is meant.

use crate::event::Finding;
use crate::manifest::Object;
use crate::manifest::lint::Set;
use crate::manifest::lint::at;
use crate::manifest::lint::listed;
use crate::manifest::normal::below;
use crate::manifest::pods;
use crate::manifest::pods::ConfigKind;
use crate::manifest::pods::Reference;
use crate::manifest::pods::items;
use crate::nearest::nearest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Map;
use std::collections::BTreeSet;

pub(super) fn references(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (object, template) in pods::all(set.objects) {
        let mut missing = BTreeSet::new();
        for reference in template.references() {
            let finding = match keys(set, object, &reference) {
                None if reference.optional || !missing.insert((reference.kind, reference.name)) => continue,
                None => Some(missing_object(set, object, &reference)),
                Some(keys) => missing_key(&keys, &reference),
            };
            found.extend(finding.map(|finding| at(object, &reference.pointer, finding)));
        }
    }
    found
}

#[derive(Default)]
struct Keys {
    there: BTreeSet<String>,
    perhaps: BTreeSet<String>,
}

/// The keys of what is referred to, if the project has it.
fn keys(set: &Set<'_>, from: &Object, reference: &Reference<'_>) -> Option<Keys> {
    let namespace = set.namespace(from);
    let object = set.find(reference.kind.as_str(), namespace, reference.name);
    let provided = set.facts.provided.iter().find(|provided| {
        provided.kind == reference.kind && provided.name == reference.name && namespace == set.facts.namespace
    });
    if object.is_none() && provided.is_none() {
        return None;
    }
    let mut keys = Keys::default();
    for field in ["data", "binaryData"] {
        let data = object.and_then(|object| object.value[field].as_object());
        keys.there.extend(data.into_iter().flat_map(Map::keys).cloned());
    }
    if let Some(provided) = provided {
        keys.there.extend(provided.keys.iter().cloned());
        keys.perhaps.extend(provided.optional.iter().cloned());
    }
    Some(keys)
}

fn missing_object(set: &Set<'_>, from: &Object, reference: &Reference<'_>) -> Finding {
    let kind = reference.kind.as_str();
    let elsewhere = set.core(match reference.kind {
        ConfigKind::ConfigMap => "ConfigMap",
        ConfigKind::Secret => "Secret",
    });
    let here: Vec<&str> =
        elsewhere.filter(|object| set.namespace(object) == set.namespace(from)).map(Object::name).collect();
    let provided = set.facts.provided.iter().filter(|provided| provided.kind == reference.kind);
    let known = here.into_iter().chain(provided.map(|provided| provided.name.as_str()));
    let mend = match (nearest(reference.name, known), reference.kind) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, ConfigKind::Secret) => format!(
            "make it from a .env file with [secret.{}] in deploy.toml, or write `optional: true`",
            reference.name
        ),
        (None, ConfigKind::ConfigMap) => {
            format!(
                "add it to the manifests, or [config.{}] to deploy.toml, or write `optional: true`",
                reference.name
            )
        }
    };
    let told = format!(
        "the {kind} `{}` is not in the project; the pods wait for it unless the cluster has it",
        reference.name
    );
    Finding::warning(told).mend(mend)
}

fn missing_key(keys: &Keys, reference: &Reference<'_>) -> Option<Finding> {
    let key = reference.key.filter(|key| !keys.there.contains(*key))?;
    if reference.optional {
        return None;
    }
    let (kind, name) = (reference.kind.as_str(), reference.name);
    if keys.perhaps.contains(key) {
        let told = format!("`{key}` is optional in [secret.{name}], but no pod starts without it");
        let mend = format!("write `optional: true` beside the key, or name it in `keys` of [secret.{name}]");
        return Some(Finding::warning(told).mend(mend));
    }
    let all = || keys.there.iter().chain(&keys.perhaps).map(String::as_str);
    let mend = match nearest(key, all()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if all().next().is_none() => "it has no keys at all".to_owned(),
        None => format!("its keys are {}", listed(all())),
    };
    Some(Finding::error(format!("the {kind} `{name}` has no key `{key}`")).mend(mend))
}

/// Values that are secrets and stand open, and values that nobody has filled in.
pub(super) fn literals(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (object, template) in pods::all(set.objects) {
        for container in template.containers() {
            for (index, variable) in items(&container.value["env"]) {
                let (name, value) = (variable["name"].as_str(), variable["value"].as_str());
                if let (Some(name), Some(value)) = (name, value) {
                    let finding = literal(name, value);
                    let pointer = format!("{}/env/{index}/value", container.pointer);
                    found.extend(finding.map(|finding| at(object, &pointer, finding)));
                }
            }
        }
    }
    for object in set.core("ConfigMap") {
        for (key, value) in object.value["data"].as_object().into_iter().flatten() {
            let finding = value.as_str().and_then(|value| literal(key, value));
            found.extend(finding.map(|finding| at(object, &below("/data", key), finding)));
        }
    }
    for object in set.core("Secret") {
        for (key, value) in object.value["data"].as_object().into_iter().flatten() {
            let value = value.as_str().and_then(|text| STANDARD.decode(text).ok());
            if value.is_some_and(|value| is_placeholder(&value)) {
                found.push(at(object, &below("/data", key), placeholder(key)));
            }
        }
    }
    found
}

fn literal(name: &str, value: &str) -> Option<Finding> {
    if is_placeholder(value.as_bytes()) {
        return Some(placeholder(name));
    }
    if !is_secret_name(name, value) && !has_password(value) {
        return None;
    }
    let told = format!("`{name}` looks like a secret, and everybody who may read this object can read it");
    let mend = "put it into a .env file that git does not have, name it in a [secret.NAME] of deploy.toml, and use `secretKeyRef`";
    Some(Finding::warning(told).mend(mend))
}

fn placeholder(name: &str) -> Finding {
    Finding::warning(format!("the value of `{name}` looks like a placeholder")).mend("write the real value")
}

/// Whether a variable of that name holds a secret, and not where one is or how long one lasts.
fn is_secret_name(name: &str, value: &str) -> bool {
    const ENDS: [&str; 11] = [
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "SECRET",
        "TOKEN",
        "API_KEY",
        "APIKEY",
        "ACCESS_KEY",
        "PRIVATE_KEY",
        "SECRET_KEY",
        "CREDENTIALS",
    ];
    let name = name.to_uppercase().replace(['-', '.'], "_");
    let is_value =
        value.len() > 3 && !value.starts_with(['/', '.', '$']) && !matches!(value, "true" | "false" | "none");
    is_value && ENDS.iter().any(|end| name.ends_with(end))
}

/// Whether it is a URL with a password in it: `postgres://user:password@host`.
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let password =
        authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password);
    password.is_some_and(|password| !password.is_empty() && !password.starts_with("$("))
}

/// Whether a value was left as an example has it: `changeme`, `your-key-here`, `<token>`, `sk-xxxx`.
#[must_use]
pub fn is_placeholder(value: &[u8]) -> bool {
    const WORDS: [&str; 7] =
        ["changeme", "change-me", "change-this", "replaceme", "replace-me", "replace-this", "placeholder"];
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let value = value.trim().to_lowercase().replace('_', "-");
    if value.len() > 120 || value.contains('\n') {
        return false;
    }
    let yours = value.starts_with("your-") || value.starts_with("sk-your-") || value.contains("-your-");
    let blanks = |text: &str| text.len() > 2 && text.bytes().all(|byte| matches!(byte, b'x' | b'*' | b'.'));
    WORDS.iter().any(|word| value.starts_with(word) || value.ends_with(word))
        || (yours && !value.contains(['.', ' ', ',']))
        || value.ends_with("-here")
        || (value.starts_with('<') && value.ends_with('>') && !value.contains(['/', '\'', '"']))
        || blanks(&value)
        || value.strip_prefix("sk-").is_some_and(|key| blanks(key.trim_start_matches("proj-")))
}
