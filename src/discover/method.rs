//! The ways in which a tree can be deployed: its charts, kustomizations, directories of manifests, compose files, and bare Dockerfiles.
//!
//! Side by side they are normal, and mostly they deploy the same thing. They are put into an order: what a script deploys
//! before what merely lies there, what this machine has the programs for before what it lacks them for.

mod charts;
mod halves;
mod hosts;
mod manifests;
#[cfg(test)]
mod tests;
mod written;

use super::chart;
use super::chart::Chart;
use super::compose::Compose;
use super::copies::lateness;
use super::dockerfile::FoundDockerfile;
use super::dockerfile::is_aside;
use super::evidence::Applied;
use super::evidence::Evidence;
use super::evidence::Provenance;
use super::evidence::Rank;
use super::kustomization;
use super::kustomization::Kustomization;
use super::naming;
use super::naming::Use;
use super::published::is_public;
use super::tree::Tree;
use super::tree::join;
use super::tree::shown;
use super::variant::distance;
use crate::event::Finding;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::pods;
use charts::by_charts;
use halves::join_halves;
pub(in crate::discover) use hosts::hosts;
pub(in crate::discover) use hosts::refers;
use manifests::by_manifests;
pub(in crate::discover) use manifests::is_deployment_word;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

/// What a way is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MethodKind {
    /// Helm charts.
    Charts,
    /// A kustomization.
    Kustomize,
    /// Plain manifests.
    Manifests,
    /// A compose file, from which manifests would be written.
    Compose,
    /// Dockerfiles alone, likewise.
    Dockerfiles,
}

/// An entry of `[[manifests]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `path`.
    Path(String),
    /// `kustomize`.
    Kustomize(String),
    /// `chart`, with `release`, `values` and `set`, and what the script gave it that is not here.
    Chart {
        /// The directory.
        chart: String,
        /// The release's name.
        release: String,
        /// The namespace that something installs it into.
        namespace: Option<String>,
        /// Values files.
        values: Vec<String>,
        /// `--set`.
        set: BTreeMap<String, String>,
        /// Values that are not for git: the path, and the variable that holds it, where one is known.
        set_env: BTreeMap<String, Option<String>>,
        /// What could not be taken over, in words.
        left: Vec<String>,
    },
}

/// A way to deploy the tree.
#[derive(Debug, Clone)]
pub struct Method {
    /// Its description.
    pub title: String,
    /// What `--from` calls it.
    pub path: String,
    /// Its parts.
    pub kind: MethodKind,
    /// What deploy.toml would name.
    pub sources: Vec<Source>,
    /// Its objects, those that are known without rendering.
    pub objects: Vec<Object>,
    /// The images it names.
    pub uses: Vec<Use>,
    /// What keeps it from being understood.
    pub broken: Vec<Finding>,
    /// Whether it is only copies of objects in a cluster, as `kubectl get -o yaml` prints them.
    pub dumped: bool,
    /// Files that were left out, and why.
    pub left_out: Vec<(String, String)>,
    /// What deploys it.
    pub provenance: Option<Provenance>,
    /// The namespaces that the commands name which deploy it.
    pub spaces: Vec<(String, Place)>,
    /// The namespace that it names itself.
    pub namespace: Option<(String, String)>,
    /// The prefix and suffix of the names of its objects.
    pub affix: (String, String),
}

/// What this machine has to render with.
#[derive(Debug, Clone, Copy)]
pub struct Programs {
    /// Helm.
    pub helm: bool,
    /// kustomize or kubectl.
    pub kustomize: bool,
}

/// All ways, the best first; and whether the first is better than the second by more than habit.
#[must_use]
pub fn all(
    tree: &Tree,
    evidence: &Evidence,
    composes: &[Compose],
    dockerfiles: &[FoundDockerfile],
    has: Programs,
) -> (Vec<Method>, bool) {
    let charts = chart::all(tree);
    let kustomizations = kustomization::all(tree);
    let mut methods = by_charts(tree, evidence, &charts);
    methods.extend(by_kustomize(tree, evidence, &kustomizations, &charts));
    methods.extend(by_manifests(tree, evidence, &kustomizations, &charts));
    join_halves(&mut methods);
    let runs = |method: &Method| method.kind != MethodKind::Manifests || has_pods(&method.objects);
    methods.retain(|method| runs(method) || !method.broken.is_empty());
    for compose in composes.iter().filter(|compose| !compose.services.is_empty() || !compose.wrong.is_empty())
    {
        let title = format!("manifests written after {}", compose.described());
        methods.push(Method {
            broken: compose.wrong.clone(),
            ..Method::new(title, &compose.path, MethodKind::Compose)
        });
    }
    let inside = dockerfiles.iter().filter(|dockerfile| !dockerfile.outside).count();
    if inside > 0 {
        let what = if inside == 1 { "the Dockerfile" } else { "the Dockerfiles" };
        methods.push(Method::new(format!("manifests written after {what}"), ".", MethodKind::Dockerfiles));
    }
    // Criteria that decide between methods; methods that are equal in all of them are ordered by convention.
    let decided = |method: &Method| {
        let written = method.kind < MethodKind::Compose;
        let lacks = match method.kind {
            MethodKind::Charts => !has.helm,
            MethodKind::Kustomize => !has.kustomize,
            _ => false,
        };
        (
            method.is_aside(),
            !written,
            !method.broken.is_empty(),
            method.dumped,
            lacks && has.helm != has.kustomize,
            inside > 0 && method.is_of_others(),
            method.provenance.as_ref().map_or(Rank::Aside, |provenance| standing(provenance, &method.path)),
            Reverse(lateness(&method.path)),
            method.provenance.as_ref().map_or(0, |provenance| provenance.distance),
        )
    };
    // Compose files have an order of their own: that of `docker compose`.
    let place = |method: &Method| match method.kind {
        MethodKind::Compose => composes.iter().position(|compose| compose.path == method.path).unwrap_or(0),
        _ => distance(&method.path),
    };
    methods.sort_by_key(|method| {
        let depth = if method.kind == MethodKind::Compose { 0 } else { method.path.matches('/').count() };
        let documents = Reverse(documents(evidence, method));
        (decided(method), method.kind, documents, depth, place(method), method.path.clone())
    });
    let clear = match &methods[..] {
        [first, others @ ..] => {
            let rival = |other: &Method| {
                decided(first) == decided(other)
                    && (first.kind != other.kind || distance(&first.path) == distance(&other.path))
            };
            first.kind >= MethodKind::Compose || !others.iter().any(rival)
        }
        [] => true,
    };
    (methods, clear)
}

/// Whether the README of the whole installs a chart of a way, and how many documents install one.
fn documents(evidence: &Evidence, method: &Method) -> (bool, usize) {
    let releases = evidence.releases.iter().filter(|release| {
        let ours = |source: &Source| matches!(source, Source::Chart { chart, .. } if *chart == release.chart);
        release.provenance.rank == Rank::Docs && method.sources.iter().any(ours)
    });
    let entries: BTreeSet<&Path> = releases.map(|release| release.provenance.entry.as_path()).collect();
    let readme = |entry: &&Path| entry.to_string_lossy().eq_ignore_ascii_case("README.md");
    (entries.iter().any(readme), entries.len())
}

/// The weight of a source that deploys a method. The README of a chart describes its use, not that it is the chosen
/// one.
fn standing(provenance: &Provenance, path: &str) -> Rank {
    let file = provenance.place.file.to_string_lossy().replace('\\', "/");
    let rank = provenance.standing().0;
    let own = path != "." && file.starts_with(&format!("{path}/"));
    if rank == Rank::Docs && own { Rank::Aside } else { rank }
}

impl Method {
    /// Whether all its images are published by others, so that nothing of this repository runs in it.
    #[must_use]
    pub(super) fn is_of_others(&self) -> bool {
        !self.uses.is_empty() && self.uses.iter().all(|image| is_public(&image.repository))
    }

    /// Whether it lies where tests, examples and documentation do, and no script deploys it.
    #[must_use]
    pub fn is_aside(&self) -> bool {
        is_aside(&join(&self.path, "x"))
            && self.provenance.as_ref().is_none_or(|provenance| provenance.rank > Rank::Script)
    }

    fn new(title: String, path: &str, kind: MethodKind) -> Method {
        Method {
            title,
            path: shown(path).to_owned(),
            kind,
            sources: Vec::new(),
            objects: Vec::new(),
            uses: Vec::new(),
            broken: Vec::new(),
            dumped: false,
            left_out: Vec::new(),
            provenance: None,
            spaces: Vec::new(),
            namespace: None,
            affix: (String::new(), String::new()),
        }
    }
}

fn by_kustomize(tree: &Tree, evidence: &Evidence, all: &[Kustomization], charts: &[Chart]) -> Vec<Method> {
    let applied = |folder: &str| -> Option<&Applied> {
        evidence.applied.iter().find(|item| {
            let whole = item.path == folder || item.path == join(folder, "kustomization.yaml");
            item.kustomize && whole && item.provenance.rank < Rank::Aside
        })
    };
    let tops = kustomization::tops(all, &|folder| applied(folder).is_some());
    let methods =
        tops.into_iter().filter(|item| !chart::is_of(charts, &join(&item.folder, "kustomization.yaml")));
    methods
        .map(|method| {
            let (objects, broken) = kustomization::objects(tree, all, &method.folder);
            let title = format!("the kustomization `{}`", shown(&method.folder));
            let applied = applied(&method.folder);
            Method {
                sources: vec![Source::Kustomize(method.folder.clone())],
                uses: naming::uses(&objects),
                objects,
                broken,
                provenance: applied.map(|item| item.provenance.clone()),
                spaces: applied
                    .and_then(|item| Some((item.namespace.clone()?, item.provenance.place.clone())))
                    .into_iter()
                    .collect(),
                namespace: method
                    .namespace
                    .clone()
                    .map(|name| (name, format!("`{}` names it", shown(&method.folder)))),
                affix: method.affix.clone(),
                ..Method::new(title, &method.folder, MethodKind::Kustomize)
            }
        })
        .filter(|method| !method.broken.is_empty() || has_pods(&method.objects))
        .collect()
}

fn has_pods(objects: &[Object]) -> bool {
    pods::all(objects).next().is_some()
}
