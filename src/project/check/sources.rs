//! `[[manifests]]`: exactly one of a path, a kustomization and a chart.

use crate::event::Place;
use crate::project::Binding;
use crate::project::Chart;
use crate::project::Mode;
use crate::project::Set;
use crate::project::Source;
use crate::project::SourceKind;
use crate::project::file::Scalar;
use crate::project::file::Section;
use crate::project::name::DataKey;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// The keys that go with `chart` alone.
const OF_CHARTS: [&str; 6] = ["release", "namespace", "values", "set", "set-env", "mode"];

pub(super) fn source(root: &Path, section: Section<'_, '_>) -> Option<Source> {
    let path = section.text("path");
    let kustomize = section.text("kustomize");
    let chart = section.text("chart");
    let release = section.parsed("release", ObjectName::parse);
    let namespace = section.parsed("namespace", Namespace::parse).map(|at| at.value);
    let values: Vec<PathBuf> = section.texts("values").into_iter().map(|at| root.join(at.value)).collect();
    let set = set(&section);
    let set_env = set_env(&section);
    let mode = section.parsed("mode", mode).map_or(Mode::Objects, |at| at.value);
    let helm_only = OF_CHARTS.iter().any(|key| section.has(key));
    let kind = match (path, kustomize, chart) {
        (Some(path), None, None) if !helm_only => Some(SourceKind::Path(root.join(path.value))),
        (None, Some(folder), None) if !helm_only => Some(SourceKind::Kustomize(root.join(folder.value))),
        (None, None, Some(chart)) => {
            let folder = root.join(chart.value);
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let release = release.map_or(name, |at| at.value.to_string());
            Some(SourceKind::Chart(Chart { folder, release, namespace, values, set, set_env, mode }))
        }
        (None, None, None) if ["path", "kustomize", "chart"].iter().any(|key| section.has(key)) => None,
        (None, None, None) => {
            section.lacks("says nothing to deploy", "write one of `path`, `kustomize` and `chart`");
            None
        }
        _ if helm_only => {
            let keys = OF_CHARTS.map(|key| format!("`{key}`")).join(", ");
            section.lacks("has keys of a chart without one", format!("{keys} go with `chart` alone"));
            None
        }
        _ => {
            section.lacks(
                "names several sources",
                "write a `[[manifests]]` for each of `path`, `kustomize` and `chart`",
            );
            None
        }
    };
    let place = section.place.clone();
    section.close();
    kind.map(|kind| Source { place, kind })
}

/// The values of `set`: a text stays a text, whatever it reads like.
fn set(section: &Section<'_, '_>) -> BTreeMap<String, Set> {
    let values = section.scalars("set").into_iter().map(|(key, value)| {
        let value = match value.value {
            Scalar::Text(text) => Set::Text(text),
            Scalar::Plain(text) => Set::Plain(text),
        };
        (key.value.to_owned(), value)
    });
    values.collect()
}

/// The variables that hold values of the chart. A path with an index would take the place of a whole list.
fn set_env(section: &Section<'_, '_>) -> BTreeMap<String, (String, Place)> {
    let mut set_env = BTreeMap::new();
    for (path, variable) in section.pairs("set-env") {
        let name = format!("set-env.{}", path.value);
        if path.value.contains('[') || path.value.split('.').any(str::is_empty) {
            let why =
                "must be a path of names, such as `secrets.apiKey`: an item of a list is for a values file";
            section.wrong(&path.place, &name, why);
        } else if DataKey::parse(variable.value).is_err() {
            section.wrong(&variable.place, &name, "must be the name of a variable");
        }
        set_env.insert(path.value.to_owned(), (variable.value.to_owned(), variable.place));
    }
    set_env
}

fn mode(text: &str) -> Result<Mode, &'static str> {
    match text {
        "objects" => Ok(Mode::Objects),
        "release" => Ok(Mode::Release),
        _ => Err("write `objects` (we apply what Helm renders) or `release` (Helm installs it)"),
    }
}

/// `[[binding]]`: both keys are needed.
pub(super) fn binding(section: Section<'_, '_>) -> Option<Binding> {
    let kind = section.text("kind");
    let path = section.parsed("path", path);
    let policy = section.text("pull-policy").map(|at| at.value.to_owned());
    let binding = match (kind, path) {
        (Some(kind), Some(path)) => Some(Binding {
            place: section.place.clone(),
            kind: kind.value.to_owned(),
            path: path.value,
            policy,
        }),
        _ => {
            if !section.has("kind") || !section.has("path") {
                let help = "write both: `kind = \"Function\"` and `path = \"spec.image\"`";
                section.lacks("needs `kind` and `path`", help);
            }
            None
        }
    };
    section.close();
    binding
}

fn path(text: &str) -> Result<Vec<String>, &'static str> {
    let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    let last = parts.last().is_some_and(|last| last.ends_with("[]"));
    if last || parts.iter().any(|part| part.trim_end_matches("[]").is_empty() || part.contains('/')) {
        return Err("write keys joined by dots, `[]` after a list: `spec.workers[].image`");
    }
    Ok(parts)
}
