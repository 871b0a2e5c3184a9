//! One run, as every step is given it: the event sink, the stop signal, the process' context.
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
use std::io;
use std::pin::pin;
use std::sync::Arc;
#[cfg(test)]
use tokio::sync::mpsc::UnboundedReceiver;

/// What every step is given.
#[derive(Debug, Clone)]
pub struct Run {
    /// The event sink.
    pub sink: Sink,
    /// When to stop.
    pub cancel: Cancel,
    /// What the process was given.
    pub world: Arc<World>,
    /// Writes a question to the terminal. Only `report` writes there, so `session` sets it.
    pub prompt: fn(&str) -> io::Result<()>,
    /// Whether the user requested every detail (`--verbose`).
    pub verbose: bool,
}

impl Run {
    /// A run that is not verbose and cannot ask.
    #[must_use]
    pub fn new(sink: Sink, cancel: Cancel, world: impl Into<Arc<World>>) -> Run {
        Run { sink, cancel, world: world.into(), prompt: |_| Ok(()), verbose: false }
    }

    /// Runs `work` unless the user stops the run first; then the work is dropped and the fault reports it, as soon as
    /// nothing in it is shielded ([`Run::shield`]).
    ///
    /// The commands, and what holds the lock, are run by this. So what they await needs no care of its own.
    pub async fn or_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let around = self.cancel.shields();
        let mut work = pin!(work);
        let fault = tokio::select! {
            biased;
            fault = self.cancel.stopped() => fault,
            done = &mut work => return done,
        };
        self.sink.stop(true);
        tokio::select! {
            biased;
            () = self.cancel.unshielded(around) => Err(fault),
            done = work => done,
        }
    }

    /// Runs `work` to its end, even if the user stops the run meanwhile: for what must not be left half done.
    ///
    /// The work can still end early itself, by another [`Run::or_stopped`] within or by looking at [`Run::cancel`].
    pub async fn shield<T>(&self, work: impl Future<Output = T>) -> T {
        let _shield = self.cancel.shield();
        work.await
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
        (Run::new(sink, cancel, world), events, handle)
    }
}

#[cfg(test)]
mod tests {
    use super::Run;
    use crate::fault::FaultKind;
    use crate::world::World;
    use std::cell::Cell;

    #[tokio::test]
    async fn a_stopped_run_drops_its_work_once_nothing_in_it_is_shielded() {
        let (run, _, asker) = Run::fake(World::fake("/", [("", ""); 0]));
        let (shielded, after) = (Cell::new(0), Cell::new(false));
        let work = async {
            run.shield(async {
                asker.cancel(FaultKind::Interrupted);
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                    shielded.set(shielded.get() + 1);
                }
            })
            .await;
            tokio::task::yield_now().await;
            after.set(true);
            Ok(())
        };
        let fault = run.or_stopped(work).await.unwrap_err();
        assert_eq!((fault.kind, shielded.get(), after.get()), (FaultKind::Interrupted, 3, false));
    }

    #[tokio::test]
    async fn what_may_be_dropped_within_a_shield_is_dropped_and_the_shield_ends() {
        let (run, _, asker) = Run::fake(World::fake("/", [("", ""); 0]));
        let cleaned = Cell::new(false);
        let work = run.shield(async {
            asker.cancel(FaultKind::Terminated);
            let ended = run.or_stopped(std::future::pending::<crate::fault::Result<()>>()).await;
            tokio::task::yield_now().await;
            cleaned.set(true);
            ended
        });
        let fault = run.or_stopped(work).await.unwrap_err();
        assert_eq!((fault.kind, cleaned.get()), (FaultKind::Terminated, true));
    }

    #[tokio::test]
    async fn a_run_that_was_stopped_before_begins_nothing() {
        let (run, _, asker) = Run::fake(World::fake("/", [("", ""); 0]));
        asker.cancel(FaultKind::Interrupted);
        let begun = Cell::new(false);
        let work = async {
            begun.set(true);
            Ok(())
        };
        assert!(run.or_stopped(work).await.is_err() && !begun.get());
    }
}
