//! The destination of events, and the guards of begun work: a step or an item that is dropped unfinished has failed, or
//! was stopped because something else has failed.
//!
//! Never waits for a receiver: a slow or closed terminal must not slow down or stop the deployment.

use super::Amount;
use super::Event;
use super::EventKind;
use super::Finding;
use super::Outcome;
use super::Step;
use super::redacted;
use crate::redact::Redactor;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::debug;
use tracing::trace;

/// The destination of events. Cheap to clone; never blocks and never fails, with any receiver.
#[derive(Debug, Clone)]
pub struct Sink {
    began: Instant,
    channel: mpsc::UnboundedSender<Event>,
    redactor: Redactor,
    /// Whether guards dropped unfinished count as stopped.
    stopping: Arc<AtomicBool>,
}

impl Sink {
    /// A sink and its listening end; the clock of the run starts here.
    #[must_use]
    pub fn new() -> (Sink, mpsc::UnboundedReceiver<Event>) {
        let (channel, events) = mpsc::unbounded_channel();
        let (redactor, stopping) = (Redactor::default(), Arc::default());
        (Sink { began: Instant::now(), channel, redactor, stopping }, events)
    }

    /// Hides a secret value in everything that is sent from now on.
    pub fn hide(&self, value: &[u8]) {
        self.redactor.hide(value);
    }

    /// The redactor of secret values: for printed text that is not an event.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The event as sent: without secret values.
    #[must_use]
    pub fn covered(&self, mut kind: EventKind) -> EventKind {
        redacted::event(&self.redactor, &mut kind);
        kind
    }

    /// The finding without the values that are hidden.
    #[must_use]
    pub fn covered_finding(&self, mut finding: Finding) -> Finding {
        redacted::finding(&self.redactor, &mut finding);
        finding
    }

    /// Sends an event.
    pub fn emit(&self, kind: EventKind) {
        let kind = self.covered(kind);
        logged(&kind);
        // A renderer that ended (a closed pipe) must not stop the deployment.
        let _ = self.channel.send(Event { at_ms: self.elapsed_ms(), kind });
    }

    /// Milliseconds since the run began.
    #[must_use]
    pub fn elapsed_ms(&self) -> u64 {
        millis(self.began)
    }

    /// Begins a step; the guard reports how long it took, and that it failed if it is dropped unfinished.
    #[must_use]
    pub fn step(&self, step: Step) -> OpenStep {
        self.emit(EventKind::StepStarted { step });
        OpenStep { sink: self.clone(), step, began: Instant::now(), open: true }
    }

    /// Begins one item of a step.
    #[must_use]
    pub fn item(&self, step: Step, item: impl Into<String>) -> OpenItem {
        let item = item.into();
        self.emit(EventKind::ItemStarted { step, item: item.clone() });
        OpenItem { sink: self.clone(), step, item, began: Instant::now(), open: true }
    }

    /// From here on, guards dropped unfinished count as stopped, and not as failed; until `stopping` is false.
    pub fn stop(&self, stopping: bool) {
        self.stopping.store(stopping, Ordering::Relaxed);
    }

    fn unfinished(&self) -> Outcome {
        if self.stopping.load(Ordering::Relaxed) { Outcome::Stopped } else { Outcome::Failed }
    }

    /// Sends a finding.
    pub fn warn(&self, finding: Finding) {
        self.emit(EventKind::Warned { finding });
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
        self.sink.emit(EventKind::StepFinished {
            step: self.step,
            took_ms: millis(self.began),
            outcome,
            detail,
        });
    }
}

impl Drop for OpenStep {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let (step, took_ms) = (self.step, millis(self.began));
        self.sink.emit(match self.sink.unfinished() {
            Outcome::Failed => EventKind::StepFailed { step, took_ms },
            outcome => EventKind::StepFinished { step, took_ms, outcome, detail: None },
        });
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
    /// Reports its current activity.
    pub fn progress(&self, doing: impl Into<String>, amount: Option<Amount>) {
        self.sink.emit(EventKind::Progress {
            step: self.step,
            item: self.item.clone(),
            doing: doing.into(),
            amount,
        });
    }

    /// What it waits for now.
    pub fn waiting(&self, why: impl Into<String>) {
        self.sink.emit(EventKind::Waiting { step: self.step, item: self.item.clone(), why: why.into() });
    }

    /// A line that it printed.
    pub fn log(&self, line: impl Into<String>) {
        self.sink.emit(EventKind::Log { step: self.step, item: self.item.clone(), line: line.into() });
    }

    /// Ends it.
    pub fn finish(mut self, outcome: Outcome, detail: Option<String>) {
        self.close(outcome, detail);
    }

    fn close(&mut self, outcome: Outcome, detail: Option<String>) {
        self.open = false;
        let (step, item, took_ms) = (self.step, self.item.clone(), millis(self.began));
        self.sink.emit(EventKind::ItemFinished { step, item, outcome, took_ms, detail });
    }
}

impl Drop for OpenItem {
    fn drop(&mut self) {
        if self.open {
            self.close(self.sink.unfinished(), None);
        }
    }
}

/// Events are logged, too, with the reasons why an image is built or a check is skipped. What is printed by others
/// and what moves by itself is `trace`.
fn logged(kind: &EventKind) {
    let text = || serde_json::to_string(kind).unwrap_or_default();
    match kind {
        EventKind::Progress { .. } | EventKind::Log { .. } | EventKind::Printed { .. } => {
            trace!("{}", text());
        }
        _ => debug!("{}", text()),
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Sink;
    use crate::event::EventKind;
    use crate::event::Outcome;
    use crate::event::Step;

    #[test]
    fn what_something_else_has_ended_was_stopped_and_has_not_failed() {
        for (stopping, outcome) in [(false, Outcome::Failed), (true, Outcome::Stopped)] {
            let (sink, mut events) = Sink::new();
            let (step, item) = (sink.step(Step::Image), sink.item(Step::Image, "web"));
            sink.stop(stopping);
            drop((item, step));
            let mut reported = std::iter::from_fn(|| events.try_recv().ok()).map(|event| event.kind).skip(2);
            let first = reported.next();
            assert!(
                matches!(first, Some(EventKind::ItemFinished { outcome: is, .. }) if is == outcome),
                "{first:?}"
            );
            let second = reported.next();
            let failed = matches!(second, Some(EventKind::StepFailed { .. }));
            assert_eq!(failed, outcome == Outcome::Failed, "{second:?}");
        }
    }
}
