//! The planned action for each object of a set, and what the user allows.

use crate::cluster::survey::Desired;
use crate::cluster::wire::Propagation;
use crate::event::Finding;
use crate::manifest::shared::Shared;
use serde_json::Value;

/// The action for an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlannedAction {
    /// It is as it should be; `recorded`: the inventory records it as such, and no request was made.
    Keep { recorded: bool },
    /// It is a Job that ran, succeeded and expired; it is not run again.
    Expired,
    /// It is not there.
    Create,
    /// It differs.
    Change,
    /// It differs in an immutable field.
    Recreate(Propagation),
}

/// The action for an object, and everything needed to perform it.
#[derive(Debug, Clone)]
pub(crate) struct PlannedWrite {
    pub(crate) desired: Desired,
    /// The object as it is now.
    pub(crate) live: Option<Shared<Value>>,
    pub(crate) todo: PlannedAction,
    /// The body to send: the desired object, without the fields left to other managers.
    pub(crate) body: Shared<Value>,
    /// Whether fields of others are to be taken.
    pub(crate) force: bool,
    /// The patch that makes the fields of client-side writers ours.
    pub(crate) migrate: Option<Value>,
    /// The object after the change, if the server could return it.
    pub(crate) after: Option<Value>,
    /// Worth knowing.
    pub(crate) notes: Vec<Finding>,
}

impl PlannedWrite {
    /// The action and its reason, for the log.
    pub(crate) fn reason(&self) -> &str {
        match self.todo {
            PlannedAction::Keep { recorded: true } if !self.notes.is_empty() => &self.notes[0].message,
            PlannedAction::Keep { recorded: true } => "is not written: it is as the last good run left it",
            PlannedAction::Keep { recorded: false } => {
                "is not written: by a dry run, nothing of it would change"
            }
            PlannedAction::Expired => "is not written: the Job has succeeded, and its time to live is over",
            PlannedAction::Create => "is created: it is not there, or is being deleted",
            PlannedAction::Change => "is changed: by a dry run, it differs",
            PlannedAction::Recreate(_) => {
                "is deleted and created: it differs in a field that cannot be changed"
            }
        }
    }
}

/// What the user allows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allowed {
    pub(crate) force: bool,
    pub(crate) recreate: bool,
}

/// Whether any of it has to be written.
pub(crate) fn writes(planned: &[PlannedWrite]) -> bool {
    planned.iter().any(|item| !matches!(item.todo, PlannedAction::Keep { .. } | PlannedAction::Expired))
}
