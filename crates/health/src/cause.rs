//! Pods, claims and controllers → why something does not become healthy.
//!
//! A [`Symptom`] is what can be seen now; whether it will pass is a question of time and repetition: [`grace`] defines
//! how long each may last, and the caller counts.
//!
//! Read [`failure_kind`] for what can be seen, [`container`], [`pod`], [`creation`] and [`claim`] for how it is recognised.

pub mod claim;
pub mod config;
pub mod container;
pub mod creation;
pub mod failure_kind;
pub mod grace;
pub mod image;
pub mod newest;
pub mod pod;
pub mod probe;
pub mod quantity;
pub mod restarted;
pub mod scheduling;
pub mod template;

use failure_kind::FailureKind;

/// Something that keeps a pod, a claim or a controller from getting on, as it is seen now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symptom {
    /// The kind of failure.
    pub signal: FailureKind,
    /// The container that it is about, if it is about one.
    pub container: Option<String>,
    /// One word, as the cluster reports it: `CrashLoopBackOff`.
    pub reason: String,
    /// The cluster's own sentence; may be empty.
    pub message: String,
    /// How the last run ended, for containers that ended.
    pub exit: Option<Exit>,
    /// Whether the container is up again at this moment, so that nothing can be concluded yet.
    pub trying: bool,
}

impl Symptom {
    fn new(signal: FailureKind, reason: impl Into<String>, message: impl Into<String>) -> Symptom {
        Symptom {
            signal,
            container: None,
            reason: reason.into(),
            message: message.into(),
            exit: None,
            trying: false,
        }
    }

    fn within(mut self, container: impl Into<String>) -> Symptom {
        self.container = Some(container.into());
        self
    }
}

/// How one run of a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The run: a container's id.
    pub run: String,
    /// The exit code.
    pub code: i64,
    /// The signal that ended it, where the runtime reports it.
    pub signal: Option<i64>,
    /// How often the container was restarted so far.
    pub restarts: i64,
}
