//! The ways in which a tree can be deployed: its charts, kustomizations, folders of manifests, compose files, and bare Dockerfiles.
//!
//! Side by side they are normal, and mostly they deploy the same thing. They are put into an order: what a script deploys
//! before what merely lies there, what this machine has the programs for before what it lacks them for.

mod charts;
mod manifests;

use super::chart;
use super::chart::Chart;
use super::compose::Compose;
use super::dockerfile::Found;
use super::dockerfile::is_aside;
use super::kustomization;
use super::kustomization::Kustomization;
use super::naming;
use super::naming::Use;
use super::script::Scripts;
use super::tree::Tree;
use super::tree::join;
use super::tree::shown;
use crate::event::Finding;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::pods;
use charts::by_charts;
use manifests::by_manifests;
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
        /// Values files.
        values: Vec<String>,
        /// `--set`.
        set: BTreeMap<String, String>,
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
    /// Files that were left out, and why.
    pub left_out: Vec<(String, String)>,
    /// The script that deploys it.
    pub script: Option<Place>,
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
    scripts: &Scripts,
    composes: &[Compose],
    dockerfiles: &[Found],
    has: Programs,
) -> (Vec<Way>, bool) {
    let charts = chart::all(tree);
    let kustomizations = kustomization::all(tree);
    let mut ways = by_charts(tree, scripts, &charts);
    ways.extend(by_kustomize(tree, scripts, &kustomizations, &charts));
    ways.extend(by_manifests(tree, scripts, &kustomizations, &charts));
    for compose in composes.iter().filter(|compose| !compose.services.is_empty() || !compose.wrong.is_empty())
    {
        let title = format!("manifests written after `{}`", compose.path);
        ways.push(Way { broken: compose.wrong.clone(), ..Way::new(title, &compose.path, Kind::Compose) });
    }
    let inside = dockerfiles.iter().filter(|one| !one.outside).count();
    if inside > 0 {
        let what = if inside == 1 { "the Dockerfile" } else { "the Dockerfiles" };
        ways.push(Way::new(format!("manifests written after {what}"), ".", Kind::Dockerfiles));
    }
    let decided = |way: &Way| {
        let written = way.kind < Kind::Compose;
        let lacks = match way.kind {
            Kind::Charts => !has.helm,
            Kind::Kustomize => !has.kustomize,
            _ => false,
        };
        (
            !written,
            is_aside(&join(&way.path, "x")),
            lacks && has.helm != has.kustomize,
            way.script.is_none(),
            Reverse(phase(&way.path)),
        )
    };
    ways.sort_by_key(|way| {
        (decided(way), way.kind, way.path.matches('/').count(), variant(&way.path), way.path.clone())
    });
    let clear = match &ways[..] {
        [first, others @ ..] => {
            let rival = |other: &Way| {
                decided(first) == decided(other)
                    && (first.kind != other.kind || variant(&first.path) == variant(&other.path))
            };
            first.kind >= Kind::Compose || !others.iter().any(rival)
        }
        [] => true,
    };
    (ways, clear)
}

impl Way {
    fn new(title: String, path: &str, kind: Kind) -> Way {
        Way {
            title,
            path: shown(path).to_owned(),
            kind,
            sources: Vec::new(),
            objects: Vec::new(),
            uses: Vec::new(),
            broken: Vec::new(),
            left_out: Vec::new(),
            script: None,
            namespace: None,
            affix: (String::new(), String::new()),
        }
    }
}

/// `phase-4` → 4: the later one is the one that is worked on.
fn phase(path: &str) -> u32 {
    let folders = path.split('/').filter_map(|part| {
        let rest = part.to_lowercase();
        let rest = rest
            .strip_prefix("phase")
            .or_else(|| rest.strip_prefix("step"))?
            .trim_start_matches(['-', '_'])
            .to_owned();
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
    });
    folders.max().unwrap_or(0)
}

/// How far the words of a path are from this machine: `local` is nearest, `prod` farthest.
fn variant(path: &str) -> usize {
    const WORDS: [&str; 10] =
        ["local", "minikube", "dev", "development", "", "kind", "test", "staging", "prod", "production"];
    let words = path.split(['/', '.', '-', '_']);
    words
        .filter_map(|word| WORDS.iter().position(|known| *known == word))
        .filter(|at| *at != 4)
        .max()
        .unwrap_or(4)
}

fn by_kustomize(tree: &Tree, scripts: &Scripts, all: &[Kustomization], charts: &[Chart]) -> Vec<Way> {
    let tops = kustomization::tops(all);
    let ways = tops.into_iter().filter(|one| !chart::is_of(charts, &join(&one.folder, "kustomization.yaml")));
    ways.map(|one| {
        let (objects, broken) = kustomization::objects(tree, all, &one.folder);
        let title = format!("the kustomization `{}`", shown(&one.folder));
        Way {
            sources: vec![Source::Kustomize(one.folder.clone())],
            uses: naming::uses(&objects),
            objects,
            broken,
            script: applied(scripts, &one.folder),
            namespace: one.namespace.clone().map(|name| (name, format!("`{}` names it", shown(&one.folder)))),
            affix: one.affix.clone(),
            ..Way::new(title, &one.folder, Kind::Kustomize)
        }
    })
    .filter(|way| !way.broken.is_empty() || has_pods(&way.objects))
    .collect()
}

fn applied(scripts: &Scripts, folder: &str) -> Option<Place> {
    let inside =
        |path: &str| path == folder || (!folder.is_empty() && path.starts_with(&format!("{folder}/")));
    scripts.applied.iter().find(|(path, _)| inside(path)).map(|(_, place)| place.clone())
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
    use crate::discover::script;
    use crate::discover::tree::Tree;

    const HAS: Programs = Programs { helm: true, kustomize: true };

    fn pod(name: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: {name}}}]}}\n"
        )
    }

    fn ways(files: &[(&str, &str)]) -> (Vec<Way>, bool) {
        let tree = Tree::of("shop", files);
        all(&tree, &script::read(&tree), &[], &dockerfile::all(&tree), HAS)
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
        assert_eq!(again.left_out[0].0, "k8s/prod/a.yaml");
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
