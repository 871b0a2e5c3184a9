//! One run, as every step is given it: where to tell things, when to stop, what the process was given.
//!
//! Not a bag for state: nothing in it changes during a run, so a step can only pass facts on by returning them.

#[cfg(test)]
use crate::event::Event;
use crate::event::Sink;
use crate::fault::Fault;
use crate::fault::Result;
use crate::signal::Cancel;
#[cfg(test)]
use crate::signal::CancelHandle;
use crate::world::World;
use std::future::Future;
use std::sync::Arc;
#[cfg(test)]
use tokio::sync::mpsc::UnboundedReceiver;

/// What every step is given.
#[derive(Debug, Clone)]
pub struct Run {
    /// Where to tell things.
    pub sink: Sink,
    /// When to stop.
    pub cancel: Cancel,
    /// What the process was given.
    pub world: Arc<World>,
    /// Whether the user asked for every detail (`--verbose`).
    pub verbose: bool,
}

impl Run {
    /// Runs `work` unless the user stops the run first; then the work is dropped and the fault says so.
    pub async fn or_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            fault = self.cancel.stopped() => {
                self.sink.stop(true);
                Err(fault)
            }
            done = work => done,
        }
    }

    /// The fault of a run that the user stopped, if it is stopped.
    #[must_use]
    pub fn stopped(&self) -> Option<Fault> {
        self.cancel.fault()
    }
}

#[cfg(test)]
impl Run {
    /// The run of a test in `world`, with its events and the end that asks it to stop.
    pub(crate) fn fake(world: World) -> (Run, UnboundedReceiver<Event>, CancelHandle) {
        let (sink, events) = Sink::new();
        let (handle, cancel) = Cancel::new();
        (Run { sink, cancel, world: Arc::new(world), verbose: false }, events, handle)
    }
}
