//! One container of a pod: what it is made of, and what it does.

use crate::cluster::image::App;
use crate::cluster::program;
use crate::cluster::program::End;
use jiff::Timestamp;
use serde_json::Value;

/// One container.
#[derive(Default, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "what the status says of a container, field by field")]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) spec: Value,
    pub(super) init: bool,
    pub(super) now: UnitState,
    pub(super) last: Option<Termination>,
    pub(super) restarts: u32,
    pub(super) ready: bool,
    pub(super) started: bool,
    /// Whether it will not be started again.
    pub(super) over: bool,
    pub(super) image: String,
    pub(super) app: App,
    pub(super) listens: Listens,
    pub(super) log: Vec<(Timestamp, String)>,
    pub(super) log_before: Option<Vec<(Timestamp, String)>>,
}

impl Unit {
    /// Whether its program does not hear that it is to end.
    pub(super) fn is_deaf(&self) -> bool {
        matches!(program::plan(&self.spec, &self.app, false).end, End::Signalled { hears: false })
    }
}

/// Where a container's program takes connections.
#[derive(Debug, Clone, Default)]
pub(super) enum Listens {
    /// Not yet, or nowhere.
    #[default]
    Nowhere,
    /// At these ports.
    At(Vec<u16>),
    /// On every port: its ports are unknown.
    Anywhere,
}

impl Listens {
    pub(super) fn at(&self, port: u16) -> bool {
        match self {
            Listens::Nowhere => false,
            Listens::At(ports) => ports.contains(&port),
            Listens::Anywhere => true,
        }
    }
}

/// What a container does at the moment.
#[derive(Clone)]
pub(super) enum UnitState {
    Waiting(&'static str, String),
    Running { since: String, id: String },
    Ended(Termination),
}

impl Default for UnitState {
    fn default() -> UnitState {
        UnitState::Waiting("ContainerCreating", String::new())
    }
}

/// A run that is over.
#[derive(Clone)]
pub(super) struct Termination {
    pub(super) code: i32,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) since: String,
    pub(super) at: String,
    pub(super) id: String,
}
