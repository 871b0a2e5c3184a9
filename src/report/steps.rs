//! Steps and items of a run: their activity, and how they ended.

use crate::event::Amount;
use crate::event::Outcome;
use crate::event::Step;

/// One step so far.
#[derive(Debug, Clone)]
pub struct StepState {
    /// Which.
    pub step: Step,
    /// When it began.
    pub began_ms: u64,
    /// Its items, in the order in which they began.
    pub items: Vec<ItemState>,
    /// How it ended.
    pub end: Option<Ended>,
}

/// One item so far.
#[derive(Debug, Clone)]
pub struct ItemState {
    /// Its name.
    pub name: String,
    /// When it began.
    pub began_ms: u64,
    /// Its current activity.
    pub now: Activity,
    /// The start of this activity.
    pub since_ms: u64,
    /// How it ended.
    pub end: Option<Ended>,
}

/// The activity of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// No event has described it yet.
    Begun,
    /// It is being processed.
    Doing(String, Option<Amount>),
    /// It is waited for.
    Waiting(String),
}

/// How a step or an item ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How; [`Outcome::Failed`] for a step that failed.
    pub outcome: Outcome,
    /// How long it took.
    pub took_ms: u64,
    /// A detail to show next to it.
    pub detail: Option<String>,
}

impl StepState {
    /// How many items ended how, changes before the rest.
    #[must_use]
    pub fn counts(&self) -> Vec<(Outcome, usize)> {
        const ORDER: [Outcome; 12] = [
            Outcome::Failed,
            Outcome::Stopped,
            Outcome::Built,
            Outcome::Created,
            Outcome::Changed,
            Outcome::Recreated,
            Outcome::Removed,
            Outcome::Ready,
            Outcome::Done,
            Outcome::Unchanged,
            Outcome::Kept,
            Outcome::Skipped,
        ];
        let ended = |outcome| {
            self.items
                .iter()
                .filter(|item| item.end.as_ref().is_some_and(|end| end.outcome == outcome))
                .count()
        };
        ORDER.into_iter().map(|outcome| (outcome, ended(outcome))).filter(|(_, count)| *count > 0).collect()
    }

    /// The name and the detail of the items that deserve a line of their own once the step ended well: several URLs, and
    /// what was kept on purpose.
    #[must_use]
    pub fn answers(&self) -> Vec<(String, String)> {
        let several = self.step == Step::Service && self.items.len() > 1;
        let worth = |outcome| {
            several || self.step == Step::Remove && matches!(outcome, Outcome::Kept | Outcome::Removed)
        };
        self.items
            .iter()
            .filter_map(|item| {
                let end = item.end.as_ref().filter(|end| worth(end.outcome))?;
                Some((item.name.clone(), end.detail.clone()?))
            })
            .collect()
    }

    /// The items that are running.
    pub fn running(&self) -> impl Iterator<Item = &ItemState> {
        self.items.iter().filter(|item| item.end.is_none())
    }
}

impl ItemState {
    /// Sets its current activity; returns whether that is new.
    pub(super) fn moves(&mut self, now: Activity, at: u64) -> bool {
        if self.now == now {
            return false;
        }
        if self.now.text() != now.text() {
            self.since_ms = at;
        }
        self.now = now;
        true
    }
}

impl Activity {
    /// The activity, as described by its event.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Activity::Begun => "",
            Activity::Doing(text, _) | Activity::Waiting(text) => text,
        }
    }
}
