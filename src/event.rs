//! What can happen during a run, as data.
//!
//! Not text: no event holds a sentence made for a screen, except where the text is a third party's own (a log line, a
//! kubelet's message, the name that minikube gives a step). Everything that is shown, and the final summary, is a fold
//! of this stream, so a recorded run can be shown again by any renderer.

mod veil;

use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The version of the event stream, told in its first line. Fields are only ever added within a version.
pub const SCHEMA: u32 = 1;

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
    /// Something was left where it is on purpose; the detail says why.
    Kept,
    /// An object is healthy.
    Ready,
    /// It failed; a fault follows, or a warning where the run can do without it.
    Failed,
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
    /// What is counted.
    pub unit: Unit,
}

/// A place in a file that people wrote.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file, relative to the folder of deploy.toml where it lies below it.
    pub file: PathBuf,
    /// Line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 for the line as a whole.
    pub column: usize,
}

impl Place {
    /// The file as a whole.
    #[must_use]
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Place { file: file.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match (self.line, self.column) {
            (0, _) => write!(f, "{file}"),
            (line, 0) => write!(f, "{file}:{line}"),
            (line, column) => write!(f, "{file}:{line}:{column}"),
        }
    }
}

/// Whether a finding ends the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Ends the run.
    Error,
    /// Worth knowing; the run goes on.
    Warning,
    /// A fact that explains what happens.
    Note,
}

/// One thing that is wrong, or worth knowing: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Whether it ends the run.
    pub severity: Severity,
    /// Where it is written, if it is written somewhere.
    pub place: Option<Place>,
    /// What it is about: `Deployment/web`, `image todo-backend`.
    pub subject: Option<String>,
    /// What is wrong: lowercase, no full stop, names in backticks.
    pub message: String,
    /// What shows it: the last log lines, the events, the neighbouring lines.
    pub evidence: Vec<String>,
    /// What to do; a command in backticks is to be pasted.
    pub mend: Option<String>,
}

impl Finding {
    /// Something that ends the run.
    pub fn error(message: impl Into<String>) -> Self {
        Finding::new(Severity::Error, message)
    }

    /// Something worth knowing.
    pub fn warning(message: impl Into<String>) -> Self {
        Finding::new(Severity::Warning, message)
    }

    fn new(severity: Severity, message: impl Into<String>) -> Self {
        Finding {
            severity,
            place: None,
            subject: None,
            message: message.into(),
            evidence: Vec::new(),
            mend: None,
        }
    }

    /// Says where it is written.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Says what it is about.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Adds what shows it.
    #[must_use]
    pub fn evidence(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(lines);
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
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
        /// What is going on, in the words of whoever does it: a build instruction, a minikube step.
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
        /// What is missing: `1 of 2 replicas ready`, a pod's waiting reason.
        why: String,
    },
    /// A line that a build, a container or a program printed.
    Log {
        /// In which step.
        step: Step,
        /// Whose line.
        item: String,
        /// The line, without its end.
        line: String,
    },
    /// Something worth knowing that does not end the run.
    Warned {
        /// What.
        finding: Finding,
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
        /// A fact worth showing beside it: a size, an address, the reason why it was kept.
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
    /// The last event of a run that did what it was asked for.
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
        kind: crate::fault::Kind,
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

/// Where events go. Cheap to clone; never blocks and never fails, whoever listens.
#[derive(Debug, Clone)]
pub struct Sink {
    began: Instant,
    channel: mpsc::UnboundedSender<Event>,
    veil: veil::Veil,
}

impl Sink {
    /// A sink and its listening end; the clock of the run starts here.
    #[must_use]
    pub fn new() -> (Sink, mpsc::UnboundedReceiver<Event>) {
        let (channel, events) = mpsc::unbounded_channel();
        (Sink { began: Instant::now(), channel, veil: veil::Veil::default() }, events)
    }

    /// Hides a secret value in everything that is told from now on.
    pub fn hide(&self, value: &[u8]) {
        self.veil.hide(value);
    }

    /// What would be told: without the values that are hidden.
    #[must_use]
    pub fn covered(&self, mut kind: EventKind) -> EventKind {
        self.veil.cover(&mut kind);
        kind
    }

    /// Tells what happened.
    pub fn tell(&self, kind: EventKind) {
        let kind = self.covered(kind);
        // A renderer that is gone (a closed pipe) is no reason to stop deploying.
        let _ = self.channel.send(Event { at_ms: self.elapsed_ms(), kind });
    }

    /// Milliseconds since the run began.
    #[must_use]
    pub fn elapsed_ms(&self) -> u64 {
        millis(self.began)
    }

    /// Begins a step; the guard tells how long it took, and that it failed if it is dropped unfinished.
    #[must_use]
    pub fn step(&self, step: Step) -> OpenStep {
        self.tell(EventKind::StepStarted { step });
        OpenStep { sink: self.clone(), step, began: Instant::now(), open: true }
    }

    /// Begins one item of a step.
    #[must_use]
    pub fn item(&self, step: Step, item: impl Into<String>) -> OpenItem {
        let item = item.into();
        self.tell(EventKind::ItemStarted { step, item: item.clone() });
        OpenItem { sink: self.clone(), step, item, began: Instant::now(), open: true }
    }

    /// Tells something worth knowing.
    pub fn warn(&self, finding: Finding) {
        self.tell(EventKind::Warned { finding });
    }
}

/// A step that has begun.
#[derive(Debug)]
pub struct OpenStep {
    sink: Sink,
    step: Step,
    began: Instant,
    open: bool,
}

impl OpenStep {
    /// Ends the step well.
    pub fn finish(mut self, outcome: Outcome, detail: Option<String>) {
        self.open = false;
        self.sink.tell(EventKind::StepFinished {
            step: self.step,
            took_ms: millis(self.began),
            outcome,
            detail,
        });
    }
}

impl Drop for OpenStep {
    fn drop(&mut self) {
        if self.open {
            self.sink.tell(EventKind::StepFailed { step: self.step, took_ms: millis(self.began) });
        }
    }
}

/// An item of a step that has begun.
#[derive(Debug)]
pub struct OpenItem {
    sink: Sink,
    step: Step,
    item: String,
    began: Instant,
    open: bool,
}

impl OpenItem {
    /// What is going on with it now.
    pub fn progress(&self, doing: impl Into<String>, amount: Option<Amount>) {
        self.sink.tell(EventKind::Progress {
            step: self.step,
            item: self.item.clone(),
            doing: doing.into(),
            amount,
        });
    }

    /// What it waits for now.
    pub fn waiting(&self, why: impl Into<String>) {
        self.sink.tell(EventKind::Waiting { step: self.step, item: self.item.clone(), why: why.into() });
    }

    /// A line that it printed.
    pub fn log(&self, line: impl Into<String>) {
        self.sink.tell(EventKind::Log { step: self.step, item: self.item.clone(), line: line.into() });
    }

    /// Ends it.
    pub fn finish(mut self, outcome: Outcome, detail: Option<String>) {
        self.close(outcome, detail);
    }

    fn close(&mut self, outcome: Outcome, detail: Option<String>) {
        self.open = false;
        let (step, item, took_ms) = (self.step, self.item.clone(), millis(self.began));
        self.sink.tell(EventKind::ItemFinished { step, item, outcome, took_ms, detail });
    }
}

impl Drop for OpenItem {
    fn drop(&mut self) {
        if self.open {
            self.close(Outcome::Failed, None);
        }
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
