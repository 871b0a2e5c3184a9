//! The ways in which a tree can be deployed: its charts, kustomizations, folders of manifests, compose files, and bare Dockerfiles.
//!
//! Side by side they are normal, and mostly they deploy the same thing. They are put into an order: what a script deploys
//! before what merely lies there, what this machine has the programs for before what it lacks them for.

mod charts;
mod hosts;
mod manifests;
mod written;

use super::chart;
use super::chart::Chart;
use super::compose::Compose;
use super::copies::copy_of;
use super::copies::lateness;
use super::dockerfile::Found;
use super::dockerfile::is_aside;
use super::evidence::Applied;
use super::evidence::Evidence;
use super::evidence::Rank;
use super::evidence::Said;
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
pub(in crate::discover) use hosts::hosts;
pub(in crate::discover) use hosts::refers;
use manifests::by_manifests;
pub(in crate::discover) use manifests::is_deployment_word;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What a way is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
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
        /// The folder.
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
pub struct Way {
    /// What it is, in words.
    pub title: String,
    /// What `--from` calls it.
    pub path: String,
    /// What it is made of.
    pub kind: Kind,
    /// What deploy.toml would name.
    pub sources: Vec<Source>,
    /// Its objects, as far as they can be known without rendering.
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
    pub said: Option<Said>,
    /// The namespaces that the commands name which deploy it.
    pub spaces: Vec<(String, Place)>,
    /// The namespace that it names itself.
    pub namespace: Option<(String, String)>,
    /// What is put around the names of its objects.
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
    dockerfiles: &[Found],
    has: Programs,
) -> (Vec<Way>, bool) {
    let charts = chart::all(tree);
    let kustomizations = kustomization::all(tree);
    let mut ways = by_charts(tree, evidence, &charts);
    ways.extend(by_kustomize(tree, evidence, &kustomizations, &charts));
    ways.extend(by_manifests(tree, evidence, &kustomizations, &charts));
    join_halves(&mut ways);
    for compose in composes.iter().filter(|compose| !compose.services.is_empty() || !compose.wrong.is_empty())
    {
        let title = format!("manifests written after {}", compose.described());
        ways.push(Way { broken: compose.wrong.clone(), ..Way::new(title, &compose.path, Kind::Compose) });
    }
    let inside = dockerfiles.iter().filter(|one| !one.outside).count();
    if inside > 0 {
        let what = if inside == 1 { "the Dockerfile" } else { "the Dockerfiles" };
        ways.push(Way::new(format!("manifests written after {what}"), ".", Kind::Dockerfiles));
    }
    // What decides between ways; what is equal in all of it is preferred by habit alone.
    let decided = |way: &Way| {
        let written = way.kind < Kind::Compose;
        let lacks = match way.kind {
            Kind::Charts => !has.helm,
            Kind::Kustomize => !has.kustomize,
            _ => false,
        };
        (
            way.is_aside(),
            !written,
            !way.broken.is_empty(),
            way.dumped,
            lacks && has.helm != has.kustomize,
            inside > 0 && way.is_of_others(),
            way.said.as_ref().map_or(Rank::Aside, |said| standing(said, &way.path)),
            Reverse(lateness(&way.path)),
            way.said.as_ref().map_or(0, |said| said.distance),
        )
    };
    // Compose files have an order of their own: that of `docker compose`.
    let place = |way: &Way| match way.kind {
        Kind::Compose => composes.iter().position(|compose| compose.path == way.path).unwrap_or(0),
        _ => distance(&way.path),
    };
    ways.sort_by_key(|way| {
        let depth = if way.kind == Kind::Compose { 0 } else { way.path.matches('/').count() };
        (decided(way), way.kind, depth, place(way), way.path.clone())
    });
    let clear = match &ways[..] {
        [first, others @ ..] => {
            let rival = |other: &Way| {
                decided(first) == decided(other)
                    && (first.kind != other.kind || distance(&first.path) == distance(&other.path))
            };
            first.kind >= Kind::Compose || !others.iter().any(rival)
        }
        [] => true,
    };
    (ways, clear)
}

/// How much it counts what deploys a way. The README of a chart says how that is deployed, not that it is the one.
fn standing(said: &Said, path: &str) -> Rank {
    let file = said.place.file.to_string_lossy().replace('\\', "/");
    let rank = said.standing().0;
    let own = path != "." && file.starts_with(&format!("{path}/"));
    if rank == Rank::Docs && own { Rank::Aside } else { rank }
}

/// What one file deploys in several ways is one way: a chart, and manifests beside it that name other images.
fn join_halves(ways: &mut Vec<Way>) {
    let mut at = 0;
    while at < ways.len() {
        let half = (0..at).find(|other| {
            let (one, two) = (&ways[*other], &ways[at]);
            let same = one
                .said
                .as_ref()
                .zip(two.said.as_ref())
                .is_some_and(|(one, two)| one.entry == two.entry && one.rank == two.rank);
            let shared = |image: &Use| one.uses.iter().any(|known| known.repository == image.repository);
            let objects =
                |way: &Way| way.objects.iter().map(Object::id).collect::<std::collections::BTreeSet<_>>();
            same && copy_of(&one.path) == copy_of(&two.path)
                && one.broken.is_empty()
                && two.broken.is_empty()
                && !two.uses.iter().any(shared)
                && objects(one).is_disjoint(&objects(two))
        });
        let Some(other) = half else {
            at += 1;
            continue;
        };
        let two = ways.remove(at);
        let one = &mut ways[other];
        one.title = format!("{} and {}", one.title, two.title);
        one.sources.extend(two.sources);
        one.objects.extend(two.objects);
        one.uses.extend(two.uses);
        one.left_out.extend(two.left_out);
        one.spaces.extend(two.spaces);
    }
}

impl Way {
    /// Whether all its images are published by others, so that nothing of this repository runs in it.
    #[must_use]
    pub(super) fn is_of_others(&self) -> bool {
        !self.uses.is_empty() && self.uses.iter().all(|image| is_public(&image.repository))
    }

    /// Whether it lies where tests, examples and documentation do, and no script deploys it.
    #[must_use]
    pub fn is_aside(&self) -> bool {
        is_aside(&join(&self.path, "x")) && self.said.as_ref().is_none_or(|said| said.rank > Rank::Script)
    }

    fn new(title: String, path: &str, kind: Kind) -> Way {
        Way {
            title,
            path: shown(path).to_owned(),
            kind,
            sources: Vec::new(),
            objects: Vec::new(),
            uses: Vec::new(),
            broken: Vec::new(),
            dumped: false,
            left_out: Vec::new(),
            said: None,
            spaces: Vec::new(),
            namespace: None,
            affix: (String::new(), String::new()),
        }
    }
}

fn by_kustomize(tree: &Tree, evidence: &Evidence, all: &[Kustomization], charts: &[Chart]) -> Vec<Way> {
    let applied = |folder: &str| -> Option<&Applied> {
        evidence.applied.iter().find(|one| {
            let whole = one.path == folder || one.path == join(folder, "kustomization.yaml");
            one.kustomize && whole && one.said.rank < Rank::Aside
        })
    };
    let tops = kustomization::tops(all, &|folder| applied(folder).is_some());
    let ways = tops.into_iter().filter(|one| !chart::is_of(charts, &join(&one.folder, "kustomization.yaml")));
    ways.map(|one| {
        let (objects, broken) = kustomization::objects(tree, all, &one.folder);
        let title = format!("the kustomization `{}`", shown(&one.folder));
        let applied = applied(&one.folder);
        Way {
            sources: vec![Source::Kustomize(one.folder.clone())],
            uses: naming::uses(&objects),
            objects,
            broken,
            said: applied.map(|one| one.said.clone()),
            spaces: applied
                .and_then(|one| Some((one.namespace.clone()?, one.said.place.clone())))
                .into_iter()
                .collect(),
            namespace: one.namespace.clone().map(|name| (name, format!("`{}` names it", shown(&one.folder)))),
            affix: one.affix.clone(),
            ..Way::new(title, &one.folder, Kind::Kustomize)
        }
    })
    .filter(|way| !way.broken.is_empty() || has_pods(&way.objects))
    .collect()
}

fn has_pods(objects: &[Object]) -> bool {
    pods::all(objects).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::Programs;
    use super::Source;
    use super::Way;
    use super::all;
    use crate::discover::dockerfile;
    use crate::discover::readers;
    use crate::discover::tree::Tree;

    const HAS: Programs = Programs { helm: true, kustomize: true };

    fn pod(name: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: {name}}}]}}\n"
        )
    }

    fn ways(files: &[(&str, &str)]) -> (Vec<Way>, bool) {
        let tree = Tree::from_texts("shop", files);
        all(&tree, &readers::read(&tree), &[], &dockerfile::all(&tree), HAS)
    }

    fn titles(files: &[(&str, &str)]) -> Vec<String> {
        ways(files).0.into_iter().map(|way| way.title).collect()
    }

    #[test]
    fn what_a_script_deploys_goes_first() {
        let pod = pod("a");
        let files =
            [("helm/app/Chart.yaml", "name: app"), ("k8s/a.yaml", pod.as_str()), ("Dockerfile", "FROM a")];
        let both = titles(&files);
        assert_eq!(
            both,
            [
                "the chart `helm/app`",
                "the manifests in `k8s/a.yaml`",
                "manifests written after the Dockerfile"
            ]
        );
        assert!(!ways(&files).1, "two that nothing tells apart are a question");
        let scripted = [&files[..], &[("deploy.sh", "kubectl apply -f k8s/")]].concat();
        assert_eq!(titles(&scripted)[0], "the manifests in `k8s/a.yaml`");
        assert!(ways(&scripted).1);
    }

    #[test]
    fn halves_are_one_way_and_what_is_defined_again_is_left_out() {
        let (a, b) = (pod("a"), pod("b"));
        let halves = ways(&[("api/k8s/a.yaml", &a), ("web/k8s/b.yaml", &b)]).0;
        assert_eq!(halves.len(), 1);
        assert_eq!(halves[0].sources, [Source::Path("api/k8s".into()), Source::Path("web/k8s".into())]);
        let again = &ways(&[("k8s/dev/a.yaml", &a), ("k8s/prod/a.yaml", &a), ("k8s/b.yaml", &b)]).0[0];
        assert_eq!(again.sources, [Source::Path("k8s".into()), Source::Path("k8s/dev".into())]);
        assert_eq!(again.left_out[0].0, "`k8s/prod` (1 file)");
    }

    #[test]
    fn a_namespace_that_two_files_make_is_no_reason_to_leave_one_out() {
        let space = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";
        let (a, b) = (format!("{space}{}", pod("a")), format!("{space}{}", pod("b")));
        let way = &ways(&[("k8s/a.yaml", &a), ("k8s/b.yaml", &b)]).0[0];
        assert_eq!((way.sources.as_slice(), way.objects.len()), (&[Source::Path("k8s".into())][..], 3));
        assert!(way.left_out.is_empty());
    }

    #[test]
    fn of_a_folder_that_a_command_applies_nothing_is_left_out_that_is_there_once() {
        let space = |label: &str| {
            format!(
                "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{a: {label}}}}}\n---\n"
            )
        };
        let (a, b) = (format!("{}{}", space("one"), pod("a")), format!("{}{}", space("two"), pod("b")));
        let files = [("k8s/a.yaml", a.as_str()), ("k8s/b.yaml", &b)];
        let left = |more: &[(&str, &str)]| ways(&[&files[..], more].concat()).0[0].left_out.len();
        assert_eq!(left(&[]), 1);
        assert_eq!(left(&[("up.sh", "kubectl apply -f k8s/\n")]), 0);
        let copy = [("k8s/c.yaml", a.as_str()), ("up.sh", "kubectl apply -f k8s/\n")];
        assert_eq!(left(&copy), 1, "what has nothing of its own is not needed");
    }

    #[test]
    fn a_folder_with_other_files_is_named_by_its_manifests() {
        let a = pod("a");
        let way = &ways(&[
            ("k8s/a.yaml", &a),
            ("k8s/kind.yaml", "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"),
        ])
        .0[0];
        assert_eq!(way.sources, [Source::Path("k8s/a.yaml".into())]);
    }
}
