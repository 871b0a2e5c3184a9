//! Selects the containers whose logs are read: pods of ours by any name that refers to them, and of each pod the most
//! relevant container.
//!
//! Not by labels: a pod's owner references identify it (Pod → ReplicaSet → Deployment), so pods of an old revision
//! are found, too, and a foreign pod with our labels is not.

pub(crate) mod one;

use crate::manifest::ObjectId;
use crate::manifest::pods::selects;
use health::live;
use serde_json::Value;
use std::collections::BTreeMap;

/// The container that `kubectl` also selects, where a pod has several (kubectl: `pkg/cmd/util/podcmd`).
const DEFAULT: &str = "kubectl.kubernetes.io/default-container";

/// Owners above a pod; a chain that is longer is a circle.
const DEEP: usize = 8;

/// A container whose log is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container in it.
    pub container: String,
    /// Whether it is an init container.
    pub init: bool,
}

/// A name that matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown {
    /// The requested name.
    pub name: String,
    /// The possible names.
    pub known: Vec<String>,
}

/// The logs of the pods that belong to `ours` and to one of `names` (to all, if there are none): a pod's own name,
/// that of its owner, or that of a Service that selects it, as `web` or `deployment/web`.
///
/// `objects` are the pods, ReplicaSets, Jobs and Services of the cluster.
pub(crate) fn sources(
    ours: &[ObjectId],
    objects: &[Value],
    names: &[String],
    container: Option<&str>,
) -> Result<Vec<Source>, Unknown> {
    let families = families(ours, objects);
    for name in names {
        called(ours, &families, name)?;
    }
    let meant: Vec<&Family<'_>> = families
        .iter()
        .filter(|family| names.is_empty() || names.iter().any(|name| family.is_called(name)))
        .collect();
    let mut sources: Vec<Source> = meant.iter().filter_map(|family| source(family.pod, container)).collect();
    sources.sort();
    match container {
        Some(name) if sources.is_empty() && !meant.is_empty() => {
            let mut known: Vec<String> =
                meant.iter().flat_map(|family| all(family.pod)).map(|(name, _)| name.to_owned()).collect();
            known.sort();
            known.dedup();
            Err(Unknown { name: name.to_owned(), known })
        }
        _ => Ok(sources),
    }
}

/// The pods of `objects` that belong to `ours`.
fn families<'a>(ours: &[ObjectId], objects: &'a [Value]) -> Vec<Family<'a>> {
    let by_uid: BTreeMap<&str, &Value> = objects.iter().map(|object| (live::uid(object), object)).collect();
    objects
        .iter()
        .filter(|object| live::kind(object) == "Pod")
        .map(|pod| Family::from_pod(pod, &by_uid, objects))
        .filter(|family| family.is_of(ours))
        .collect()
}

/// The pods of `objects` that belong to `ours`.
pub(crate) fn pods<'a>(ours: &[ObjectId], objects: &'a [Value]) -> Vec<&'a Value> {
    families(ours, objects).into_iter().map(|family| family.pod).collect()
}

/// Whether something is called so.
fn called(ours: &[ObjectId], families: &[Family<'_>], name: &str) -> Result<(), Unknown> {
    let there = families.iter().any(|family| family.is_called(name));
    if there || ours.iter().any(|id| fits(name, &id.kind, &id.name)) {
        return Ok(());
    }
    let mut known: Vec<String> = ours
        .iter()
        .filter(|id| crate::cluster::phase::owns_pods(&id.group, &id.kind) || id.kind == "Service")
        .map(|id| id.name.clone())
        .collect();
    known.sort();
    known.dedup();
    Err(Unknown { name: name.to_owned(), known })
}

/// A pod and everything that it is called by: kinds and names.
struct Family<'a> {
    pod: &'a Value,
    owners: Vec<(&'a str, &'a str)>,
    services: Vec<&'a str>,
}

impl<'a> Family<'a> {
    fn from_pod(pod: &'a Value, by_uid: &BTreeMap<&str, &'a Value>, objects: &'a [Value]) -> Family<'a> {
        let mut owners = vec![("Pod", live::name(pod))];
        let mut child = pod;
        while let Some(owner) = live::controller(child).filter(|_| owners.len() < DEEP) {
            owners.push((live::text(owner, "/kind"), live::text(owner, "/name")));
            match by_uid.get(live::text(owner, "/uid")) {
                Some(object) => child = object,
                None => break,
            }
        }
        let labels = &pod["metadata"]["labels"];
        let services = objects.iter().filter(|object| {
            live::kind(object) == "Service"
                && live::namespace(object) == live::namespace(pod)
                && object["spec"]["selector"]
                    .as_object()
                    .is_some_and(|selector| !selector.is_empty() && selects(selector, labels))
        });
        Family { pod, owners, services: services.map(live::name).collect() }
    }

    fn is_of(&self, ours: &[ObjectId]) -> bool {
        ours.iter().any(|id| {
            id.namespace.as_deref() == Some(live::namespace(self.pod))
                && self.owners.iter().any(|(kind, name)| id.kind == *kind && id.name == *name)
        })
    }

    fn is_called(&self, asked: &str) -> bool {
        self.owners.iter().any(|(kind, name)| fits(asked, kind, name))
            || self.services.iter().any(|name| fits(asked, "Service", name))
    }
}

/// Whether `asked`, a name or `kind/name`, refers to this object.
pub(crate) fn fits(asked: &str, kind: &str, name: &str) -> bool {
    match asked.split_once('/') {
        Some((of_kind, asked)) => asked == name && of_kind.eq_ignore_ascii_case(kind),
        None => asked == name,
    }
}

/// Every container of a pod, and whether it is an init container.
fn all(pod: &Value) -> impl Iterator<Item = (&str, bool)> {
    let named = |pointer: &'static str, init: bool| {
        live::list(pod, pointer).iter().map(move |container| (live::text(container, "/name"), init))
    };
    named("/spec/containers", false)
        .chain(named("/spec/initContainers", true))
        .chain(named("/spec/ephemeralContainers", false))
}

fn source(pod: &Value, asked: Option<&str>) -> Option<Source> {
    let (container, init) = match asked {
        Some(asked) => all(pod).find(|(name, _)| *name == asked)?,
        None => telling(pod)?,
    };
    Some(Source {
        namespace: live::namespace(pod).to_owned(),
        pod: live::name(pod).to_owned(),
        container: container.to_owned(),
        init,
    })
}

/// The most relevant container: the init container that the pod waits for, the default container of the annotation,
/// one that keeps crashing, the first.
fn telling(pod: &Value) -> Option<(&str, bool)> {
    if !live::holds(pod, "Initialized") {
        let begun = live::list(pod, "/status/initContainerStatuses").iter().find(|status| {
            live::count(status, "/state/terminated/exitCode") != 0
                || status.pointer("/state/running").is_some()
                || live::count(status, "/restartCount") > 0
        });
        if let Some(status) = begun {
            return Some((live::text(status, "/name"), true));
        }
    }
    let declared = live::annotation(pod, DEFAULT);
    if !declared.is_empty() {
        return Some((declared, false));
    }
    let statuses = live::list(pod, "/status/containerStatuses");
    let ends = statuses.iter().find(|status| {
        !live::flag(status, "/ready")
            && (live::count(status, "/restartCount") > 0 || status.pointer("/state/terminated").is_some())
    });
    let first = || live::list(pod, "/spec/containers").first();
    ends.or_else(first).map(|container| (live::text(container, "/name"), false))
}

#[cfg(test)]
mod tests;
