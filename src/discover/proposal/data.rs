//! The Secrets and ConfigMaps that pods read and no manifest defines: their keys, and where the values are to come from.

use super::Config;
use super::Proposal;
use super::Secret;
use super::Survey;
use super::at;
use crate::discover::keys;
use crate::discover::keys::EnvFile;
use crate::discover::tree::Tree;
use crate::discover::tree::file_name;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::pods;
use crate::manifest::pods::ConfigKind;
use crate::manifest::read::parse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

/// What pods read and nobody defines.
#[derive(Default)]
struct Wanted {
    keys: BTreeSet<String>,
    optional: BTreeSet<String>,
    whole: bool,
    places: Vec<Place>,
}

pub(super) fn data(survey: &Survey, objects: &[Object], proposal: &mut Proposal) {
    let mut wanted: BTreeMap<(ConfigKind, String), Wanted> = BTreeMap::new();
    for (object, template) in pods::all(objects) {
        for reference in template.references() {
            let kind = reference.kind.as_str();
            if objects.iter().any(|one| one.kind() == kind && one.name() == reference.name) {
                continue;
            }
            let one = wanted.entry((reference.kind, reference.name.to_owned())).or_default();
            match (reference.key, reference.optional) {
                (Some(key), false) => drop(one.keys.insert(key.to_owned())),
                (Some(key), true) => drop(one.optional.insert(key.to_owned())),
                (None, false) => one.whole = true,
                (None, true) => {}
            }
            one.places.push(at(object.place_of(&reference.pointer)));
        }
    }
    let both = wanted.keys().any(|(kind, _)| *kind == ConfigKind::ConfigMap);
    for ((kind, name), mut one) in wanted {
        one.optional.retain(|key| !one.keys.contains(key));
        let why = format!("{} reads it, and no manifest defines it", one.places[0]);
        match kind {
            ConfigKind::Secret => secret(survey, name, why, one, both, proposal),
            ConfigKind::ConfigMap => {
                let env = survey.env_files.first();
                let more = env.into_iter().filter(|_| one.whole).flat_map(|env| &env.keys);
                one.keys.extend(more.filter(|key| !keys::is_secret(key)).cloned());
                one.keys.extend(one.optional);
                let example =
                    env.and_then(|env| env.example.as_deref()).and_then(|path| survey.tree.text(path));
                let known = keys::harmless(example.unwrap_or_default());
                let value = |key: String| (key.clone(), known.get(&key).cloned().unwrap_or_default());
                proposal.configs.push(Config {
                    name,
                    values: one.keys.into_iter().map(value).collect(),
                    why,
                });
            }
        }
    }
}

fn secret(survey: &Survey, name: String, why: String, mut one: Wanted, both: bool, proposal: &mut Proposal) {
    let scripted = survey.scripts.secrets.iter().find(|(known, ..)| *known == name);
    if one.whole {
        one.keys.extend(scripted.map(|(_, keys, _)| keys.clone()).unwrap_or_default());
        one.keys.extend(example_keys(&survey.tree, &name));
    }
    let fits = |env: &&EnvFile| {
        env.keys.iter().filter(|key| one.keys.contains(*key) || one.optional.contains(*key)).count()
    };
    let env =
        survey.env_files.iter().rev().max_by_key(fits).filter(|env| one.keys.is_empty() || fits(env) > 0);
    if one.whole && one.keys.is_empty() {
        let guarded = |key: &&String| !both || keys::is_secret(key);
        one.keys.extend(env.into_iter().flat_map(|env| &env.keys).filter(guarded).cloned());
    }
    let there = |key: &str| env.is_some_and(|env| env.there && env.keys.iter().any(|known| known == key));
    let (generate, keys): (Vec<String>, Vec<String>) =
        one.keys.into_iter().partition(|key| keys::is_ours(key) && !there(key));
    let env_file = env.map_or_else(|| ".env".to_owned(), |env| env.path.clone());
    if !keys.is_empty() && !env.is_some_and(|env| env.there) {
        let list = keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let help = match env.and_then(|env| env.example.as_deref()) {
            Some(example) => format!("`cp {example} {env_file}` and fill it in, before `todo up`"),
            None => format!(
                "write `{env_file}` with a line `KEY=value` for each, or set them in the environment, before `todo up`"
            ),
        };
        proposal
            .notes
            .push((format!("`{env_file}` is not there yet; the Secret `{name}` takes {list} from it"), help));
    }
    proposal.secrets.push(Secret {
        name,
        from_env: !env.is_some_and(|env| env.there),
        env_file: (!keys.is_empty() || !one.optional.is_empty() || generate.is_empty()).then_some(env_file),
        keys,
        optional: one.optional.into_iter().collect(),
        generate,
        why,
    });
}

/// The keys of an example of the Secret that lies beside the manifests: `secret.example.yaml`.
fn example_keys(tree: &Tree, name: &str) -> Vec<String> {
    let yaml = |path: &&String| file_name(path).contains(".y") && file_name(path).contains("secret");
    let texts = tree.texts.iter().filter(|(path, _)| yaml(path));
    let objects = texts.flat_map(|(path, text)| parse(text, Path::new(path)).0);
    let secret = objects.into_iter().find(|one| one.kind() == "Secret" && one.name() == name);
    let Some(secret) = secret else { return Vec::new() };
    let fields =
        ["data", "stringData"].map(|field| secret.value[field].as_object().cloned().unwrap_or_default());
    fields.into_iter().flatten().map(|(key, _)| key).collect()
}
