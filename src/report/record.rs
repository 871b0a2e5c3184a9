//! Where the time of a run went, as it is kept: the names of its steps and items, when they began, and how long they took.
//!
//! Nothing else is kept of a run: no lines of logs, no messages. Names are redacted, as all events are.

use super::fold::Story;
use super::steps::Ended;
use crate::event::Outcome;
use crate::event::Step;
use serde::Deserialize;
use serde::Serialize;

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
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

impl Time {
    fn of(began_ms: u64, end: Option<&Ended>) -> Time {
        Time { began_ms, took_ms: end.map(|end| end.took_ms), outcome: end.map(|end| end.outcome) }
    }
}

impl Record {
    /// What is kept of a run; `None` of one that has not ended, of which nothing was real, or that had no steps.
    #[must_use]
    pub fn of(story: &Story) -> Option<Record> {
        let (opening, end) = (story.opening.as_ref()?, story.end.as_ref()?);
        if opening.rehearsal || story.steps.is_empty() {
            return None;
        }
        let steps = story.steps.iter().map(|state| StepRecord {
            step: state.step,
            time: Time::of(state.began_ms, state.end.as_ref()),
            items: state
                .items
                .iter()
                .map(|item| ItemRecord {
                    item: item.name.clone(),
                    time: Time::of(item.began_ms, item.end.as_ref()),
                })
                .collect(),
        });
        Some(Record {
            command: opening.command.clone(),
            project: opening.project.clone(),
            namespace: opening.namespace.clone(),
            profile: opening.profile.clone(),
            code: end.code,
            took_ms: end.took_ms,
            steps: steps.collect(),
        })
    }

    /// Whether the other run was of the same project in the same cluster.
    #[must_use]
    pub fn is_of(&self, project: &str, namespace: &str, profile: &str) -> bool {
        self.project == project && self.namespace == namespace && self.profile == profile
    }
}
