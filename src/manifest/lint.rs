//! Reports what will not work on minikube before anything is changed.
//!
//! Not the API server's validation, which speaks for itself, and not style: each rule here stands for a run that would
//! have ended minutes later with a message about something else. What may be in the cluster already is only warned of.

mod config;
mod host_path;
mod network;
mod standstill;
mod workload;

use crate::event::Finding;
use crate::manifest::Object;
use crate::manifest::pods::ConfigKind;
use crate::project::Project;
use crate::project::name::ImageName;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// How much of the project could be read: a rule that compares an object with something that is missing because it
/// could not be read would report false positives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Some objects, or a part of deploy.toml, could not be read: each object is judged by itself.
    Objects,
    /// All but the values of Secrets and ConfigMaps.
    Manifests,
    /// Everything.
    #[default]
    Everything,
}

/// Inputs of the rules in addition to the objects.
#[derive(Debug, Clone, Default)]
pub struct LintFacts {
    /// How much of the project is known.
    pub scope: Scope,
    /// Where objects without a namespace of their own go.
    pub namespace: String,
    /// The images that the project builds.
    pub images: BTreeSet<ImageName>,
    /// The build arguments that each of them is given.
    pub arguments: BTreeMap<ImageName, BTreeSet<String>>,
    /// The ConfigMaps and Secrets that are made from deploy.toml and are not among the objects.
    pub provided: Vec<Provided>,
    /// How the variables begin that the build of each of them takes up, so that they have no effect at run time.
    pub taken_up: BTreeMap<ImageName, BTreeSet<&'static str>>,
    /// The addons that deploy.toml asks for.
    pub addons: Vec<String>,
    /// CPUs of a node, if deploy.toml sets it.
    pub cpus: Option<u32>,
    /// Memory of a node in MiB, if deploy.toml sets it.
    pub memory_mib: Option<u64>,
    /// Whether the node is one of minikube's, and not this machine or another cluster.
    pub minikube: bool,
}

/// A ConfigMap or Secret by its keys alone: no rule needs a value.
#[derive(Debug, Clone)]
pub struct Provided {
    /// Which of the two.
    pub kind: ConfigKind,
    /// Its name.
    pub name: String,
    /// The keys that it will have.
    pub keys: BTreeSet<String>,
    /// The keys that it may have.
    pub optional: BTreeSet<String>,
}

impl LintFacts {
    /// The facts from deploy.toml. `files` gives the keys of each `[config.NAME]`'s file, by NAME.
    #[must_use]
    pub fn from_project<'a>(project: &Project, files: impl Fn(&str) -> Vec<&'a str>) -> LintFacts {
        let secrets = project.secrets.iter().map(|secret| Provided {
            kind: ConfigKind::Secret,
            name: secret.name.to_string(),
            keys: secret
                .keys
                .iter()
                .chain(secret.files.keys())
                .chain(secret.generate.keys())
                .map(ToString::to_string)
                .collect(),
            optional: secret.optional.iter().map(ToString::to_string).collect(),
        });
        let configs = project.configs.iter().map(|config| {
            let from_file = files(config.name.as_str()).into_iter().map(str::to_owned);
            Provided {
                kind: ConfigKind::ConfigMap,
                name: config.name.to_string(),
                keys: config.values.keys().map(ToString::to_string).chain(from_file).collect(),
                optional: BTreeSet::new(),
            }
        });
        LintFacts {
            scope: Scope::default(),
            namespace: project.namespace.to_string(),
            images: project.images.iter().map(|image| image.name.clone()).collect(),
            arguments: project
                .images
                .iter()
                .map(|image| (image.name.clone(), image.args.keys().cloned().collect()))
                .collect(),
            taken_up: BTreeMap::new(),
            provided: secrets.chain(configs).collect(),
            addons: project.minikube.addons.clone(),
            cpus: project.minikube.cpus,
            memory_mib: project.minikube.memory_mib,
            minikube: project.elsewhere.is_none() && project.minikube.driver.as_deref() != Some("none"),
        }
    }
}

type Rule = fn(&Set<'_>) -> Vec<Finding>;

/// The rules, and what has to be known for each.
const RULES: [(Scope, Rule); 20] = [
    (Scope::Objects, network::node_ports),
    (Scope::Manifests, network::selectors),
    (Scope::Objects, network::probes),
    (Scope::Manifests, network::addresses),
    (Scope::Manifests, network::ingresses),
    (Scope::Everything, config::references),
    (Scope::Objects, config::literals),
    (Scope::Objects, config::empties),
    (Scope::Manifests, config::of_builds),
    (Scope::Objects, workload::labels),
    (Scope::Objects, workload::mounts),
    (Scope::Manifests, workload::claims),
    (Scope::Manifests, workload::classes),
    (Scope::Objects, host_path::host_paths),
    (Scope::Objects, workload::writers),
    (Scope::Objects, workload::resources),
    (Scope::Manifests, workload::images),
    (Scope::Objects, standstill::gates),
    (Scope::Objects, standstill::paused),
    (Scope::Manifests, workload::autoscalers),
];

/// Everything that the rules find in `objects`, in the order of files and lines.
#[must_use]
pub fn lint(objects: &[Object], facts: &LintFacts) -> Vec<Finding> {
    let set = Set { objects, facts };
    let rules = RULES.iter().filter(|(needs, _)| *needs <= facts.scope);
    let mut found: Vec<Finding> = rules.flat_map(|(_, rule)| rule(&set)).collect();
    found.sort_by(|one, other| one.place.cmp(&other.place));
    found
}

/// The objects of a project, which the rules compare with one another.
struct Set<'a> {
    objects: &'a [Object],
    facts: &'a LintFacts,
}

impl<'a> Set<'a> {
    fn namespace<'o>(&self, object: &'o Object) -> &'o str
    where
        'a: 'o,
    {
        object.namespace().unwrap_or(&self.facts.namespace)
    }

    /// The objects of a kind of the core group.
    fn core(&self, kind: &'static str) -> impl Iterator<Item = &'a Object> + use<'a> {
        self.objects.iter().filter(move |object| object.group().is_empty() && object.kind() == kind)
    }

    fn find(&self, kind: &'static str, namespace: &str, name: &str) -> Option<&'a Object> {
        self.core(kind).find(|object| object.name() == name && self.namespace(object) == namespace)
    }
}

/// A finding about `object`, at the part of it that `pointer` names.
fn at(object: &Object, pointer: &str, finding: Finding) -> Finding {
    finding.about(object.id().to_string()).at(object.place_of(pointer).clone())
}

/// `a`, `b` and `c`, in backticks.
fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
