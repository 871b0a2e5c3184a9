//! Helm charts, read without Helm: which exist, which belong to which, what images their
//! values name.
//!
//! Not a renderer: where `helm` is installed the flow renders the chart, and the result takes precedence over these
//! findings.

use super::naming::Use;
use super::tree::Tree;
use super::tree::ends;
use super::tree::file_name;
use super::tree::is_dockerfile;
use super::tree::join;
use super::tree::parent;
use super::variant::distance;
use crate::event::Place;
use crate::manifest::bind::repository;
use crate::manifest::yaml::documents;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A chart that can be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Its directory.
    pub folder: String,
    /// Its name.
    pub name: String,
    /// The charts of this tree that it brings along: what it calls them, and their directories.
    pub parts: Vec<(String, String)>,
}

/// The charts of the tree that are not a part of another one.
#[must_use]
pub fn all(tree: &Tree) -> Vec<Chart> {
    let charts: Vec<Chart> = tree
        .texts
        .keys()
        .filter(|path| file_name(path) == "Chart.yaml")
        .filter_map(|path| load(tree, path))
        .collect();
    let part = |chart: &Chart| {
        let inside = |other: &Chart| chart.folder.starts_with(&format!("{}/charts/", other.folder));
        charts
            .iter()
            .any(|other| inside(other) || other.parts.iter().any(|(_, folder)| *folder == chart.folder))
    };
    charts.iter().filter(|chart| !part(chart)).cloned().collect()
}

/// The chart of a `Chart.yaml`; `None` for libraries.
fn load(tree: &Tree, path: &str) -> Option<Chart> {
    let folder = parent(path).to_owned();
    let says = value(tree, path);
    if says["type"] == "library" {
        return None;
    }
    let mut parts = Vec::new();
    let mut dependencies = says["dependencies"].as_array().cloned().unwrap_or_default();
    // Helm 2 kept them in a file of their own.
    dependencies.extend(
        value(tree, &join(&folder, "requirements.yaml"))["dependencies"]
            .as_array()
            .cloned()
            .unwrap_or_default(),
    );
    for dependency in dependencies {
        let (Some(name), source) = (dependency["name"].as_str(), dependency["repository"].as_str()) else {
            continue;
        };
        let called = dependency["alias"].as_str().unwrap_or(name).to_owned();
        let near = match source.and_then(|source| source.strip_prefix("file://")) {
            Some(path) => join(&folder, path),
            None => join(&folder, &format!("charts/{name}")),
        };
        if tree.files.contains(&join(&near, "Chart.yaml")) {
            parts.push((called, near));
        }
    }
    for file in tree.below(&join(&folder, "charts")).filter(|file| file_name(file) == "Chart.yaml") {
        let near = parent(file).to_owned();
        if parent(&near) == join(&folder, "charts") && !parts.iter().any(|(_, known)| *known == near) {
            parts.push((file_name(&near).to_owned(), near));
        }
    }
    let name = says["name"].as_str().unwrap_or_else(|| file_name(&folder)).to_owned();
    Some(Chart { folder, name, parts })
}

/// The values file that is meant for a machine like this one, in addition to the chart's own `values.yaml`.
#[must_use]
pub fn local_values(tree: &Tree, folder: &str) -> Option<String> {
    let files = values_files(tree, folder);
    let near = files.into_iter().filter(|file| distance(file_name(file)) < distance(""));
    near.min_by_key(|file| (distance(file_name(file)), file.clone()))
}

/// The values files of a chart in addition to its own `values.yaml`.
#[must_use]
pub fn values_files(tree: &Tree, folder: &str) -> Vec<String> {
    let named = |path: &&str| {
        let stem = file_name(path).rsplit_once('.').map_or("", |(stem, _)| stem);
        let begins =
            stem.starts_with("values-") || stem.starts_with("values.") || stem.starts_with("values_");
        let word =
            ["local", "minikube", "dev", "development", "prod", "production", "staging"].contains(&stem);
        ends(path, &["yaml", "yml"])
            && (begins || word)
            && !stem.contains("schema")
            && !stem.contains("example")
    };
    tree.inside(folder).filter(named).map(str::to_owned).collect()
}

/// The images that its values and templates name, with `values` over its own.
#[must_use]
pub fn uses(tree: &Tree, chart: &Chart, values: &[String]) -> Vec<Use> {
    let mut found = BTreeMap::new();
    for (called, folder) in &chart.parts {
        texts(tree, &join(folder, "values.yaml"), &format!("/{called}"), &mut found);
    }
    texts(tree, &join(&chart.folder, "values.yaml"), "", &mut found);
    for file in values {
        texts(tree, file, "", &mut found);
    }
    let mut uses: Vec<Use> = found.keys().filter_map(|pointer| named(&found, pointer)).collect();
    let folders = std::iter::once(&chart.folder).chain(chart.parts.iter().map(|(_, folder)| folder));
    for file in folders.flat_map(|folder| tree.below(folder)).filter(|file| file.contains("/templates/")) {
        for (index, line) in tree.text(file).unwrap_or_default().lines().enumerate() {
            let Some(image) = line.trim().trim_start_matches("- ").strip_prefix("image:") else { continue };
            let image = image.trim().trim_matches(['"', '\'']);
            if !image.is_empty() && !image.contains("{{") {
                let place = Place { file: file.into(), line: index + 1, column: 0 };
                let stem = file_name(file).split('.').next().unwrap_or_default();
                uses.push(Use {
                    hints: stem.split('-').map(str::to_owned).collect(),
                    ..Use::new(image, place)
                });
            }
        }
    }
    for item in &mut uses {
        item.hints.push(chart.name.clone());
    }
    uses
}

/// The image that the text at `pointer` names, if it names one: `image: name:tag` or `image: {repository: name}`.
fn named(values: &BTreeMap<String, (String, Place)>, pointer: &str) -> Option<Use> {
    let (text, place) = &values[pointer];
    let (above, key) = pointer.rsplit_once('/')?;
    let holder = above.rsplit('/').next().unwrap_or_default().to_lowercase();
    let beside = |key: &str| values.get(&format!("{above}/{key}")).map(|(text, _)| text.as_str());
    let image = match key {
        "repository" if holder.contains("image") || beside("tag").is_some() => text.clone(),
        "name" if holder == "image" && beside("tag").is_some() && beside("repository").is_none() => {
            text.clone()
        }
        "image" if !text.contains(' ') => repository(text).to_owned(),
        _ => return None,
    };
    if image.is_empty() || image.contains("://") {
        return None;
    }
    let registry = beside("registry").filter(|registry| !registry.is_empty());
    let image = registry.map_or(image.clone(), |registry| format!("{registry}/{image}"));
    let tag = beside("tag").filter(|tag| !tag.is_empty() && key != "image").unwrap_or_default().to_owned();
    let hints = above.split('/').filter(|part| !part.is_empty() && !part.to_lowercase().contains("image"));
    Some(Use { hints: hints.map(str::to_owned).collect(), tag, ..Use::new(&image, place.clone()) })
}

/// Every text of a values file by its pointer below `prefix`, with its place; those of later files win.
fn texts(tree: &Tree, path: &str, prefix: &str, values: &mut BTreeMap<String, (String, Place)>) {
    let Some(text) = tree.text(path) else { return };
    for document in documents(text, Path::new(path)).0 {
        let mut open = vec![(String::new(), &document.value)];
        while let Some((pointer, value)) = open.pop() {
            match value {
                Value::Object(fields) => {
                    open.extend(fields.iter().map(|(key, value)| (format!("{pointer}/{key}"), value)));
                }
                Value::String(text) => {
                    let place = document.places.get(&pointer).unwrap_or(&document.place).clone();
                    values.insert(format!("{prefix}{pointer}"), (text.clone(), place));
                }
                Value::Number(number) => {
                    values.insert(format!("{prefix}{pointer}"), (number.to_string(), document.place.clone()));
                }
                _ => {}
            }
        }
    }
}

/// The text that the last of some values files has at a path as `--set` writes it; none for lists and keys with dots.
pub(super) fn value_of(tree: &Tree, files: &[String], path: &str) -> Option<String> {
    let pointer = format!("/{}", path.replace('.', "/"));
    let found = files.iter().rev().find_map(|file| value(tree, file).pointer(&pointer).cloned())?;
    Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned))
}

fn value(tree: &Tree, path: &str) -> Value {
    let text = tree.text(path).unwrap_or_default();
    documents(text, Path::new(path)).0.into_iter().next().map_or(Value::Null, |document| document.value)
}

/// Whether a file belongs to some chart, as its template or its values.
#[must_use]
pub fn is_of(charts: &[Chart], path: &str) -> bool {
    let inside = |folder: &str| path.starts_with(&format!("{folder}/"));
    !is_dockerfile(file_name(path))
        && charts.iter().any(|chart| {
            (!chart.folder.is_empty() && inside(&chart.folder))
                || inside(&join(&chart.folder, "templates"))
                || chart.parts.iter().any(|(_, folder)| inside(folder))
        })
}

#[cfg(test)]
mod tests {
    use super::all;
    use super::local_values;
    use super::uses;
    use crate::discover::tree::Tree;

    #[test]
    fn parts_of_an_umbrella_are_no_charts_of_their_own_and_name_images() {
        let tree = Tree::from_texts(
            "x",
            &[
                (
                    "helm/shop/Chart.yaml",
                    "name: shop\ndependencies:\n- {name: api, repository: 'file://../api', version: 1.x.x}\n",
                ),
                ("helm/shop/values.yaml", "api:\n  image:\n    repository: acme/api\n"),
                ("helm/shop/charts/web/Chart.yaml", "name: web\n"),
                ("helm/shop/charts/web/values.yaml", "image:\n  repository: shop-web\n  tag: 1\n"),
                ("helm/api/Chart.yaml", "name: api\n"),
                (
                    "helm/api/values.yaml",
                    "image:\n  repository: api\n  tag: latest\ninit:\n  image: busybox:1.36\n",
                ),
                ("helm/lib/Chart.yaml", "name: lib\ntype: library\n"),
            ],
        );
        let charts = all(&tree);
        assert_eq!(charts.len(), 1, "{charts:?}");
        let mut named: Vec<_> =
            uses(&tree, &charts[0], &[]).into_iter().map(|item| item.repository).collect();
        named.sort();
        assert_eq!(named, ["acme/api", "busybox", "shop-web"]);
    }

    #[test]
    fn values_for_this_machine_are_found() {
        let tree = Tree::from_texts(
            "x",
            &[("c/values-prod.yaml", ""), ("c/values-dev.yaml", ""), ("c/values.yaml", "")],
        );
        assert_eq!(local_values(&tree, "c").as_deref(), Some("c/values-dev.yaml"));
    }
}
