//! A compose project, as typed values.

use super::super::tree::file_name;
use super::super::tree::shown;
use super::template::Template;
use super::unset::Unset;
use crate::event::Finding;
use crate::event::Place;
use std::collections::BTreeMap;

impl Compose {
    /// Its files, for display.
    #[must_use]
    pub fn described(&self) -> String {
        let files: Vec<String> = self.files.iter().map(|file| format!("`{file}`")).collect();
        match &files[..] {
            [] => format!("`{}`", self.path),
            [only] => only.clone(),
            [first, over @ ..] => format!("{first} with {} laid over it", over.join(" and ")),
        }
    }
}

/// A compose project.
#[derive(Debug, Clone, Default)]
pub struct Compose {
    /// The path of its first file.
    pub path: String,
    /// All its files, in the order in which they are laid over one another.
    pub files: Vec<String>,
    /// The directory at which its relative paths begin.
    pub folder: String,
    /// The file that gives values to its variables: `.env`, or what `--env-file` names.
    pub env: String,
    /// Whether a command starts these files by their names.
    pub started: bool,
    /// Its top-level `name`.
    pub name: Option<String>,
    /// Its services, in the order of the file.
    pub services: Vec<Service>,
    /// Its volumes that are not plain ones, with what they are bound to.
    pub volumes: BTreeMap<String, Bind>,
    /// Its secrets.
    pub secrets: BTreeMap<String, SharedFile>,
    /// Its configs.
    pub configs: BTreeMap<String, SharedFile>,
    /// What `.env` gives to variables.
    pub values: BTreeMap<String, String>,
    /// Variables that nothing gives a value.
    pub unset: Vec<Unset>,
    /// Its errors: `docker compose` refuses it, too.
    pub wrong: Vec<Finding>,
    /// Parts that are not taken over, each with what to do.
    pub notes: Vec<(String, String)>,
}

impl Compose {
    /// The profiles that are active: those of `.env` or of its example; none named and no service without one, all.
    #[must_use]
    pub fn active_profiles(&self) -> Vec<String> {
        let named = self.values.get("COMPOSE_PROFILES").cloned().unwrap_or_default();
        let named: Vec<String> =
            named.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
        if named.is_empty() && self.services.iter().all(|service| !service.profiles.is_empty()) {
            return vec!["*".to_owned()];
        }
        named
    }

    /// The project's name as compose has it.
    #[must_use]
    pub fn project(&self, folder: &str) -> String {
        let folder = if self.folder.is_empty() { folder } else { file_name(&self.folder) };
        let name = self.name.as_deref().unwrap_or(folder).to_lowercase();
        name.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(*c)).collect()
    }
}

/// A service.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// How its image is built.
    pub build: Option<ComposeBuild>,
    /// Its image.
    pub image: Option<String>,
    /// Its ports, those of `ports` before those of `expose`.
    pub ports: Vec<ComposePort>,
    /// Its environment, in the order of the file.
    pub environment: Vec<ComposeValue>,
    /// Its env files.
    pub env_files: Vec<EnvFileOf>,
    /// What it starts after.
    pub after: Vec<After>,
    /// Its volumes.
    pub volumes: Vec<Volume>,
    /// Its files from top-level `secrets`.
    pub secrets: Vec<Mounted>,
    /// Its files from top-level `configs`.
    pub configs: Vec<Mounted>,
    /// Its health check.
    pub health: Option<ComposeHealth>,
    /// Replaces the image's `ENTRYPOINT`.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's `CMD`.
    pub command: Option<Vec<String>>,
    /// Its user.
    pub user: Option<String>,
    /// Its working directory.
    pub folder: Option<String>,
    /// How many of it.
    pub replicas: Option<u64>,
    /// `deploy.mode`.
    pub mode: Option<String>,
    /// `restart`, or the condition of `deploy.restart_policy`.
    pub restart: Option<String>,
    /// Names that containers find it by, in addition to its own: each with the key that gives it.
    pub names: Vec<(String, Place)>,
    /// What others it links to under another name: the service and the name.
    pub links: Vec<(String, String, Place)>,
    /// The port that the labels of a reverse proxy name.
    pub labelled_port: Option<(u16, Place)>,
    /// The routes to it of a reverse proxy that reads the labels of containers.
    pub routes: Vec<(String, Place)>,
    /// Its memory and processors.
    pub resources: Resources,
    /// Size of `/dev/shm` in bytes.
    pub shared_memory: Option<u64>,
    /// `extra_hosts`.
    pub hosts: Vec<(String, String, Place)>,
    /// `stop_grace_period` in seconds.
    pub grace: Option<u64>,
    /// Whether its root file system is read only.
    pub read_only: bool,
    /// `privileged`.
    pub privileged: bool,
    /// `cap_add` and `cap_drop`.
    pub capabilities: (Vec<String>, Vec<String>),
    /// `tty` and `stdin_open`.
    pub terminal: (bool, bool),
    /// The service whose network it shares: `network_mode: service:NAME`.
    pub network_of: Option<String>,
    /// Its profiles.
    pub profiles: Vec<String>,
    /// Whether it does not start, because no active profile has it.
    pub dormant: bool,
    /// Keys without a counterpart in a cluster.
    pub untaken: Vec<Untaken>,
}

/// A key that is not taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untaken {
    /// The key.
    pub key: String,
    /// Where it is written.
    pub place: Place,
    /// Why, or what to do.
    pub help: &'static str,
}

/// A variable of a service; no value is the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeValue {
    /// Its name.
    pub key: String,
    /// Its value with its variables.
    pub value: Option<Template>,
    /// What is written, where compose makes something else of it.
    pub converted: Option<String>,
    /// Where it is written.
    pub place: Place,
}

/// An env file of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFileOf {
    /// Its path.
    pub path: String,
    /// Whether compose refuses to start without it.
    pub required: bool,
    /// Where it is named.
    pub place: Place,
}

/// A service that another one starts after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// Its name.
    pub service: String,
    /// What is waited for.
    pub condition: Condition,
    /// Whether it must be there.
    pub required: bool,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// That it has been started.
    Started,
    /// That its health check succeeds.
    Healthy,
    /// That it has ended well.
    Completed,
}

/// The protocol of a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// A port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposePort {
    /// The port of this machine.
    pub published: Option<u16>,
    /// The port of the container.
    pub target: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// Whether it is published for this machine alone.
    pub local: bool,
    /// Where it is written.
    pub place: Place,
}

/// How an image is built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComposeBuild {
    /// The context.
    pub context: String,
    /// The Dockerfile.
    pub dockerfile: String,
    /// The text of `dockerfile_inline`.
    pub inline: Option<String>,
    /// The stage.
    pub target: Option<String>,
    /// The arguments that have values.
    pub args: BTreeMap<String, String>,
    /// The secrets that it may read: each id, and the name of the top-level secret.
    pub secrets: BTreeMap<String, String>,
}

impl ComposeBuild {
    /// The context as people write it.
    #[must_use]
    pub fn context_shown(&self) -> &str {
        shown(&self.context)
    }
}

/// A volume of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Volume {
    /// One with a name, or with none: data.
    Data {
        /// Its name; empty for an anonymous one.
        name: String,
        /// Where it is mounted.
        at: String,
        /// Whether it is only read.
        read_only: bool,
        /// Where it is written.
        place: Place,
    },
    /// A file or directory of this machine.
    Bind(Bind),
    /// `tmpfs`.
    Memory {
        /// Where it is mounted.
        at: String,
        /// Its largest size in bytes.
        size: Option<u64>,
        /// Where it is written.
        place: Place,
    },
}

/// A file or directory of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Its path in the tree, or on the machine where it lies outside of it.
    pub source: String,
    /// Whether it is an absolute path: one of the machine and not of the tree.
    pub elsewhere: bool,
    /// Where it is mounted.
    pub at: String,
    /// Whether it is only read.
    pub read_only: bool,
    /// Where it is written.
    pub place: Place,
}

/// A file that is mounted from top-level `secrets` or `configs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// Which one.
    pub source: String,
    /// Where it is mounted.
    pub at: String,
    /// Its mode.
    pub mode: Option<u32>,
    /// Where it is written.
    pub place: Place,
}

/// A top-level secret or config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFile {
    /// Where its content comes from.
    pub source: MountSource,
    /// Where it is written.
    pub place: Place,
}

/// Where the content of a secret or config comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A file.
    File(String),
    /// A variable of the environment.
    Variable(String),
    /// A text.
    Content(String),
    /// It is created outside of the project.
    External,
}

/// A health check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComposeHealth {
    /// The words of its command, `CMD` or `CMD-SHELL` first; empty for that of the image.
    pub words: Vec<String>,
    /// Whether there is none, the image's included.
    pub disabled: bool,
    /// Seconds between two.
    pub interval: Option<u64>,
    /// Seconds for an answer.
    pub timeout: Option<u64>,
    /// How many may fail.
    pub retries: Option<u64>,
    /// Seconds in which failing does not count.
    pub start: Option<u64>,
    /// Seconds between two at the start.
    pub start_interval: Option<u64>,
    /// Where it is written.
    pub place: Place,
}

/// Memory and processors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources {
    /// Most memory in bytes.
    pub memory_limit: Option<u64>,
    /// Reserved memory in bytes.
    pub memory: Option<u64>,
    /// Most processors, as written.
    pub cpu_limit: Option<String>,
    /// Reserved processors, as written.
    pub cpu: Option<String>,
}
