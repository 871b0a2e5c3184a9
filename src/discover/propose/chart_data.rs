//! The Secrets that a chart renders without values: which path of its values each key has, and which variable could hold it.

use super::Proposal;
use super::Survey;
use crate::discover::method::Method;
use crate::discover::method::Source;
use crate::discover::tree::join;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::pods;
use crate::manifest::yaml::documents;
use crate::project::clear::Clear;
use crate::project::clear::detect;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Gives every empty key of a Secret that pods read a variable, or reports it where no path of the values can be found.
pub(super) fn chart_secrets(survey: &Survey, method: &Method, objects: &[Object], proposal: &mut Proposal) {
    for object in objects.iter().filter(|object| object.kind() == "Secret" && is_read(objects, object.name()))
    {
        let template = object.place.file.to_string_lossy().replace('\\', "/");
        for (key, value) in values(object) {
            if !value.is_empty() && detect(&key, &value) != Some(Clear::Placeholder) {
                continue;
            }
            let path = path_of(survey, method, &template, &key);
            let Some(path) = path.or_else(|| same_key(survey, method, &key)) else {
                let message =
                    format!("the chart's Secret/{} has no value for `{key}` ({template})", object.name());
                let help =
                    "give it one in a values file that git does not have, and name that under `values`";
                proposal.first.push(help.to_owned());
                proposal.notes.push((message, help.to_owned()));
                continue;
            };
            let owner = proposal.sources.iter_mut().find_map(|source| match source {
                Source::Chart { chart, set_env, .. } => {
                    (chart.is_empty() || template.starts_with(&format!("{chart}/"))).then_some(set_env)
                }
                _ => None,
            });
            if let Some(set_env) = owner {
                let variable = if is_variable(&key) { Some(key.clone()) } else { None };
                let known = set_env.entry(path).or_default();
                *known = known.take().or(variable);
            }
        }
    }
}

/// The files to write before the chart has its values.
pub(super) fn propose(survey: &Survey, proposal: &mut Proposal) {
    let own = survey.env_files.iter().find(|env| env.path == ".env");
    for source in &proposal.sources.clone() {
        let Source::Chart { chart, set_env, .. } = source else { continue };
        let names: Vec<String> = set_env
            .iter()
            .map(|(path, variable)| format!("`{}`", variable_of(path, variable.as_deref())))
            .collect();
        let lacking: Vec<String> = set_env
            .iter()
            .map(|(path, variable)| (path, variable_of(path, variable.as_deref())))
            .filter(|(_, variable)| !own.is_some_and(|env| env.there && env.keys.contains(variable)))
            .map(|(path, variable)| match place_of(survey, chart, path) {
                Some(place) => format!("`{variable}` ({place} `{path}`)"),
                None => format!("`{variable}` (`{path}`)"),
            })
            .collect();
        if lacking.is_empty() {
            continue;
        }
        let message = format!("the chart `{chart}` has no value for {}", lacking.join(" and "));
        let help = match own.and_then(|env| env.example.as_deref()) {
            Some(example) if own.is_some_and(|env| !env.there) => {
                format!(
                    "`cp {example} .env` and fill it in, before `todo up`; or set them in the environment"
                )
            }
            _ => format!(
                "write {} into `.env`, or set them in the environment, before `todo up`",
                names.join(", ")
            ),
        };
        proposal.first.push(help.clone());
        proposal.notes.push((message, help));
    }
}

/// The variable for a path of a chart's values: the one that is known, else `secrets.openaiApiKey` → `OPENAI_API_KEY`.
#[must_use]
pub fn variable_of(path: &str, known: Option<&str>) -> String {
    if let Some(known) = known {
        return known.to_owned();
    }
    let last = path.rsplit('.').next().unwrap_or(path);
    let mut name = String::new();
    let mut lower = false;
    for letter in last.chars() {
        if letter.is_ascii_uppercase() && lower {
            name.push('_');
        }
        lower = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        name.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' });
    }
    name
}

fn is_variable(key: &str) -> bool {
    let mut letters = key.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
}

fn is_read(objects: &[Object], name: &str) -> bool {
    pods::all(objects)
        .any(|(_, template)| template.references().iter().any(|reference| reference.name == name))
}

/// The keys of a Secret with their values in clear, which stay here.
fn values(object: &Object) -> Vec<(String, String)> {
    let fields = |field: &str| object.value[field].as_object().cloned().unwrap_or_default();
    let plain = fields("stringData")
        .into_iter()
        .map(|(key, value)| (key, value.as_str().unwrap_or_default().to_owned()));
    let coded = fields("data").into_iter().map(|(key, value)| {
        // kustomize folds long values over several lines.
        let folded: String =
            value.as_str().unwrap_or_default().chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let bytes = STANDARD.decode(folded).unwrap_or_default();
        (key, String::from_utf8_lossy(&bytes).into_owned())
    });
    plain.chain(coded).collect()
}

/// The path of the values that a template writes under `key`: `KEY: {{ .Values.a.b | quote }}`.
fn path_of(survey: &Survey, method: &Method, template: &str, key: &str) -> Option<String> {
    let text = survey.tree.text(template)?;
    let named = |line: &&str| {
        let line = line.trim().trim_start_matches(['"', '\'']);
        line.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'']).starts_with(':'))
    };
    let line = text.lines().filter(named).find(|line| line.contains(".Values."))?;
    let (_, rest) = line.split_once(".Values.")?;
    let path: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
    let path = path.trim_end_matches('.').to_owned();
    // A chart within the chart has its values under its name.
    let chart = method.sources.iter().find_map(|source| match source {
        Source::Chart { chart, .. } if template.starts_with(&format!("{chart}/charts/")) => Some(chart),
        _ => None,
    });
    let inner = chart.and_then(|chart| template.strip_prefix(&format!("{chart}/charts/"))?.split('/').next());
    let global = path.starts_with("global.");
    Some(match inner {
        Some(inner) if !global => format!("{inner}.{path}"),
        _ => path,
    })
}

/// The one path of the values that ends in `key` and has no value: for templates that write a whole mapping.
fn same_key(survey: &Survey, method: &Method, key: &str) -> Option<String> {
    let files = method.sources.iter().flat_map(|source| match source {
        Source::Chart { chart, values, .. } => {
            std::iter::once(join(chart, "values.yaml")).chain(values.iter().cloned()).collect::<Vec<_>>()
        }
        _ => Vec::new(),
    });
    let mut found: BTreeSet<String> = BTreeSet::new();
    for file in files {
        for document in documents(survey.tree.text(&file).unwrap_or_default(), Path::new(&file)).0 {
            let open = |pointer: &&String| {
                let value = document.value.pointer(pointer).and_then(Value::as_str);
                pointer.rsplit('/').next() == Some(key)
                    && value.is_some_and(|value| {
                        value.is_empty() || detect(key, value) == Some(Clear::Placeholder)
                    })
            };
            let paths = document.places.keys().filter(open);
            found.extend(paths.map(|pointer| pointer.trim_start_matches('/').replace('/', ".")));
        }
    }
    let path = found.pop_first()?;
    found.is_empty().then_some(path)
}

/// Where a path stands in the chart's own values.
fn place_of(survey: &Survey, chart: &str, path: &str) -> Option<Place> {
    let file = join(chart, "values.yaml");
    let document = documents(survey.tree.text(&file)?, Path::new(&file)).0.into_iter().next()?;
    let pointer = format!("/{}", path.replace('.', "/"));
    document.places.get(&pointer).map(|place| Place { column: 0, ..place.clone() })
}
