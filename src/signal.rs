//! Ctrl-C and its relatives: once asks, twice insists.
//!
//! Not a place that cleans up: whoever waits is told to stop and decides what that means. The second signal ends the
//! process at once, because a step that hangs must not be able to keep the user.

use crate::fault::Fault;
use crate::fault::Kind;
use tokio::sync::watch;

/// Whether, and by what, the run was asked to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cancel {
    asked: watch::Receiver<Option<Kind>>,
}

/// The end that asks.
#[derive(Debug)]
pub struct Asker {
    ask: watch::Sender<Option<Kind>>,
}

impl Asker {
    /// Asks the run to stop, for [`Kind::Interrupted`] or [`Kind::Terminated`]. Returns whether it was asked before.
    pub fn ask(&self, kind: Kind) -> bool {
        let before = self.ask.send_replace(Some(kind));
        before.is_some()
    }
}

impl Cancel {
    /// A handle on a run that has not been asked to stop, and the end that asks.
    #[must_use]
    pub fn new() -> (Asker, Cancel) {
        let (ask, asked) = watch::channel(None);
        (Asker { ask }, Cancel { asked })
    }

    /// Waits until the run is asked to stop, for ever if it never is.
    pub async fn stopped(&self) -> Fault {
        let mut asked = self.asked.clone();
        match asked.wait_for(Option::is_some).await.map(|kind| *kind) {
            Ok(Some(kind)) => fault(kind),
            _ => std::future::pending().await,
        }
    }

    /// Whether the run was asked to stop, as the fault it ends with.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.asked.borrow().map(fault)
    }
}

fn fault(kind: Kind) -> Fault {
    let message = if kind == Kind::Terminated { "terminated" } else { "interrupted" };
    Fault::message(kind, message)
}

/// Listens for the signals of this platform until the process ends; the second one ends it.
///
/// On a thread of its own: a run that is held up by a reader of its output who does not read must still be ended.
pub fn listen(asker: Asker) {
    let listening = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async {
            loop {
                let kind = next().await;
                if asker.ask(kind) {
                    insist(kind);
                }
            }
        });
    };
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(listening);
}

#[expect(clippy::exit, reason = "the user insists: whatever still runs has had its chance")]
fn insist(kind: Kind) -> ! {
    std::process::exit(i32::from(kind.exit_code()))
}

#[cfg(unix)]
async fn next() -> Kind {
    use tokio::signal::unix::SignalKind;
    use tokio::signal::unix::signal;
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => Kind::Interrupted,
        _ = terminate.recv() => Kind::Terminated,
        _ = hangup.recv() => Kind::Terminated,
    }
}

#[cfg(windows)]
async fn next() -> Kind {
    use tokio::signal::windows;
    let (Ok(mut ctrl_c), Ok(mut ctrl_break), Ok(mut close)) =
        (windows::ctrl_c(), windows::ctrl_break(), windows::ctrl_close())
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = ctrl_c.recv() => Kind::Interrupted,
        _ = ctrl_break.recv() => Kind::Interrupted,
        _ = close.recv() => Kind::Terminated,
    }
}
