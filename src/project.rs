//! What the user wants: deploy.toml, as meant.
//!
//! Read [`name`] for the small types, then the structs here; [`mod@file`] reads the file and [`check`] turns it into
//! these, reporting every mistake at once. Nothing here looks at a cluster, an engine or a Dockerfile.

pub mod check;
pub mod clear;
pub mod dotenv;
pub mod file;
pub(crate) mod git;
mod image;
pub mod locate;
pub mod name;
pub mod origin;
mod remote;
pub mod schema;
pub mod secret;
pub mod size;
pub mod tracked;
pub mod values;

use crate::event::Place;
pub use image::BuildSecret;
pub use image::Image;
pub use image::Signal;
pub use image::SyncRule;
use name::DataKey;
use name::ImageOwner;
use name::Namespace;
use name::ObjectName;
use name::Profile;
use name::ProjectName;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A project: its images, objects and services, and where they go.
#[derive(Debug, Clone)]
pub struct Project {
    /// What its objects and images are labelled with: `name`, else the namespace, else the directory's name.
    pub name: ProjectName,
    /// The directory of deploy.toml; relative paths start here.
    pub root: PathBuf,
    /// deploy.toml itself.
    pub file: PathBuf,
    /// Where objects without a namespace of their own go.
    pub namespace: Namespace,
    /// The profile and what it asks of the machine.
    pub minikube: Minikube,
    /// The images to build, in the order of the file.
    pub images: Vec<Image>,
    /// Where the objects are written, in the order of the file.
    pub sources: Vec<Source>,
    /// Where custom resources name images.
    pub bindings: Vec<Binding>,
    /// Kubernetes Secrets made from .env files and the environment.
    pub secrets: Vec<SecretSpec>,
    /// ConfigMaps made from values and files.
    pub configs: Vec<ConfigSpec>,
    /// What people open; the first is printed by `up`.
    pub services: Vec<Service>,
    /// The project's own checks.
    pub checks: Vec<Check>,
    /// Other clusters, by name.
    pub targets: BTreeMap<String, OtherCluster>,
    /// The one of them that this run is about (`--target`); `None` for the project's minikube.
    pub elsewhere: Option<OtherCluster>,
}

impl Project {
    /// The files that it is read from: deploy.toml, and those with the values of its Secrets and ConfigMaps.
    #[must_use]
    pub fn inputs(&self) -> Vec<PathBuf> {
        let env_files = self.secrets.iter().filter_map(|secret| secret.env_file.clone());
        let files = self.secrets.iter().flat_map(|secret| secret.files.values().cloned());
        let configs = self.configs.iter().filter_map(|config| config.file.clone());
        std::iter::once(self.file.clone()).chain(env_files).chain(files).chain(configs).collect()
    }

    /// The owner of its images.
    #[must_use]
    pub fn image_owner(&self) -> ImageOwner {
        ImageOwner::new(&self.name, &self.namespace)
    }
}

/// `[minikube]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minikube {
    /// The profile; `minikube` if not given.
    pub profile: Profile,
    /// CPUs of a node.
    pub cpus: Option<u32>,
    /// Memory of a node in MiB.
    pub memory_mib: Option<u64>,
    /// Disk of a node in MiB.
    pub disk_mib: Option<u64>,
    /// The driver; minikube's own choice if not given.
    pub driver: Option<String>,
    /// The Kubernetes version; minikube's own choice if not given.
    pub kubernetes: Option<String>,
    /// The container runtime; `docker` if not given, because minikube's default is about to change (minikube 1.39).
    pub runtime: Runtime,
    /// How many nodes; 1 if not given.
    pub nodes: u32,
    /// Addons that the project needs.
    pub addons: Vec<String>,
    /// NodePorts to publish on 127.0.0.1 when the node is made: those of the services that people open.
    pub publish: Vec<Publish>,
}

/// A NodePort that may be published on 127.0.0.1, which is possible only when the node's container is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish {
    /// The port of the node.
    pub node: u16,
    /// The `local-port` of its service. Without one it is published under its own number, and only where this machine has no
    /// route to the node.
    pub local: Option<u16>,
}

/// A node's container runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// dockerd, in which we build.
    Docker,
    /// containerd, into which we import.
    Containerd,
}

/// `[[manifests]]`.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it is written.
    pub place: Place,
    /// What it is.
    pub kind: SourceKind,
}

impl Source {
    /// Whether Helm itself installs it.
    #[must_use]
    pub fn is_helms(&self) -> bool {
        matches!(&self.kind, SourceKind::Chart(chart) if chart.mode == Mode::Release)
    }
}

/// What a `[[manifests]]` entry names; every path is absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A file, a folder (not its subdirectories) or a glob.
    Path(PathBuf),
    /// A directory with a kustomization.
    Kustomize(PathBuf),
    /// A Helm chart.
    Chart(Chart),
}

/// A Helm chart, and what it is rendered with; every path is absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The chart's directory.
    pub folder: PathBuf,
    /// The release's name; the directory's if not given.
    pub release: String,
    /// The release's namespace, if not the project's.
    pub namespace: Option<Namespace>,
    /// Values files, the later ones winning.
    pub values: Vec<PathBuf>,
    /// Single values, by their path in the values as Helm's `--set` writes it.
    pub set: BTreeMap<String, Set>,
    /// Single values that the environment or `.env` has: the name of the variable by the path, and where that is written.
    pub set_env: BTreeMap<String, (String, Place)>,
    /// Who installs it.
    pub mode: Mode,
}

/// A value of `set`. TOML marks strings, so types are not guessed: `"1.10"` is not a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Set {
    /// A text, whatever it looks like.
    Text(String),
    /// A number or a truth value.
    Plain(String),
}

/// Who installs a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Helm renders, and we apply what it renders: the default.
    Objects,
    /// Helm itself, as a release of its own; we bind the images and watch.
    Release,
}

/// `[[binding]]`: a field of a custom resource that names an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Where it is written.
    pub place: Place,
    /// The kind that has the field.
    pub kind: String,
    /// The keys on the way to it; one that ends in `[]` is a list, and stands for each of its items.
    pub path: Vec<String>,
    /// The key next to it that holds the pull policy, if there is one.
    pub policy: Option<String>,
}

/// `[secret.NAME]`.
#[derive(Debug, Clone)]
pub struct SecretSpec {
    /// The Kubernetes Secret's name.
    pub name: ObjectName,
    /// Where it is written.
    pub place: Place,
    /// The .env file, absolute.
    pub env_file: Option<PathBuf>,
    /// Whether the environment of `todo` comes before the file.
    pub from_env: bool,
    /// Keys that must have a value.
    pub keys: Vec<DataKey>,
    /// Keys that may be absent.
    pub optional: Vec<DataKey>,
    /// Keys whose value is a whole file, absolute: certificates, key files.
    pub files: BTreeMap<DataKey, PathBuf>,
    /// Keys made at random once, with their length in bytes, and kept in the cluster.
    pub generate: BTreeMap<DataKey, u32>,
}

/// `[config.NAME]`.
#[derive(Debug, Clone)]
pub struct ConfigSpec {
    /// The ConfigMap's name.
    pub name: ObjectName,
    /// Where it is written.
    pub place: Place,
    /// Its data.
    pub values: BTreeMap<DataKey, String>,
    /// A file of KEY=VALUE lines whose entries come before `values`, absolute.
    pub file: Option<PathBuf>,
}

/// `[service.NAME]`.
#[derive(Debug, Clone)]
pub struct Service {
    /// The Kubernetes Service's name.
    pub name: ObjectName,
    /// Where it is written.
    pub place: Place,
    /// The path of the URL; begins with `/`.
    pub path: String,
    /// What the answer must be.
    pub expect: Expect,
    /// Also on localhost.
    pub local_port: Option<u16>,
}

/// What an HTTP answer must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The status; any below 500 if not given.
    pub status: Option<u16>,
    /// A text that the body must contain.
    pub contains: Option<String>,
}

/// `[[check]]`.
#[derive(Debug, Clone)]
pub struct Check {
    /// What people call it.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// The probe of the check.
    pub probe: Probe,
    /// Whether the host or the cluster asks.
    pub from: From,
    /// When the check runs.
    pub when: When,
    /// Whether a failure ends the run.
    pub required: bool,
}

/// What a check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// An HTTP GET of a URL.
    Http {
        /// The URL.
        url: String,
        /// What the answer must be.
        expect: Expect,
    },
    /// A TCP connection to `host:port`.
    Tcp(String),
    /// A TCP connection to the host and port that the URL in a Secret names: a database's.
    TcpOf {
        /// The Secret's name.
        secret: ObjectName,
        /// The key with the URL.
        key: DataKey,
    },
    /// An HTTP GET through a Service, on the way on which people open it.
    Service {
        /// The Service's name.
        name: ObjectName,
        /// The path; begins with `/`.
        path: String,
        /// What the answer must be.
        expect: Expect,
    },
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// This machine.
    Host,
    /// The node.
    Cluster,
}

/// When a check runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before anything is applied; the target is outside of the cluster.
    Before,
    /// When everything is healthy and the services answer.
    After,
    /// After each round of `todo watch`, also one that only copied files.
    Change,
}

impl When {
    /// Its value in deploy.toml.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            When::Before => "before",
            When::After => "after",
            When::Change => "change",
        }
    }
}

/// `[target.NAME]`: a cluster that is not our minikube.
#[derive(Debug, Clone)]
pub struct OtherCluster {
    /// What it is called.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// The kubeconfig context.
    pub context: String,
    /// The registry that its nodes pull from, `HOST[:PORT][/PATH]`.
    pub registry: Option<String>,
}
