//! The state of a run as a fold of its events: running steps, outcomes, warnings.
//!
//! Not words and not a clock: the renderers bring both, so that a recorded run folds into the same state for ever.

use super::steps::Activity;
use super::steps::Ended;
use super::steps::ItemState;
use super::steps::StepState;
use super::watched::Watched;
use crate::event::Code;
use crate::event::Event;
use crate::event::EventKind;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;

/// A run so far.
#[derive(Debug, Clone, Default)]
pub struct RunState {
    /// The run's request, once the first event has arrived.
    pub opening: Option<Opening>,
    /// The steps, in the order in which they began.
    pub steps: Vec<StepState>,
    /// Each warning once.
    pub warnings: Vec<Finding>,
    /// When the newest event happened, in milliseconds since the run began.
    pub at_ms: u64,
    /// The files whose change began the newest round of `todo watch`.
    pub changed: Vec<String>,
    /// How the newest round of `todo watch` ended, while files are waited for.
    pub idle: Option<Idle>,
    /// What `todo watch` keeps on the screen.
    pub watched: Watched,
    /// How the run ended.
    pub end: Option<RunEnd>,
}

/// `todo watch` between two rounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idle {
    /// Since when.
    pub at_ms: u64,
    /// How long the round took.
    pub took_ms: u64,
    /// How many files are watched.
    pub files: usize,
    /// The URL that answered.
    pub url: Option<String>,
    /// Whether the round failed.
    pub failed: bool,
}

/// The request of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The sub-command.
    pub command: String,
    /// The project's name.
    pub project: String,
    /// Where its objects go.
    pub namespace: String,
    /// The minikube profile.
    pub profile: String,
    /// Whether nothing of it is real.
    pub rehearsal: bool,
}

/// How the run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// How long it took.
    pub took_ms: u64,
    /// The exit code.
    pub code: u8,
    /// Whether it failed; `status` ends well with a code that is not 0.
    pub failed: bool,
    /// The URL that answered.
    pub url: Option<String>,
}

/// What a finished run amounts to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many items ended how, in the order in which the outcomes were first seen in each step.
    pub counts: Vec<(Step, Outcome, usize)>,
    /// Each warning once.
    pub warnings: Vec<Finding>,
    /// Whether the run ended well and changed nothing.
    pub unchanged: bool,
    /// The exit code, unless the run ended without saying.
    pub code: Option<u8>,
    /// The URL that answered.
    pub url: Option<String>,
    /// How long the run took.
    pub took_ms: u64,
}

impl RunState {
    /// Adds an event. Returns whether it adds anything to the previous events.
    pub fn apply(&mut self, event: &Event) -> bool {
        self.at_ms = self.at_ms.max(event.at_ms);
        let at = event.at_ms;
        match &event.kind {
            EventKind::RunStarted { command, project, namespace, profile, rehearsal, .. } => {
                self.opening = Some(Opening {
                    command: command.clone(),
                    project: project.clone(),
                    namespace: namespace.clone(),
                    profile: profile.clone(),
                    rehearsal: *rehearsal,
                });
            }
            EventKind::StepStarted { step } => {
                self.step(*step, at);
            }
            EventKind::ItemStarted { step, item } => {
                self.item(*step, item, at);
            }
            EventKind::Progress { step, item, doing, amount } => {
                return self.item(*step, item, at).moves(Activity::Doing(doing.clone(), *amount), at);
            }
            EventKind::Waiting { step, item, why } => {
                return self.item(*step, item, at).moves(Activity::Waiting(why.clone()), at);
            }
            EventKind::Log { .. }
            | EventKind::Printed { .. }
            | EventKind::Forwarded { .. }
            | EventKind::KeysRead {}
            | EventKind::KeyPressed { .. }
            | EventKind::RoundSuperseded { .. } => {}
            EventKind::Warned { finding } => {
                // The reason for an image's build is printed in each round of `todo watch`.
                let is_known = self.warnings.contains(finding);
                if !is_known {
                    self.warnings.push(finding.clone());
                }
                return !is_known || finding.code == Code::FilesNotSynced;
            }
            EventKind::ItemFinished { step, item, outcome, took_ms, detail } => {
                let began = at.saturating_sub(*took_ms);
                self.item(*step, item, began).end =
                    Some(Ended { outcome: *outcome, took_ms: *took_ms, detail: detail.clone() });
            }
            EventKind::StepFinished { step, took_ms, outcome, detail } => {
                self.step(*step, at).end =
                    Some(Ended { outcome: *outcome, took_ms: *took_ms, detail: detail.clone() });
            }
            EventKind::StepFailed { step, took_ms } => {
                self.step(*step, at).end =
                    Some(Ended { outcome: Outcome::Failed, took_ms: *took_ms, detail: None });
            }
            EventKind::RoundStarted { changed } => {
                self.steps.clear();
                self.idle = None;
                self.changed.clone_from(changed);
            }
            EventKind::RoundFinished { took_ms, files, url } => {
                let (took_ms, files, url) = (*took_ms, *files, url.clone());
                self.idle = Some(Idle { at_ms: at, took_ms, files, url, failed: false });
            }
            EventKind::RoundFailed { took_ms, files, .. } => {
                let (took_ms, files) = (*took_ms, *files);
                self.idle = Some(Idle { at_ms: at, took_ms, files, url: None, failed: true });
            }
            EventKind::RunFinished { took_ms, code, url } => {
                self.end = Some(RunEnd { took_ms: *took_ms, code: *code, failed: false, url: url.clone() });
            }
            EventKind::RunFailed { took_ms, code, .. } => {
                self.end = Some(RunEnd { took_ms: *took_ms, code: *code, failed: true, url: None });
            }
        }
        self.watched.add(event, &self.changed, &self.steps);
        true
    }

    /// The newest round of a step: a step that ended and begins again (`todo watch`) begins a new one.
    fn step(&mut self, step: Step, at: u64) -> &mut StepState {
        let open = self.steps.iter().rposition(|state| state.step == step && state.end.is_none());
        let index = open.unwrap_or_else(|| {
            self.steps.push(StepState { step, began_ms: at, items: Vec::new(), end: None });
            self.steps.len() - 1
        });
        &mut self.steps[index]
    }

    fn item(&mut self, step: Step, name: &str, at: u64) -> &mut ItemState {
        let items = &mut self.step(step, at).items;
        let open = items.iter().rposition(|item| item.name == name && item.end.is_none());
        let index = open.unwrap_or_else(|| {
            items.push(ItemState {
                name: name.to_owned(),
                began_ms: at,
                now: Activity::Begun,
                since_ms: at,
                end: None,
            });
            items.len() - 1
        });
        &mut items[index]
    }

    /// The newest round of `step`, if it was reached.
    #[must_use]
    pub fn newest(&self, step: Step) -> Option<&StepState> {
        self.steps.iter().rfind(|state| state.step == step)
    }

    /// The steps that failed, and how.
    pub fn failed(&self) -> impl Iterator<Item = (Step, &Ended)> {
        let failed = |end: &&Ended| end.outcome == Outcome::Failed;
        self.steps.iter().filter_map(move |state| Some((state.step, state.end.as_ref().filter(failed)?)))
    }

    /// The steps that are running.
    pub fn running(&self) -> impl Iterator<Item = &StepState> {
        self.steps.iter().filter(|state| state.end.is_none())
    }

    /// Whether nothing outside was changed so far.
    #[must_use]
    pub fn unchanged(&self) -> bool {
        self.steps.iter().all(|state| {
            let idle = |outcome| {
                matches!(
                    outcome,
                    Outcome::Unchanged | Outcome::Skipped | Outcome::Kept | Outcome::Ready | Outcome::Done
                ) || state.step == Step::Check
            };
            let only_looks =
                matches!(state.step, Step::Preflight | Step::Rollout | Step::Service | Step::Check);
            let step_idle = state.end.as_ref().is_none_or(|end| {
                matches!(end.outcome, Outcome::Unchanged | Outcome::Skipped)
                    || only_looks && idle(end.outcome)
            });
            step_idle && state.items.iter().filter_map(|item| item.end.as_ref()).all(|end| idle(end.outcome))
        })
    }

    /// What the run amounts to.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            counts: self
                .steps
                .iter()
                .flat_map(|state| {
                    state.counts().into_iter().map(|(outcome, count)| (state.step, outcome, count))
                })
                .collect(),
            warnings: self.warnings.clone(),
            unchanged: self.end.as_ref().is_some_and(|end| !end.failed) && self.unchanged(),
            code: self.end.as_ref().map(|end| end.code),
            url: self.end.as_ref().and_then(|end| end.url.clone()),
            took_ms: self.end.as_ref().map_or(self.at_ms, |end| end.took_ms),
        }
    }
}

#[cfg(test)]
mod tests;
