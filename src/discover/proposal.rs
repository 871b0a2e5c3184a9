//! The contents of the proposed deploy.toml, each part with its reason.

use super::compose::Compose;
use super::dockerfile::FoundDockerfile;
use super::evidence::Evidence;
use super::keys::EnvFile;
use super::method::Method;
use super::method::Source;
use super::naming::Doubt;
use super::opened::Opened;
use super::tree::Tree;
use super::tree::join;
use crate::event::Finding;
use crate::event::Place;
use crate::project::BuildSecret;
use crate::project::name::ImageName;
use std::collections::BTreeMap;

/// What a tree holds.
#[derive(Debug)]
pub struct Survey {
    /// The tree.
    pub tree: Tree,
    /// Its Dockerfiles.
    pub dockerfiles: Vec<FoundDockerfile>,
    /// Its compose files.
    pub composes: Vec<Compose>,
    /// The statements about its deployment.
    pub evidence: Evidence,
    /// Its `.env` files.
    pub env_files: Vec<EnvFile>,
    /// The ways to deploy it, the best first.
    pub methods: Vec<Method>,
    /// Whether the first is better than the second by more than habit.
    pub clear: bool,
    /// The manifests outside of charts that something has to fill in first.
    pub templates: Vec<String>,
}

/// `[image.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The name.
    pub name: String,
    /// The context.
    pub context: String,
    /// The Dockerfile.
    pub dockerfile: String,
    /// The stage.
    pub target: Option<String>,
    /// The arguments.
    pub args: BTreeMap<String, String>,
    /// The secrets that the build reads, by id.
    pub secrets: BTreeMap<String, BuildSecret>,
    /// Why, a sentence each.
    pub why: Vec<String>,
}

/// `[secret.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secret {
    /// The name.
    pub name: String,
    /// The file that its values come from.
    pub env_file: Option<String>,
    /// Whether the environment may give them, too.
    pub from_env: bool,
    /// The required keys.
    pub keys: Vec<String>,
    /// What may be absent.
    pub optional: Vec<String>,
    /// The keys with random values.
    pub generate: Vec<String>,
    /// Its keys whose values are files.
    pub files: BTreeMap<String, String>,
    /// Whether it is for a person to fill in, and stands there as a comment until then.
    pub blank: bool,
    /// Why.
    pub why: String,
}

/// `[config.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The name.
    pub name: String,
    /// Its values: those of an example where there is one, else empty.
    pub values: BTreeMap<String, String>,
    /// The keys without a known value.
    pub open: Vec<String>,
    /// The file of lines that its values come from.
    pub file: Option<String>,
    /// Whether it is for a person to fill in, and stands there as a comment until then.
    pub blank: bool,
    /// Why.
    pub why: String,
}

/// The contents of the proposed deploy.toml.
#[derive(Debug, Clone, Default)]
pub struct Proposal {
    /// `namespace`, and why.
    pub namespace: Option<(String, String)>,
    /// The flags with which a script starts minikube.
    pub start: Option<(Vec<String>, Place)>,
    /// The addons that are enabled, and where.
    pub addons: Vec<(String, Place)>,
    /// The images.
    pub images: Vec<Image>,
    /// Images that are built once the manifests name them.
    pub later: Vec<Image>,
    /// Dockerfiles of nothing that is deployed.
    pub unused: Vec<String>,
    /// The sources.
    pub sources: Vec<Source>,
    /// Why these.
    pub why_sources: String,
    /// Alternatives: the argument of `--from`, and a description.
    pub instead: Vec<(String, String)>,
    /// The Secrets.
    pub secrets: Vec<Secret>,
    /// The ConfigMaps.
    pub configs: Vec<Config>,
    /// The Service to open.
    pub opened: Option<Opened>,
    /// The port of localhost at which it is promised, and where that stands.
    pub promised: Option<(u16, Place)>,
    /// Manifests to be written.
    pub files: Vec<(String, String)>,
    /// Notes, and what to do about them.
    pub notes: Vec<(String, String)>,
    /// Statements that are not taken over, and what to do about them.
    pub besides: Vec<(String, String)>,
    /// Steps before the first `todo up`, in short form.
    pub first: Vec<String>,
    /// What a person could settle.
    pub doubts: Vec<Doubt>,
    /// Why nothing can be written.
    pub wrong: Vec<Finding>,
}

/// A repository as `[image.NAME]` may have it.
#[must_use]
pub fn image_name(repository: &str) -> Option<String> {
    let name = ["docker.io/library/", "docker.io/", "index.docker.io/", "localhost/"]
        .iter()
        .find_map(|host| repository.strip_prefix(host))
        .unwrap_or(repository);
    ImageName::parse(name).is_ok().then(|| name.to_owned())
}

/// A path of a generated manifest.
#[must_use]
pub fn manifest_path(folder: &str, name: &str) -> String {
    join(folder, &format!("{name}.yaml"))
}
