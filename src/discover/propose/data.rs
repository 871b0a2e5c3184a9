//! The Secrets and ConfigMaps that pods read and no manifest defines: their keys, and where the values are to come from.

use super::Proposal;
use super::Survey;
use super::at;
use crate::discover::evidence::CreatedByCommand;
use crate::discover::evidence::Rank;
use crate::discover::keys;
use crate::discover::keys::EnvFile;
use crate::discover::proposal::Config;
use crate::discover::proposal::Secret;
use crate::discover::tree::Tree;
use crate::discover::tree::file_name;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::pods;
use crate::manifest::pods::ConfigKind;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Objects that pods read and no manifest defines.
#[derive(Default)]
struct Missing {
    keys: BTreeSet<String>,
    optional: BTreeSet<String>,
    whole: bool,
    /// Whether some pod has it as variables, and not as files alone.
    variables: bool,
    places: Vec<Place>,
}

pub(super) fn data(survey: &Survey, objects: &[Object], proposal: &mut Proposal) {
    let mut wanted: BTreeMap<(ConfigKind, String), Missing> = BTreeMap::new();
    for (object, template) in pods::all(objects) {
        for reference in template.references() {
            let kind = reference.kind.as_str();
            let defined =
                objects.iter().any(|object| object.kind() == kind && object.name() == reference.name);
            if defined || reference.name == "kube-root-ca.crt" {
                continue;
            }
            let one = wanted.entry((reference.kind, reference.name.to_owned())).or_default();
            let mounted = reference.pointer.contains("/volumes/");
            one.variables |= !mounted;
            match (reference.key, reference.optional) {
                (Some(key), false) => drop(one.keys.insert(key.to_owned())),
                (Some(key), true) => drop(one.optional.insert(key.to_owned())),
                (None, false) => one.whole = true,
                (None, true) if mounted => continue,
                (None, true) => {}
            }
            one.places.push(at(object.place_of(&reference.pointer)));
        }
    }
    let both = wanted.keys().any(|(kind, _)| *kind == ConfigKind::ConfigMap);
    for ((kind, name), mut one) in wanted {
        let Some(place) = one.places.first() else { continue };
        one.optional.retain(|key| !one.keys.contains(key));
        if kind == ConfigKind::ConfigMap && one.keys.is_empty() && !one.whole {
            continue; // pods start without it
        }
        let why = format!("{place} reads it, and no manifest defines it");
        let made = survey.evidence.made.iter().find(|made| {
            made.secret == (kind == ConfigKind::Secret)
                && made.name == name
                && made.provenance.rank < Rank::Aside
        });
        match kind {
            ConfigKind::Secret => proposal.secrets.push(secret(survey, name, why, one, both, made)),
            ConfigKind::ConfigMap => proposal.configs.push(config(survey, name, why, one, made)),
        }
    }
    separate(&mut proposal.secrets);
    for secret in &proposal.secrets {
        let note = note(survey, secret);
        proposal.first.extend(note.iter().map(|(_, help)| help.clone()));
        proposal.notes.extend(note);
    }
    for config in proposal.configs.iter().filter(|config| config.blank) {
        let message =
            format!("the ConfigMap `{}`: {}; nothing here says what is in it", config.name, config.why);
        let help = format!("write the ConfigMap `{0}`: a manifest, or [config.{0}]", config.name);
        proposal.first.push(help.clone());
        proposal.notes.push((message, help));
    }
    for config in proposal.configs.iter().filter(|config| !config.blank && !config.open.is_empty()) {
        let keys = config.open.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let message =
            format!("the ConfigMap `{}`: {}; nothing says the value of {keys}", config.name, config.why);
        let help = format!("write {keys} into [config.{}] in deploy.toml, before `todo up`", config.name);
        proposal.first.push(help.clone());
        proposal.notes.push((message, help));
    }
}

fn config(
    survey: &Survey,
    name: String,
    why: String,
    mut object: Missing,
    made: Option<&CreatedByCommand>,
) -> Config {
    if let Some(made) = made {
        let why = format!("{} makes it", made.provenance.place);
        if let (Some(file), true) = (&made.env_file, made.files.is_empty()) {
            return Config { name, file: Some(file.clone()), why, ..Config::default() };
        }
        let text = |path: &String| survey.tree.text(path).map(str::to_owned);
        let open =
            made.keys.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key.clone()).collect();
        let mut values: BTreeMap<String, String> =
            made.keys.iter().map(|(key, value)| (key.clone(), value.clone().unwrap_or_default())).collect();
        let blank = made.files.values().any(|path| text(path).is_none_or(|text| text.len() > 20_000));
        values.extend(made.files.iter().map(|(key, path)| (key.clone(), text(path).unwrap_or_default())));
        return Config { name, values, open, blank, why, ..Config::default() };
    }
    let env = survey.env_files.first().filter(|_| object.variables);
    let more = env.into_iter().filter(|_| object.whole).flat_map(|env| &env.keys);
    object.keys.extend(more.filter(|key| !keys::is_secret(key)).cloned());
    object.keys.extend(object.optional);
    let example = env.and_then(|env| env.example.as_deref()).and_then(|path| survey.tree.text(path));
    let known = keys::harmless(example.unwrap_or_default());
    let open = object.keys.iter().filter(|key| !known.contains_key(*key)).cloned().collect();
    let value = |key: String| (key.clone(), known.get(&key).cloned().unwrap_or_default());
    let values: BTreeMap<String, String> = object.keys.into_iter().map(value).collect();
    Config { name, blank: values.is_empty(), values, open, why, ..Config::default() }
}

fn secret(
    survey: &Survey,
    name: String,
    mut why: String,
    mut object: Missing,
    both: bool,
    made: Option<&CreatedByCommand>,
) -> Secret {
    let mut files = BTreeMap::new();
    if let Some(made) = made {
        why = format!("{} makes it", made.provenance.place);
        files.clone_from(&made.files);
        if object.whole {
            object.keys.extend(made.keys.keys().cloned());
        }
        object.keys.retain(|key| !files.contains_key(key));
    }
    if !object.variables && files.is_empty() && object.keys.is_empty() && made.is_none() {
        // Files that only a person has: certificates, key files. `.env` does not contain them.
        return Secret { name, blank: true, why, ..Secret::default() };
    }
    if object.whole && files.is_empty() {
        object.keys.extend(example_keys(&survey.tree, &name));
    }
    let fits = |env: &&EnvFile| {
        env.keys.iter().filter(|key| object.keys.contains(*key) || object.optional.contains(*key)).count()
    };
    let named = made.and_then(|made| made.env_file.clone());
    let env =
        survey.env_files.iter().rev().max_by_key(fits).filter(|env| object.keys.is_empty() || fits(env) > 0);
    let env = match &named {
        Some(named) => survey.env_files.iter().find(|env| env.path == *named),
        None => env,
    };
    if object.whole && object.keys.is_empty() && files.is_empty() {
        let guarded = |key: &&String| !both || keys::is_secret(key);
        object.keys.extend(env.into_iter().flat_map(|env| &env.keys).filter(guarded).cloned());
    }
    // A key has one place in a section of deploy.toml.
    object.optional.retain(|key| !object.keys.contains(key) && !files.contains_key(key));
    let there = |key: &str| env.is_some_and(|env| env.there && env.keys.iter().any(|known| known == key));
    let (generate, keys): (Vec<String>, Vec<String>) =
        object.keys.into_iter().partition(|key| keys::is_ours(key) && !there(key));
    let env_file = named.or_else(|| env.map(|env| env.path.clone())).unwrap_or_else(|| ".env".to_owned());
    let is_there = survey.tree.files.contains(&env_file);
    let of_files = !files.is_empty() && keys.is_empty() && object.optional.is_empty();
    let needed = !of_files && (!keys.is_empty() || !object.optional.is_empty() || generate.is_empty());
    Secret {
        name,
        from_env: !is_there && !of_files,
        env_file: needed.then_some(env_file),
        keys,
        optional: object.optional.into_iter().collect(),
        generate,
        files,
        blank: false,
        why,
    }
}

/// Two Secrets with one key in common cannot take both values out of one file: each gets its own.
fn separate(secrets: &mut [Secret]) {
    let keys =
        |secret: &Secret| secret.keys.iter().chain(&secret.optional).cloned().collect::<BTreeSet<String>>();
    let shared: Vec<bool> = secrets
        .iter()
        .map(|secret| {
            secret.env_file.is_some()
                && secrets.iter().any(|other| {
                    other.name != secret.name
                        && other.env_file == secret.env_file
                        && !keys(other).is_disjoint(&keys(secret))
                        && is_generic(&keys(secret), &keys(other))
                })
        })
        .collect();
    for (secret, _) in secrets.iter_mut().zip(shared).filter(|(_, shared)| *shared) {
        secret.env_file = Some(format!("{}.env", secret.name));
        secret.from_env = false;
    }
}

/// Whether the common keys of two Secrets do not show their purpose: `password`, and not `DATABASE_URL`.
fn is_generic(set: &BTreeSet<String>, other: &BTreeSet<String>) -> bool {
    set.intersection(other).any(|key| !key.contains(['_', '-', '.']))
}

/// The step to do before the Secret can be created.
fn note(survey: &Survey, secret: &Secret) -> Option<(String, String)> {
    if secret.blank {
        let message = format!("the Secret `{}`: {}; its files are yours alone", secret.name, secret.why);
        let help = format!("name them in [secret.{}], which is written as a comment", secret.name);
        return Some((message, help));
    }
    let absent: Vec<String> =
        secret.files.values().filter(|path| !survey.tree.files.contains(*path)).cloned().collect();
    if let Some(path) = absent.first() {
        let message =
            format!("`{path}` is not there yet; the Secret `{}` is made of it ({})", secret.name, secret.why);
        return Some((message, format!("put `{path}` there, before `todo up`")));
    }
    let file = secret.env_file.as_ref().filter(|file| !survey.tree.files.contains(*file))?;
    let list = secret.keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    if list.is_empty() {
        return None;
    }
    let example =
        survey.env_files.iter().find(|env| env.path == *file).and_then(|env| env.example.as_deref());
    let given = keys::keys(example.and_then(|path| survey.tree.text(path)).unwrap_or_default());
    let lacks: Vec<String> =
        secret.keys.iter().filter(|key| !given.contains(key)).map(|key| format!("`{key}`")).collect();
    let help = match example.filter(|_| lacks.len() < secret.keys.len()) {
        Some(example) if lacks.is_empty() => {
            format!("`cp {example} {file}` and fill it in, before `todo up`")
        }
        Some(example) => {
            format!("`cp {example} {file}`, add {} and fill it in, before `todo up`", lacks.join(", "))
        }
        None if secret.from_env && secret.keys.iter().all(|key| can_be_set(key)) => format!(
            "write {} into `{file}`, or set them in the environment, before `todo up`",
            keys::lines(&secret.keys)
        ),
        None => format!("write {} into `{file}`, before `todo up`", keys::lines(&secret.keys)),
    };
    Some((format!("`{file}` is not there yet; the Secret `{}` takes {list} from it", secret.name), help))
}

/// Whether a shell can set a variable of this name: `db.password` and `api-key` are none (POSIX, 3.216).
fn can_be_set(name: &str) -> bool {
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    starts && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The keys of an example of the Secret that is next to the manifests: `secret.example.yaml`.
fn example_keys(tree: &Tree, name: &str) -> Vec<String> {
    let yaml = |path: &&String| file_name(path).contains(".y") && file_name(path).contains("secret");
    let named = |object: &&Object| object.kind() == "Secret" && object.name() == name;
    let mut files = tree.texts.keys().filter(yaml).map(|path| tree.objects(path));
    let Some(secret) = files.find_map(|file| file.0.iter().find(named).cloned()) else { return Vec::new() };
    let fields =
        ["data", "stringData"].map(|field| secret.value[field].as_object().cloned().unwrap_or_default());
    fields.into_iter().flatten().map(|(key, _)| key).collect()
}
