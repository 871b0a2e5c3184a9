//! What can happen during a run, as data.
//!
//! Not text: no event holds a sentence made for a screen, except where the text is a third party's own (a log line, a
//! kubelet's message, the name that minikube gives a step). Everything that is shown, and the final summary, is a fold
//! of this stream, so a recorded run can be shown again by any renderer.

mod code;
mod data;
mod finding;
mod redacted;
#[cfg(test)]
pub(crate) mod samples;
pub mod schema;
mod sink;

pub use code::Code;
pub use data::Data;
pub use finding::Finding;
pub use finding::Place;
pub use finding::Severity;
use serde::Deserialize;
use serde::Serialize;
pub use sink::OpenItem;
pub use sink::OpenStep;
pub use sink::Sink;

/// The version of the event stream, given in its first line. Fields are only ever added within a version.
pub const SCHEMA: u32 = 3;

/// One thing that happened, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The stations of a run, in the order of `todo up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Prerequisites of this machine and of the project's files.
    Preflight,
    /// The profile: started, repaired, configured.
    Minikube,
    /// Images built and brought to the node.
    Image,
    /// Objects written.
    Apply,
    /// Objects becoming healthy.
    Rollout,
    /// The URL proved.
    Service,
    /// The project's own checks, before the objects are written or after the URL is proved.
    Check,
    /// Objects taken away.
    Remove,
}

/// How a step or an item of it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it is for.
    Done,
    /// There was nothing to do.
    Unchanged,
    /// It did not apply to this project or this run.
    Skipped,
    /// An object that was not there is there.
    Created,
    /// An object was written.
    Changed,
    /// An object was deleted and made again.
    Recreated,
    /// An image was built.
    Built,
    /// An object or image is gone.
    Removed,
    /// Something was kept on purpose; the detail has the reason.
    Kept,
    /// An object is healthy.
    Ready,
    /// It was left unfinished, because something else ended the run.
    Stopped,
    /// It failed; a fault follows, or a warning where the run can do without it.
    Failed,
}

/// A key of `todo watch` that the view answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewKey {
    /// The help on all keys is requested.
    Help,
    /// The URL is requested.
    Url,
    /// The screen is to be cleared.
    Clear,
}

/// What a progress counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Steps of a build or a start.
    Steps,
    /// Replicas of a workload.
    Replicas,
    /// Percent of a whole of unknown size.
    Percent,
}

/// How far along one item of a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// So much is done.
    pub done: u64,
    /// Of so much, where it is known.
    pub total: Option<u64>,
    /// The unit of the count.
    pub unit: Unit,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
    /// The first event.
    RunStarted {
        /// [`SCHEMA`].
        schema: u32,
        /// The version of `todo`.
        version: String,
        /// The sub-command: `up`, `down`, ….
        command: String,
        /// The project's name.
        project: String,
        /// Where its objects go.
        namespace: String,
        /// The minikube profile.
        profile: String,
        /// The `[target]`, where that is meant instead of minikube.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        /// Whether nothing of it is real.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        rehearsal: bool,
    },
    /// A station is reached.
    StepStarted {
        /// Which.
        step: Step,
    },
    /// Work on one thing begins: an image, an object, the profile.
    ItemStarted {
        /// In which step.
        step: Step,
        /// Which thing.
        item: String,
    },
    /// One thing moves. Only the newest per item matters.
    Progress {
        /// In which step.
        step: Step,
        /// Which thing.
        item: String,
        /// The current activity, in its source's words: a build instruction, a minikube step.
        doing: String,
        /// How far it is, where that is known.
        amount: Option<Amount>,
    },
    /// One thing is waited for. Only the newest per item matters.
    Waiting {
        /// In which step.
        step: Step,
        /// Which thing.
        item: String,
        /// The reason for waiting: `1 of 2 replicas ready`, a pod's waiting reason.
        why: String,
    },
    /// A line that a build, a container or a program printed.
    Log {
        /// In which step.
        step: Step,
        /// The item of the line.
        item: String,
        /// The line, without its end.
        line: String,
    },
    /// Something worth knowing that does not end the run.
    Warned {
        /// What.
        finding: Finding,
    },
    /// A port of localhost is forwarded to a Service.
    Forwarded {
        /// The Service that people open.
        service: String,
        /// The number of its port.
        port: u16,
        /// Where it listens: `127.0.0.1:30080`.
        address: String,
        /// The process that holds it.
        pid: u32,
        /// Whether that process outlives this run.
        detached: bool,
        /// Whether an earlier run has started it.
        reused: bool,
    },
    /// One thing is finished.
    ItemFinished {
        /// In which step.
        step: Step,
        /// Which thing.
        item: String,
        /// How.
        outcome: Outcome,
        /// How long it took.
        took_ms: u64,
        /// A detail to show next to it: a size, an address, the reason why it was kept.
        detail: Option<String>,
    },
    /// A station is left.
    StepFinished {
        /// Which.
        step: Step,
        /// How long it took.
        took_ms: u64,
        /// [`Outcome::Unchanged`] if nothing had to be done.
        outcome: Outcome,
        /// A fact that sums it up: `2 images, 143 MB`.
        detail: Option<String>,
    },
    /// A station could not be passed; the run ends with it.
    StepFailed {
        /// Which.
        step: Step,
        /// How long it took.
        took_ms: u64,
    },
    /// `todo watch` reads keys.
    KeysRead {},
    /// A key was pressed that the view answers.
    KeyPressed {
        /// Which.
        key: ViewKey,
    },
    /// A line that the application printed, while `todo watch` shows its logs.
    Printed {
        /// The pod.
        pod: String,
        /// The container in it.
        container: String,
        /// The line, without its end.
        line: String,
    },
    /// A round of `todo watch` begins: the project is brought up.
    RoundStarted {
        /// The files that changed, relative to the directory of deploy.toml; none in the first round, and in one that
        /// the user requested.
        changed: Vec<String>,
    },
    /// A file changed before anything was written: the round was given up, and another begins.
    RoundSuperseded {
        /// How long it took.
        took_ms: u64,
    },
    /// A round ended with a project that is up; files are waited for.
    RoundFinished {
        /// How long it took.
        took_ms: u64,
        /// How many files are watched.
        files: usize,
        /// The URL that answered, where there is one.
        url: Option<String>,
    },
    /// A round failed; files are waited for. The fields are those of [`EventKind::RunFailed`].
    RoundFailed {
        /// How long it took.
        took_ms: u64,
        /// How many files are watched.
        files: usize,
        /// What sort of failure.
        kind: crate::fault::kind::FaultKind,
        /// What the failure is called.
        reason: Code,
        /// What we were doing, then why it failed, outermost first.
        causes: Vec<String>,
        /// All that was found.
        findings: Vec<Finding>,
        /// What to do now.
        hints: Vec<String>,
    },
    /// The last event of a run that succeeded.
    RunFinished {
        /// How long it took.
        took_ms: u64,
        /// The exit code; `status` has others than 0.
        code: u8,
        /// The URL that answered, where there is one.
        url: Option<String>,
    },
    /// The last event of a run that failed.
    RunFailed {
        /// How long it took.
        took_ms: u64,
        /// What sort of failure.
        kind: crate::fault::kind::FaultKind,
        /// What the failure is called.
        reason: Code,
        /// The exit code.
        code: u8,
        /// What we were doing, then why it failed, outermost first.
        causes: Vec<String>,
        /// All that was found.
        findings: Vec<Finding>,
        /// What to do now.
        hints: Vec<String>,
    },
}
