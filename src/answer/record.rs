//! Where the time of a run went, as it is kept: the names of its steps and items, when they began, and how long they took.
//!
//! Nothing else is kept of a run: no lines of logs, no messages. Names are redacted, as all events are.

use crate::event::Outcome;
use crate::event::Step;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The sub-command.
    pub command: String,
    /// The project's name.
    pub project: String,
    /// Where its objects go.
    pub namespace: String,
    /// The minikube profile.
    pub profile: String,
    /// The exit code.
    pub code: u8,
    /// How long it took.
    pub took_ms: u64,
    /// Its steps, in the order in which they began.
    pub steps: Vec<StepRecord>,
}

/// A run that is kept in the user's state directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRun {
    /// When it ended.
    pub ended: Timestamp,
    /// Its times.
    #[serde(flatten)]
    pub record: RunRecord,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Which.
    pub step: Step,
    /// When it and its items began and ended.
    #[serde(flatten)]
    pub time: Time,
    /// Its items.
    pub items: Vec<ItemRecord>,
}

/// An item of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRecord {
    /// Its name.
    pub item: String,
    /// When it began and ended.
    #[serde(flatten)]
    pub time: Time,
}

/// When something began, and how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Time {
    /// Milliseconds since the run began.
    pub began_ms: u64,
    /// How long it took; `None` if the run ended first.
    pub took_ms: Option<u64>,
    /// How it ended.
    pub outcome: Option<Outcome>,
}

impl RunRecord {
    /// Whether the other run was of the same project in the same cluster.
    #[must_use]
    pub fn is_of(&self, project: &str, namespace: &str, profile: &str) -> bool {
        self.project == project && self.namespace == namespace && self.profile == profile
    }
}
