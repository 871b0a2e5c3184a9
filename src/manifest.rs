//! YAML → objects: the objects for the cluster, each with the places it is written at.
//!
//! Not typed: an object is the JSON that the API server will get, because a field that we do not know must survive.
//! The places stay with it to the end, so that a pod's failure can be reported with the line of a file.
//!
//! Read [`yaml`] for what a text means, [`read`] for where texts come from, [`pods`] for where pod specs are; then
//! [`bind`], [`follow`] and [`lint`], which are pure.

pub mod bind;
pub mod chart;
pub mod dump;
pub mod follow;
pub mod hook;
pub mod lint;
pub mod normal;
pub mod origins;
pub mod pods;
pub mod read;
pub mod render;
pub mod shared;
pub mod yaml;

mod given;
mod glob;
mod identity;
pub mod inputs;
mod kustomize;
mod quantity;
mod scalar;
mod template;
mod tree;
mod types;
mod values;
mod words;

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::manifest::shared::Shared;
use crate::project::Chart;
use crate::project::Source;
use crate::project::name::Namespace;
use crate::run::Run;
pub use health::ObjectId;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

/// What the sources come to.
#[derive(Debug, Default)]
pub struct LoadedManifests {
    /// The objects of every source.
    pub objects: Vec<Object>,
    /// What the charts among them make.
    pub releases: Vec<Release>,
    /// Worth knowing.
    pub warnings: Vec<Finding>,
}

/// A chart, rendered: which of the objects are its own, and what runs around them.
#[derive(Debug, Clone)]
pub struct Release {
    /// The rendered chart, and its release's name.
    pub chart: Chart,
    /// Its namespace.
    pub namespace: Namespace,
    /// The entry of deploy.toml.
    pub place: Place,
    /// Its objects, which stand among the others.
    pub members: BTreeSet<ObjectId>,
    /// Its hooks, which do not.
    pub hooks: Vec<hook::Hook>,
}

/// What could be read of the sources, and why not the rest.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What could be read; objects with a mistake of their own are left out.
    pub written: LoadedManifests,
    /// Their mistakes.
    pub mistakes: Vec<Finding>,
    /// The reason why some were not rendered that is not a mistake in them: a missing program.
    pub fault: Option<Fault>,
}

/// The objects of all sources: files as they are, kustomizations and charts rendered. All mistakes are reported at
/// once.
///
/// Places name files relative to `root`; `namespace` is what charts are rendered for, and where objects without one go.
pub async fn load(
    run: &Run,
    root: &Path,
    namespace: &Namespace,
    sources: &[Source],
) -> Result<LoadedManifests> {
    let Loaded { written, mistakes, fault } = load_all(run, root, namespace, sources).await?;
    match fault {
        Some(fault) => Err(fault.findings(mistakes)),
        None if mistakes.is_empty() => Ok(written),
        None => Err(Code::ProjectInvalid
            .fault(FaultKind::Usage, "the manifests cannot be read")
            .findings(mistakes)),
    }
}

/// As [`load`], with the readable objects in addition to the mistakes.
pub(crate) async fn load_all(
    run: &Run,
    root: &Path,
    namespace: &Namespace,
    sources: &[Source],
) -> Result<Loaded> {
    let (mut objects, mut mistakes) = read::load(root, sources);
    let rendered = render::render(run, root, namespace, sources).await?;
    objects.extend(rendered.objects);
    mistakes.extend(rendered.mistakes);
    objects.retain(|object| !mistakes.iter().any(|mistake| is_about(mistake, object)));
    add_namespaces(namespace, &rendered.releases, &mut objects);
    mistakes.extend(read::unite(&mut objects, Some(namespace)));
    let mut warnings = rendered.warnings;
    warnings.extend(values::warnings(root, sources));
    let written = LoadedManifests { objects, releases: rendered.releases, warnings };
    Ok(Loaded { written, mistakes, fault: rendered.fault })
}

/// Whether a mistake is one of this very object.
fn is_about(mistake: &Finding, object: &Object) -> bool {
    mistake.place.as_ref().is_some_and(|place| place.file == object.place.file)
        && mistake.subject.as_ref().is_some_and(|subject| *subject == object.id().to_string())
}

/// A namespace that deploy.toml gives to a release alone is made, too, unless some manifest makes it.
fn add_namespaces(namespace: &Namespace, releases: &[Release], objects: &mut Vec<Object>) {
    for release in releases.iter().filter(|release| release.namespace != *namespace) {
        let name = release.namespace.as_str();
        if !objects.iter().any(|object| object.kind() == "Namespace" && object.name() == name) {
            let made = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            objects.push(Object::made(made, release.place.clone()));
        }
    }
}

/// One object as written, normalised, and where. Debugging output names it and leaves its values out: it may be a Secret.
#[derive(Clone)]
pub struct Object {
    /// The JSON that is applied.
    pub value: Shared<Value>,
    /// Where the object begins.
    pub place: Place,
    /// Where its parts are written, by JSON pointer (RFC 6901).
    pub places: Shared<BTreeMap<String, Place>>,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} at {})", self.id(), self.place)
    }
}

impl Object {
    /// An object that we made ourselves, written at `place` of the project file.
    #[must_use]
    pub fn made(value: Value, place: Place) -> Object {
        Object { value: value.into(), place, places: Shared::default() }
    }

    /// Its apiVersion, or an empty text.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.value["apiVersion"].as_str().unwrap_or_default()
    }

    /// Its API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    /// Its kind, or an empty text.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    /// Its name, or an empty text.
    #[must_use]
    pub fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Its namespace, if it is written.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.value["metadata"]["namespace"].as_str()
    }

    /// What names it in the cluster.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        ObjectId {
            group: self.group().to_owned(),
            kind: self.kind().to_owned(),
            namespace: self.namespace().map(str::to_owned),
            name: self.name().to_owned(),
        }
    }

    /// Where the part at `pointer` is written: the nearest part around it that has a place.
    #[must_use]
    pub fn place_of(&self, pointer: &str) -> &Place {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return place;
            }
            match pointer.rfind('/') {
                Some(end) => pointer = &pointer[..end],
                None => return &self.place,
            }
        }
    }
}
