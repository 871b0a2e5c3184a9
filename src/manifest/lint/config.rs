//! ConfigMaps, Secrets and values: whether what pods read is there, and whether it is meant.

mod filled;

use crate::event::Code;
use crate::event::Finding;
use crate::go_base64;
use crate::manifest::Object;
use crate::manifest::bind::named_by;
use crate::manifest::lint::Set;
use crate::manifest::lint::at;
use crate::manifest::lint::listed;
use crate::manifest::pods;
use crate::manifest::pods::ConfigKind;
use crate::manifest::pods::Reference;
use crate::manifest::pods::items;
use crate::pointer::below;
use crate::project::clear::Clear;
use crate::project::clear::detect;
use nearest::nearest;
use serde_json::Map;
use std::collections::BTreeSet;

pub(super) fn references(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (object, template) in pods::all(set.objects) {
        let mut missing = BTreeSet::new();
        for reference in template.references() {
            let finding = match keys(set, object, &reference) {
                None if reference.optional || !missing.insert((reference.kind, reference.name)) => continue,
                None if filled::is_made(set, object, &reference) => continue,
                None => Some(missing_object(set, object, &reference)),
                Some(keys) => missing_key(set, object, &keys, &reference),
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

/// The keys of the referenced object, if the project has it.
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
    if let Some(object) = object {
        keys.there.extend(filled::by_kubernetes(object).iter().map(|key| (*key).to_owned()));
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
    let help = match (nearest(reference.name, known), reference.kind) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, ConfigKind::Secret) => format!(
            "create it from a .env file with [secret.{}] in deploy.toml, or write `optional: true`",
            reference.name
        ),
        (None, ConfigKind::ConfigMap) => {
            format!(
                "add it to the manifests, or [config.{}] to deploy.toml, or write `optional: true`",
                reference.name
            )
        }
    };
    let message = format!(
        "the {kind} `{}` is not in the project; the pods wait for it unless the cluster has it",
        reference.name
    );
    let missing = match reference.kind {
        ConfigKind::Secret => Code::SecretMissing,
        ConfigKind::ConfigMap => Code::ConfigMapMissing,
    };
    missing.warning(message).help(help)
}

fn missing_key(set: &Set<'_>, from: &Object, keys: &Keys, reference: &Reference<'_>) -> Option<Finding> {
    let key = reference.key.filter(|key| !keys.there.contains(*key))?;
    if reference.optional {
        return None;
    }
    let (kind, name) = (reference.kind.as_str(), reference.name);
    let object = set.find(kind, set.namespace(from), name);
    if object.is_some_and(|object| filled::may_add(set, object, key)) {
        let message =
            format!("the {kind} `{name}` has no key `{key}` here; no pod starts until a controller adds it");
        let help = format!("see that the controller that fills `{name}` is in the cluster, or write the key");
        return Some(Code::SecretValueMissing.note(message).help(help));
    }
    if keys.perhaps.contains(key) {
        let message = format!("`{key}` is optional in [secret.{name}], but no pod starts without it");
        let help = format!("write `optional: true` next to the key, or name it in `keys` of [secret.{name}]");
        return Some(Code::SecretKeyMissing.warning(message).help(help));
    }
    let all = || keys.there.iter().chain(&keys.perhaps).map(String::as_str);
    let help = match nearest(key, all()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if all().next().is_none() => "it has no keys at all".to_owned(),
        None => format!("its keys are {}", listed(all())),
    };
    let lacks = match reference.kind {
        ConfigKind::Secret => Code::SecretKeyMissing,
        ConfigKind::ConfigMap => Code::ConfigMapKeyMissing,
    };
    Some(lacks.error(format!("the {kind} `{name}` has no key `{key}`")).help(help))
}

/// Values of Secrets that are empty, and read all the same: most often what a chart wants to be given.
pub(super) fn empties(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (object, template) in pods::all(set.objects) {
        let mut seen = BTreeSet::new();
        for reference in template.references().iter().filter(|reference| reference.kind == ConfigKind::Secret)
        {
            let secret = set.find("Secret", set.namespace(object), reference.name);
            let Some(secret) = secret.filter(|_| !reference.optional) else { continue };
            let data = secret.value["data"].as_object().into_iter().flatten();
            let read = data.filter(|(key, value)| {
                *value == "" && reference.key.is_none_or(|wanted| wanted == key.as_str())
            });
            let keys: Vec<&str> =
                read.map(|(key, _)| key.as_str()).filter(|key| seen.insert((reference.name, *key))).collect();
            if keys.is_empty() {
                continue;
            }
            let is = if keys.len() == 1 { "is" } else { "are" };
            let message = format!(
                "{} of the Secret `{}` {is} empty, and `{}` reads it",
                listed(keys),
                secret.name(),
                object.id()
            );
            let help = format!(
                "give it a value: for a chart in a values file that git does not have, named in `values`; else with [secret.{}] in deploy.toml",
                secret.name()
            );
            found.push(at(object, &reference.pointer, Code::SecretValueMissing.warning(message).help(help)));
        }
    }
    found
}

/// Plaintext secrets, and placeholders that are not filled in.
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
            let value = value.as_str().and_then(go_base64::decode);
            let value = value.and_then(|bytes| String::from_utf8(bytes).ok());
            if value.is_some_and(|value| detect(key, &value) == Some(Clear::Placeholder)) {
                found.push(at(object, &below("/data", key), placeholder(key)));
            }
        }
    }
    found
}

fn literal(name: &str, value: &str) -> Option<Finding> {
    match detect(name, value)? {
        Clear::Placeholder => Some(placeholder(name)),
        Clear::Secret => {
            let message =
                format!("`{name}` looks like a secret, and everyone who can read this object can read it");
            let help = "put it into a .env file that git does not have, name it in a [secret.NAME] of deploy.toml, and use `secretKeyRef`";
            Some(Code::SecretInManifest.warning(message).help(help))
        }
    }
}

fn placeholder(name: &str) -> Finding {
    Code::SecretPlaceholder
        .warning(format!("the value of `{name}` looks like a placeholder"))
        .help("write the real value")
}

/// The Service of the project that an address refers to by its name in the cluster.
fn service_in<'a>(set: &Set<'a>, object: &Object, address: &str) -> Option<&'a Object> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    let mut labels = host.split('.');
    let (name, namespace) = (labels.next()?, labels.next());
    let inside = labels.next().is_none_or(|label| label == "svc");
    let namespace = namespace.unwrap_or_else(|| set.namespace(object));
    set.find("Service", namespace, name).filter(|_| inside)
}

/// Variables that the build of an image takes up, set where it runs: the browser only gets the values of the build.
pub(super) fn of_builds(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (object, template) in pods::all(set.objects) {
        for container in template.containers() {
            let Some(image) = container.value["image"].as_str() else { continue };
            let Some(ours) = named_by(image, &set.facts.images) else { continue };
            let given = set.facts.arguments.get(ours);
            let Some(beginnings) = set.facts.taken_up.get(ours) else { continue };
            let is_of_build = |name: &str| {
                beginnings.iter().any(|beginning| name.starts_with(beginning))
                    && !given.is_some_and(|given| given.contains(name))
            };
            let names: Vec<(String, &str, &str)> = items(&container.value["env"])
                .filter_map(|(index, variable)| {
                    let value = variable["value"].as_str().unwrap_or_default();
                    let pointer = format!("{}/env/{index}/name", container.pointer);
                    Some((pointer, variable["name"].as_str()?, value))
                })
                .chain(items(&container.value["envFrom"]).flat_map(|(index, source)| {
                    let name = source["configMapRef"]["name"].as_str().unwrap_or_default();
                    let from = set.find("ConfigMap", set.namespace(object), name);
                    let data = from.and_then(|from| from.value["data"].as_object());
                    let pointer = format!("{}/envFrom/{index}", container.pointer);
                    data.into_iter().flatten().map(move |(key, value)| {
                        (pointer.clone(), key.as_str(), value.as_str().unwrap_or_default())
                    })
                }))
                .filter(|(_, name, _)| is_of_build(name))
                .collect();
            let Some((pointer, first, _)) = names.first() else { continue };
            let all = listed(names.iter().map(|(_, name, _)| *name));
            let message = format!("{all}: what the browser gets was fixed when `{ours}` was built, not here");
            let finding = Code::BuildTimeVariable.note(message);
            let inside = names.iter().find_map(|(.., value)| service_in(set, object, value));
            let address = inside.map_or_else(String::new, |service| {
                format!(
                    "; a browser does not know the name `{0}`, which is one of the cluster: write the URL that `todo up` prints for it with [service.{0}], or a path that the front end's own server passes on",
                    service.name()
                )
            });
            let help = format!(
                "give it to the build, too: `args = {{ {first} = \"…\" }}` under [image.{ours}], and `ARG {first}` in its Dockerfile{address}"
            );
            found.push(at(object, pointer, finding).help(help));
        }
    }
    found
}
