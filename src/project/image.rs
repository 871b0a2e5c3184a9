//! `[image.NAME]` of deploy.toml.

use super::name::ImageName;
use crate::event::Place;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `[image.NAME]`.
#[derive(Debug, Clone)]
pub struct Image {
    /// The name that manifests use.
    pub name: ImageName,
    /// Where it is written.
    pub place: Place,
    /// The build context, absolute.
    pub context: PathBuf,
    /// The Dockerfile, absolute; `Dockerfile` in the context if not given.
    pub dockerfile: PathBuf,
    /// The stage to build; the last if not given.
    pub target: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// Build secrets by id.
    pub secrets: BTreeMap<String, BuildSecret>,
    /// `os/arch[/variant]`; the engine's own if not given.
    pub platform: Option<String>,
    /// The budget in bytes.
    pub max_size: Option<u64>,
    /// What `todo watch` does with changed files in addition to copying those whose copy equals a build; `None`: it
    /// always builds.
    pub sync: Option<Vec<SyncRule>>,
}

/// `[image.NAME] sync`: the actions for changed files of the context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncRule {
    /// Which files: a pattern relative to the context, as in `.dockerignore`.
    pub from: String,
    /// Where they are copied to in the container; as the Dockerfile has it if not given.
    pub to: Option<String>,
    /// A command of a shell that is run in the container then.
    pub run: Option<String>,
    /// A signal for the container's process 1 then.
    pub signal: Option<Signal>,
}

/// A signal that a process may take as a request to read its files again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// SIGHUP.
    Hup,
    /// SIGUSR1.
    Usr1,
    /// SIGUSR2.
    Usr2,
    /// SIGWINCH.
    Winch,
}

impl Signal {
    /// Its name without `SIG`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Signal::Hup => "HUP",
            Signal::Usr1 => "USR1",
            Signal::Usr2 => "USR2",
            Signal::Winch => "WINCH",
        }
    }
}

/// Where a build secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildSecret {
    /// A variable of the environment of `todo`.
    Env(String),
    /// A file, absolute.
    File(PathBuf),
}
