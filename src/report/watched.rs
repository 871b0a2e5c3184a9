//! What `todo watch` remembers from one round to the next.

use super::steps::StepState;
use crate::event::Code;
use crate::event::Event;
use crate::event::EventKind;
use crate::event::Finding;

/// What lasts from one round to the next.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// Whether keys are read.
    pub keys: bool,
    /// The URL that answered last.
    pub url: Option<String>,
    /// The failure of the last round, if it failed.
    pub failure: Option<Failure>,
    /// The last change, and the round that followed.
    pub last: Option<LastChange>,
}

/// A round that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the failure is called.
    pub code: Code,
    /// Its cause, in one line.
    pub cause: String,
}

/// The files that changed last, and the round that followed.
#[derive(Debug, Clone)]
pub struct LastChange {
    /// The files, by their paths from the project's directory.
    pub files: Vec<String>,
    /// The steps of the round.
    pub steps: Vec<StepState>,
    /// Whether the round failed.
    pub failed: bool,
    /// How long the round took.
    pub took_ms: u64,
}

impl Watched {
    /// Adds an event. `changed` and `steps` are the files and the steps of the round so far.
    pub(super) fn add(&mut self, event: &Event, changed: &[String], steps: &[StepState]) {
        let (took_ms, failed) = match &event.kind {
            EventKind::KeysRead {} => {
                self.keys = true;
                return;
            }
            EventKind::RoundFinished { took_ms, url, .. } => {
                self.failure = None;
                self.url = url.clone().or_else(|| self.url.take());
                (*took_ms, false)
            }
            EventKind::RoundFailed { took_ms, reason, causes, findings, .. } => {
                self.failure = Some(failure(*reason, causes, findings));
                (*took_ms, true)
            }
            _ => return,
        };
        if !changed.is_empty() {
            self.last = Some(LastChange { files: changed.to_vec(), steps: steps.to_vec(), failed, took_ms });
        }
    }
}

fn failure(reason: Code, causes: &[String], findings: &[Finding]) -> Failure {
    // The first finding is the cause of the run's own message.
    match findings.first() {
        Some(finding) => {
            let subject = finding.subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
            Failure { code: finding.code, cause: format!("{subject}{}", finding.message) }
        }
        None => Failure { code: reason, cause: causes.last().cloned().unwrap_or_default() },
    }
}
