//! Folders of plain manifests as ways: which files are some, which folders belong together, and what is left out.

use super::Kind;
use super::Source;
use super::Way;
use super::applied;
use super::has_pods;
use super::variant;
use crate::discover::chart;
use crate::discover::chart::Chart;
use crate::discover::compose::is_compose;
use crate::discover::kustomization;
use crate::discover::kustomization::Kustomization;
use crate::discover::naming;
use crate::discover::script::Scripts;
use crate::discover::tree::Tree;
use crate::discover::tree::ends;
use crate::discover::tree::file_name;
use crate::discover::tree::parent;
use crate::discover::tree::shown;
use crate::event::Finding;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::manifest::read::parse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

/// A file of manifests.
struct Written {
    path: String,
    objects: Vec<Object>,
    wrong: Vec<Finding>,
}

pub(super) fn by_manifests(
    tree: &Tree,
    scripts: &Scripts,
    all: &[Kustomization],
    charts: &[Chart],
) -> Vec<Way> {
    let others = kustomization::files(all);
    let mut groups: BTreeMap<String, Vec<Written>> = BTreeMap::new();
    for (path, text) in &tree.texts {
        let skipped = others.contains(path)
            || chart::is_of(charts, path)
            || is_compose(file_name(path))
            || is_example(path);
        if skipped || !is_manifest(path, text) {
            continue;
        }
        let (objects, wrong) = parse(text, Path::new(path));
        groups.entry(group(parent(path))).or_default().push(Written { path: path.clone(), objects, wrong });
    }
    let mut merged: Vec<(String, Vec<Written>)> = Vec::new();
    for (folder, files) in groups {
        let ids: BTreeSet<ObjectId> = ids(&files);
        // `api/k8s` and `web/k8s` are two halves of one application, `k8s` and `old/k8s` are not.
        let half = merged.iter_mut().find(|(other, others)| {
            file_name(other) == file_name(&folder)
                && other.matches('/').count() == folder.matches('/').count()
                && self::ids(others).is_disjoint(&ids)
        });
        match half {
            Some((_, others)) => others.extend(files),
            None => merged.push((folder, files)),
        }
    }
    let ways = merged.into_iter().map(|(folder, files)| of_manifests(tree, scripts, &folder, files));
    ways.filter(|way| has_pods(&way.objects) || !way.broken.is_empty()).collect()
}

fn ids(files: &[Written]) -> BTreeSet<ObjectId> {
    files.iter().flat_map(|file| &file.objects).map(Object::id).collect()
}

fn of_manifests(tree: &Tree, scripts: &Scripts, folder: &str, mut files: Vec<Written>) -> Way {
    files.sort_by_key(|file| (variant(&file.path), file.path.matches('/').count(), file.path.clone()));
    let mut way = Way::new(String::new(), folder, Kind::Manifests);
    let mut known: BTreeMap<ObjectId, String> = BTreeMap::new();
    let mut kept: BTreeSet<String> = BTreeSet::new();
    for file in files {
        if let Some((id, first)) =
            file.objects.iter().find_map(|object| Some((object.id(), known.get(&object.id())?)))
        {
            way.left_out.push((file.path, format!("it defines {id} again, as `{first}` does")));
            continue;
        }
        known.extend(file.objects.iter().map(|object| (object.id(), file.path.clone())));
        way.objects.extend(file.objects);
        way.broken.extend(file.wrong);
        kept.insert(file.path);
    }
    let folders: BTreeSet<&str> = kept.iter().map(|path| parent(path)).collect();
    for folder in &folders {
        let readable = |path: &&str| ends(path, &["yaml", "yml", "json"]);
        let whole =
            !folder.is_empty() && tree.inside(folder).filter(readable).all(|path| kept.contains(path));
        if whole {
            way.sources.push(Source::Path((*folder).to_owned()));
        } else {
            let files = kept.iter().filter(|path| parent(path) == *folder);
            way.sources.extend(files.map(|path| Source::Path(path.clone())));
        }
    }
    let count = kept.len();
    let named: Vec<String> = match folders.len() {
        1..=2 => folders.iter().map(|folder| format!("`{}`", shown(folder))).collect(),
        _ => vec![format!("`{}`", shown(folder))],
    };
    way.title = match (&kept.iter().collect::<Vec<_>>()[..], count) {
        ([path], 1) => format!("the manifests in `{path}`"),
        _ => format!("the {count} manifests in {}", named.join(" and ")),
    };
    way.script = folders.iter().find_map(|folder| applied(scripts, folder).filter(|_| !folder.is_empty()));
    way.script = way.script.or_else(|| {
        scripts.applied.iter().find(|(path, _)| kept.contains(path)).map(|(_, place)| place.clone())
    });
    way.uses = naming::uses(&way.objects);
    way
}

/// `secret.example.yaml`, `values.template.yaml`: to be copied, not to be applied.
fn is_example(path: &str) -> bool {
    let name = file_name(path).to_lowercase();
    name.split(['.', '-', '_']).any(|word| matches!(word, "example" | "sample" | "template" | "tmpl"))
}

/// The groups of objects that are for other programs.
const FOREIGN: [&str; 7] = [
    "kustomize.config.k8s.io",
    "kind.x-k8s.io",
    "skaffold/",
    "kubeadm.k8s.io",
    "kubelet.config.k8s.io",
    "k3d.io/",
    "backstage.io/",
];

/// Whether a file says that it is for a cluster; what is for kind, kustomize or Skaffold has an apiVersion, too.
fn is_manifest(path: &str, text: &str) -> bool {
    let is_yaml = ends(path, &["yaml", "yml"]);
    let says = |word: &str| text.lines().any(|line| line.trim_start_matches('\u{feff}').starts_with(word));
    let named = if is_yaml {
        (says("apiVersion:") || says("\"apiVersion\"") || says("{\"apiVersion\"")) && text.contains("kind")
    } else {
        ends(path, &["json"]) && text.contains("\"apiVersion\"") && text.contains("\"kind\"")
    };
    let first = text.lines().find(|line| line.contains("apiVersion")).unwrap_or_default();
    let chart = matches!(file_name(path), "Chart.yaml" | "Chart.yml");
    named && !chart && !text.contains("{{") && !FOREIGN.iter().any(|foreign| first.contains(foreign))
}

/// The folder that a folder of manifests belongs to: `k8s` for `k8s/backend`.
fn group(folder: &str) -> String {
    const WORDS: [&str; 16] = [
        "k8s",
        "kubernetes",
        "kube",
        "manifests",
        "manifest",
        "deploy",
        "deployment",
        "deployments",
        "infra",
        "infrastructure",
        "ops",
        "devops",
        ".k8s",
        ".kube",
        ".deploy",
        "yaml",
    ];
    let parts: Vec<&str> = folder.split('/').collect();
    let Some(first) = parts.iter().position(|part| WORDS.contains(part)) else { return folder.to_owned() };
    let more = parts[first..].iter().take_while(|part| WORDS.contains(part)).count();
    parts[..first + more].join("/")
}
