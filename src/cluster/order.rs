//! The order that manifests declare, on top of the phases: `depends-on` and Argo CD's sync waves.
//!
//! Pure. An object is written when all its dependencies exist and are healthy. Nothing is moved before its phase, so
//! objects without a declared order stay where they were.

use crate::cluster::kind;
use crate::cluster::phase::Phase;
use crate::cluster::phase::phase;
use crate::cluster::refusal::annotation;
use crate::cluster::wire::ApiKind;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::pointer;
use crate::project::name::Namespace;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The dependencies of an object: `Kind/name` or `Kind.group/name`, or in the syntax of cli-utils
/// `group/namespaces/NAMESPACE/Kind/name` and `group/Kind/name`; several with commas between.
const DEPENDS: [&str; 2] = ["todo.dev/depends-on", "config.kubernetes.io/depends-on"];

/// A number; objects with a smaller one come first, and no annotation means 0.
const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// When an object is written: its phase or that of its last dependency, and its turn in that phase.
pub(crate) type Turn = (Phase, usize);

/// The order of a set.
#[derive(Debug, Default)]
pub(crate) struct Order {
    turns: BTreeMap<ObjectId, Turn>,
    needs: BTreeMap<ObjectId, BTreeSet<ObjectId>>,
}

impl Order {
    /// The order of objects as they are in the cluster or about to be written.
    pub(crate) fn from_objects<'a>(objects: impl IntoIterator<Item = (&'a ObjectId, &'a Value)>) -> Order {
        let objects: Vec<(&ObjectId, &Value)> = objects.into_iter().collect();
        let needs = needs(&objects);
        let dependencies = grounds(&objects);
        let mut turns =
            Turns { needs: &needs, grounds: &dependencies, known: BTreeMap::new(), path: Vec::new() };
        for (id, _) in &objects {
            turns.visit(id);
        }
        Order { turns: turns.known, needs }
    }

    /// When this object is written.
    pub(crate) fn turn(&self, id: &ObjectId) -> Turn {
        self.turns.get(id).copied().unwrap_or_else(|| (phase(&id.group, &id.kind), 0))
    }

    /// The objects that must be healthy before it is written.
    pub(crate) fn needs(&self, id: &ObjectId) -> impl Iterator<Item = &ObjectId> {
        self.needs.get(id).into_iter().flatten()
    }
}

/// Whether an object declares a dependency or wave.
pub(crate) fn is_ordered(object: &Value) -> bool {
    DEPENDS.iter().any(|name| annotation(object, name).is_some_and(|text| references(text).next().is_some()))
}

/// Every mistake in the order that a set declares.
#[must_use]
pub fn check_order(objects: &[Object], namespace: &Namespace) -> Vec<Finding> {
    let defined = kind::defined(objects);
    let ids: Vec<ObjectId> = objects
        .iter()
        .map(|object| {
            let mut id = object.id();
            let version = object.api_version().rsplit('/').next().unwrap_or_default();
            let known = kind::well_known(&id.group, version, &id.kind);
            let known = known.or_else(|| {
                let own = |kind: &&ApiKind| kind.resource.group == id.group && kind.resource.kind == id.kind;
                defined.iter().find(own).cloned()
            });
            let namespaced = known.is_none_or(|kind| kind.namespaced);
            id.namespace = namespaced.then(|| id.namespace.unwrap_or_else(|| namespace.to_string()));
            id
        })
        .collect();
    let set: Vec<(&ObjectId, &Value)> =
        ids.iter().zip(objects).map(|(id, object)| (id, &*object.value)).collect();
    let mut findings = Vec::new();
    for (id, object) in ids.iter().zip(objects) {
        findings.extend(misspelt(id, object, &ids));
    }
    let (needs, grounds) = (needs(&set), grounds(&set));
    let mut turns = Turns { needs: &needs, grounds: &grounds, known: BTreeMap::new(), path: Vec::new() };
    let mut reported: BTreeSet<BTreeSet<&ObjectId>> = BTreeSet::new();
    for id in &ids {
        let Some(cycle) = turns.visit(id) else { continue };
        let places: Vec<(&ObjectId, &Object)> =
            ids.iter().zip(objects).filter(|(id, _)| cycle.contains(*id)).collect();
        if reported.insert(places.iter().map(|(id, _)| *id).collect()) {
            findings.push(circle(&cycle, &places));
        }
    }
    findings
}

/// Annotations that are not a valid order.
fn misspelt(id: &ObjectId, object: &Object, ids: &[ObjectId]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let about = |name: &str, message: String| {
        Code::DependsOnInvalid.error(message).about(object.id().to_string()).at(written(object, name))
    };
    for (name, text) in DEPENDS.iter().filter_map(|name| Some((*name, annotation(&object.value, name)?))) {
        for one in references(text) {
            match Reference::parse(one) {
                None => findings.push(
                    about(name, format!("`{one}` in `{name}` is not an object reference"))
                        .help("write `Kind/name`"),
                ),
                Some(reference) if !ids.iter().any(|other| reference.means(id, other)) => findings.push(
                    about(name, format!("it depends on `{one}`, which no manifest of the project has"))
                        .help("correct the name, or add the manifest"),
                ),
                Some(_) => {}
            }
        }
    }
    if let Some(text) = annotation(&object.value, WAVE).filter(|text| text.trim().parse::<i64>().is_err()) {
        findings
            .push(about(WAVE, format!("`{text}` in `{WAVE}` is not a number")).help("write a whole number"));
    }
    findings
}

fn circle(cycle: &[ObjectId], places: &[(&ObjectId, &Object)]) -> Finding {
    let names: Vec<String> = cycle.iter().chain(cycle.first()).map(ToString::to_string).collect();
    let at =
        |id: &ObjectId| places.iter().find(|(other, _)| *other == id).map(|(_, object)| order_of(object));
    let mut finding = Code::DependsOnCycle
        .error(format!("they depend on one another: {}", names.join(" → ")))
        .evidence(cycle.iter().filter_map(|id| Some(format!("{id} at {}", at(id)?))))
        .help("remove one of these dependencies");
    if let Some(first) = cycle.first() {
        finding = finding.about(first.to_string());
        if let Some(place) = at(first) {
            finding = finding.at(place);
        }
    }
    finding
}

/// The declared position of an object.
fn order_of(object: &Object) -> Place {
    let annotation_name =
        DEPENDS.iter().chain([&WAVE]).find(|name| annotation(&object.value, name).is_some());
    annotation_name.map_or_else(|| object.place.clone(), |name| written(object, name))
}

fn written(object: &Object, annotation: &str) -> Place {
    object.place_of(&pointer::annotation(annotation)).clone()
}

/// The dependencies of each object.
fn needs(objects: &[(&ObjectId, &Value)]) -> BTreeMap<ObjectId, BTreeSet<ObjectId>> {
    let wave = |object: &Value| -> i64 {
        annotation(object, WAVE).and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    };
    // A webhook waits for its pods, whatever its wave: nothing waits for it.
    let waves: BTreeMap<i64, Vec<&ObjectId>> = objects
        .iter()
        .filter(|(id, _)| phase(&id.group, &id.kind) != Phase::Admission)
        .fold(BTreeMap::new(), |mut waves, (id, object)| {
            waves.entry(wave(object)).or_default().push(id);
            waves
        });
    let mut all = BTreeMap::new();
    for (id, object) in objects {
        let mut needs: BTreeSet<ObjectId> = waves
            .range(..wave(object))
            .flat_map(|(_, before)| before.iter().map(|id| (*id).clone()))
            .collect();
        let texts = DEPENDS.iter().filter_map(|name| annotation(object, name));
        for reference in texts.flat_map(references).filter_map(Reference::parse) {
            let meant = objects.iter().map(|(other, _)| *other).filter(|other| reference.means(id, other));
            needs.extend(meant.cloned());
        }
        if !needs.is_empty() {
            all.insert((*id).clone(), needs);
        }
    }
    all
}

/// The CRD or namespace of an object, where the set has it: never after the object.
fn grounds(objects: &[(&ObjectId, &Value)]) -> BTreeMap<ObjectId, BTreeSet<ObjectId>> {
    let gives = |ground: &Value, id: &ObjectId| match ground["kind"].as_str() {
        Some("Namespace") => {
            id.namespace.is_some() && ground["metadata"]["name"].as_str() == id.namespace.as_deref()
        }
        Some("CustomResourceDefinition") => {
            ground["spec"]["group"] == id.group.as_str()
                && ground["spec"]["names"]["kind"] == id.kind.as_str()
        }
        _ => false,
    };
    let grounds: Vec<&(&ObjectId, &Value)> =
        objects.iter().filter(|(id, _)| phase(&id.group, &id.kind) == Phase::Prerequisites).collect();
    let mut all = BTreeMap::new();
    for (id, _) in objects {
        let found: BTreeSet<ObjectId> = grounds
            .iter()
            .filter(|(_, ground)| gives(ground, id))
            .map(|(ground, _)| (*ground).clone())
            .collect();
        if !found.is_empty() {
            all.insert((*id).clone(), found);
        }
    }
    all
}

/// The traversal from each object to its dependencies.
struct Turns<'a> {
    needs: &'a BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    grounds: &'a BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    known: BTreeMap<ObjectId, Turn>,
    path: Vec<ObjectId>,
}

impl Turns<'_> {
    /// Determines the turn of an object; or, if it depends on itself, the cycle of objects. A cycle is cut where it
    /// closes.
    fn visit(&mut self, id: &ObjectId) -> Option<Vec<ObjectId>> {
        if self.known.contains_key(id) {
            return None;
        }
        if let Some(at) = self.path.iter().position(|other| other == id) {
            return Some(self.path[at..].to_vec());
        }
        self.path.push(id.clone());
        let mut turn = (phase(&id.group, &id.kind), 0);
        let mut cycle = None;
        let (needs, grounds) = (self.needs, self.grounds);
        for before in [needs, grounds].iter().filter_map(|of| of.get(id)).flatten() {
            cycle = cycle.or(self.visit(before));
            if let Some((phase, place)) = self.known.get(before) {
                turn = turn.max((*phase, place + 1));
            }
        }
        self.path.pop();
        self.known.insert(id.clone(), turn);
        cycle
    }
}

fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// An object as an annotation names it.
#[derive(Debug, PartialEq, Eq)]
struct Reference<'a> {
    group: Option<&'a str>,
    namespace: Option<&'a str>,
    kind: &'a str,
    name: &'a str,
}

impl<'a> Reference<'a> {
    fn parse(text: &'a str) -> Option<Reference<'a>> {
        let parts: Vec<&str> = text.split('/').collect();
        let (group, namespace, kind, name) = match parts.as_slice() {
            [kind, name] => match kind.split_once('.') {
                Some((kind, group)) => (Some(group), None, kind, *name),
                None => (None, None, *kind, *name),
            },
            [group, kind, name] => (Some(*group), None, *kind, *name),
            [group, "namespaces", namespace, kind, name] => (Some(*group), Some(*namespace), *kind, *name),
            _ => return None,
        };
        let whole = !kind.is_empty() && !name.is_empty() && namespace != Some("");
        whole.then_some(Reference { group, namespace, kind, name })
    }

    /// Whether `from`, a declared dependency, refers to `other`.
    fn means(&self, from: &ObjectId, other: &ObjectId) -> bool {
        let home = self.namespace.or(from.namespace.as_deref());
        self.name == other.name
            && self.kind.eq_ignore_ascii_case(&other.kind)
            && self.group.is_none_or(|group| group == other.group)
            && (other.namespace.is_none() || home.is_none() || other.namespace.as_deref() == home)
    }
}

#[cfg(test)]
mod tests;
