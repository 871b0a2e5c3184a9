//! Ctrl-C and its relatives: once asks, twice insists.
//!
//! Does no cleanup: the waiting step is notified and decides how to stop. The second signal ends the process at once,
//! because a step that hangs must not be able to keep the user. So does the first one where the run cannot be notified:
//! the run has one thread, and work that computes or blocks there (a huge file, a disk that does not answer) hears of
//! nothing. Such a run ends within a second; one that still answers is given the time that its clean-up takes. A signal
//! that was ignored when the process began (`nohup`) stays ignored.

#[cfg(unix)]
mod ignored;

use crate::event::Code;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::terminal;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How long the thread of a stopped run may not get to its next task before the run counts as stuck.
const STUCK: Duration = Duration::from_millis(700);

/// How long telling so may take.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// The interval of the checks.
const PULSE: Duration = Duration::from_millis(50);

/// Whether, and by what, the run was asked to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cancel {
    asked: watch::Receiver<Option<FaultKind>>,
    /// How many shields there are.
    shields: watch::Sender<usize>,
}

/// While it lives, the run is not ended around it.
#[derive(Debug)]
pub struct Shield(watch::Sender<usize>);

impl Drop for Shield {
    fn drop(&mut self) {
        self.0.send_modify(|shields| *shields -= 1);
    }
}

/// The end that asks.
#[derive(Debug)]
pub struct CancelHandle {
    ask: watch::Sender<Option<FaultKind>>,
}

impl CancelHandle {
    /// Asks the run to stop, for [`FaultKind::Interrupted`] or [`FaultKind::Terminated`]. Returns whether it was asked before.
    pub fn cancel(&self, kind: FaultKind) -> bool {
        let before = self.ask.send_replace(Some(kind));
        before.is_some()
    }
}

impl Cancel {
    /// A handle on a run that has not been asked to stop, and the end that asks.
    #[must_use]
    pub fn new() -> (CancelHandle, Cancel) {
        let (ask, asked) = watch::channel(None);
        (CancelHandle { ask }, Cancel { asked, shields: watch::Sender::new(0) })
    }

    /// Waits until the run is requested to stop, for ever if it never is.
    pub async fn stopped(&self) -> Fault {
        let mut asked = self.asked.clone();
        match asked.wait_for(Option::is_some).await.map(|kind| *kind) {
            Ok(Some(kind)) => fault(kind),
            _ => std::future::pending().await,
        }
    }

    /// Has the run wait for the end of what begins now before it ends.
    #[must_use]
    pub fn shield(&self) -> Shield {
        self.shields.send_modify(|shields| *shields += 1);
        Shield(self.shields.clone())
    }

    /// How many shields there are.
    pub(crate) fn shields(&self) -> usize {
        *self.shields.borrow()
    }

    /// Waits until there are no more shields than `around`.
    pub(crate) async fn unshielded(&self, around: usize) {
        let mut shields = self.shields.subscribe();
        // The sender lives as long as `self`.
        let _ = shields.wait_for(|shields| *shields <= around).await;
    }

    /// Whether the run was asked to stop, as the fault it ends with.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.asked.borrow().map(fault)
    }
}

fn fault(kind: FaultKind) -> Fault {
    let message = if kind == FaultKind::Terminated { "terminated" } else { "interrupted" };
    Code::Interrupted.fault(kind, message)
}

/// What a process does when its terminal is closed (SIGHUP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// It ends, as by SIGTERM.
    Ends,
    /// Nothing: it has no terminal.
    Ignored,
}

/// Listens for the signals of this platform until the process ends; the second one ends it, and the first one if `work`,
/// the runtime of the run, is stuck. Then `stuck` is called before, to report that the run was stopped.
///
/// On a thread of its own: a run that is held up by a reader of its output who does not read must still be ended.
pub fn listen(
    asker: CancelHandle,
    on_hangup: Hangup,
    work: Handle,
    stuck: impl FnOnce(Fault) + Send + 'static,
) {
    // Before the first handler is there, and with it the old disposition gone.
    #[cfg(unix)]
    let ignored = ignored::Ignored::of_this_process();
    #[cfg(windows)]
    let ignored = NoneIgnored;
    let (installed, installs) = std::sync::mpsc::channel();
    let listening = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let mut first = std::pin::pin!(next(on_hangup, ignored));
            let kind = match futures::poll!(&mut first) {
                Poll::Ready(kind) => kind,
                Poll::Pending => {
                    let _ = installed.send(());
                    first.await
                }
            };
            asker.cancel(kind);
            tokio::select! {
                kind = next(on_hangup, ignored) => force_exit(kind),
                () = until_stuck(&work, STUCK) => {
                    // The renderer may be stuck, too.
                    let (sender, heard) = std::sync::mpsc::channel();
                    std::thread::spawn(move || {
                        stuck(fault(kind));
                        let _ = sender.send(());
                    });
                    let _ = heard.recv_timeout(LAST_WORDS);
                    force_exit(kind)
                }
            }
        });
    };
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(listening);
    // Until the handlers are installed, a signal would end the process without a word.
    let _ = installs.recv();
}

/// Returns once the thread of `work` has not got to a new task within `limit`.
async fn until_stuck(work: &Handle, limit: Duration) {
    while tokio::time::timeout(limit, work.spawn(async {})).await.is_ok() {
        tokio::time::sleep(PULSE).await;
    }
}

#[expect(clippy::exit, reason = "the user insists: whatever still runs has had its chance")]
fn force_exit(kind: FaultKind) -> ! {
    terminal::restore();
    std::process::exit(i32::from(kind.exit_code()))
}

#[cfg(unix)]
async fn next(on_hangup: Hangup, ignored: ignored::Ignored) -> FaultKind {
    use tokio::signal::unix::SignalKind;
    use tokio::signal::unix::signal;
    let received = |kind: SignalKind| async move {
        match (!ignored.contains(kind)).then(|| signal(kind)) {
            Some(Ok(mut signal)) => signal.recv().await,
            Some(Err(_)) | None => std::future::pending().await,
        }
    };
    let hung_up = async {
        if on_hangup == Hangup::Ignored {
            // Without our handler the signal may end the process.
            let _handler = signal(SignalKind::hangup());
            return std::future::pending().await;
        }
        received(SignalKind::hangup()).await;
    };
    tokio::select! {
        _ = received(SignalKind::interrupt()) => FaultKind::Interrupted,
        _ = received(SignalKind::terminate()) => FaultKind::Terminated,
        () = hung_up => FaultKind::Terminated,
    }
}

/// On Windows a parent cannot set these events to be ignored.
#[cfg(windows)]
#[derive(Debug, Clone, Copy)]
struct NoneIgnored;

#[cfg(windows)]
async fn next(_on_hangup: Hangup, _: NoneIgnored) -> FaultKind {
    use tokio::signal::windows;
    let (Ok(mut ctrl_c), Ok(mut ctrl_break), Ok(mut close)) =
        (windows::ctrl_c(), windows::ctrl_break(), windows::ctrl_close())
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = ctrl_c.recv() => FaultKind::Interrupted,
        _ = ctrl_break.recv() => FaultKind::Interrupted,
        _ = close.recv() => FaultKind::Terminated,
    }
}

#[cfg(test)]
mod tests {
    use super::PULSE;
    use super::until_stuck;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_thread_that_blocks_is_stuck_and_one_that_waits_is_not() {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (handle, started) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let (wait, waited) = tokio::sync::oneshot::channel::<()>();
        let work = std::thread::spawn(move || {
            let work = runtime();
            work.block_on(async {
                handle.send(work.handle().clone()).unwrap();
                waited.await.unwrap();
                // What computes or blocks.
                ended.recv().unwrap();
            });
        });
        let work_handle = started.recv().unwrap();
        runtime().block_on(async {
            let alive = until_stuck(&work_handle, Duration::from_secs(60));
            assert!(tokio::time::timeout(PULSE * 4, alive).await.is_err());
            wait.send(()).unwrap();
            until_stuck(&work_handle, PULSE).await;
        });
        end.send(()).unwrap();
        work.join().unwrap();
    }
}
