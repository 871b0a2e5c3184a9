//! The keys of `todo watch`: `r` and `f` bring the project up again, `l` shows and hides the application's logs, `o`
//! opens the URL, `q` ends the loop; the view handles `h`, `u` and `c`. They are read during a round, too.

use super::logs::AppLogs;
use crate::event::EventKind;
use crate::event::ViewKey;
use crate::fault::FaultKind;
use crate::flow::open;
use crate::run::Run;
use crate::signal::Cancel;
use crate::signal::CancelHandle;
use crate::terminal::Keys;
use std::cell::RefCell;
use std::convert::Infallible;
use tokio::sync::Notify;

/// The state that keys act on.
#[derive(Debug)]
pub(super) struct Controls {
    run: Run,
    quit: CancelHandle,
    /// The user requested a round, although nothing has changed.
    pub(super) again: Notify,
    /// The URL that answered last.
    pub(super) url: RefCell<Option<String>>,
    pub(super) logs: AppLogs,
}

impl Controls {
    /// Controls of a loop that runs as the returned [`Run`].
    pub(super) fn new(run: &Run, logs: bool) -> Controls {
        let (quit, cancel) = Cancel::new();
        let run = Run { cancel, ..run.clone() };
        let logs = AppLogs::new(&run, logs);
        Controls { run, quit, again: Notify::new(), url: RefCell::default(), logs }
    }

    /// The loop's own run: it is stopped by `q`, and when its parent run is stopped.
    pub(super) fn run(&self) -> Run {
        self.run.clone()
    }

    /// Obeys keys, where standard input is a terminal, and `outer`.
    pub(super) async fn obey(&self, outer: &Cancel) -> Infallible {
        let world = &self.run.world;
        // A background process, or one whose terminal refuses, runs without keys.
        let mut keys = (world.may_ask && world.stdin_is_terminal).then(Keys::read).and_then(Result::ok);
        if keys.is_some() {
            self.run.sink.emit(EventKind::KeysRead {});
        }
        loop {
            tokio::select! {
                fault = outer.stopped() => {
                    self.quit.cancel(fault.kind);
                    return std::future::pending().await;
                }
                pressed = next(&mut keys) => match pressed {
                    Some(pressed) => pressed.into_iter().for_each(|key| self.press(key)),
                    None => keys = None,
                },
            }
        }
    }

    fn press(&self, key: u8) {
        match key {
            // Both are a whole `up`: it detects what is unchanged.
            b'r' | b'f' => self.again.notify_one(),
            b'l' => self.logs.toggle(),
            b'o' => self.open_url(),
            b'h' | b'?' => self.view(ViewKey::Help),
            b'u' => self.view(ViewKey::Url),
            b'c' => self.view(ViewKey::Clear),
            b'q' => {
                self.quit.cancel(FaultKind::Interrupted);
            }
            _ => {}
        }
    }

    fn view(&self, key: ViewKey) {
        self.run.sink.emit(EventKind::KeyPressed { key });
    }

    fn open_url(&self) {
        let Some(url) = self.url.borrow().clone() else { return };
        let run = self.run.clone();
        tokio::spawn(async move {
            if let Err(finding) = open::show(&run, &url).await {
                run.sink.warn(finding);
            }
        });
    }
}

async fn next(keys: &mut Option<Keys>) -> Option<Vec<u8>> {
    match keys {
        Some(keys) => keys.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::Controls;
    use crate::fault::FaultKind;
    use crate::run::Run;
    use crate::world::World;

    #[tokio::test]
    async fn a_key_asks_for_a_round_or_for_the_end_and_ctrl_c_still_ends_the_loop() {
        let (run, _, asker) = Run::fake(World::fake("/", [("", ""); 0]));
        let controls = Controls::new(&run, false);
        controls.press(b'x');
        assert!(futures::poll!(std::pin::pin!(controls.again.notified())).is_pending());
        controls.press(b'r');
        controls.again.notified().await;
        assert!(controls.run().stopped().is_none());
        controls.press(b'q');
        assert_eq!(controls.run().stopped().map(|fault| fault.kind), Some(FaultKind::Interrupted));
        assert!(run.stopped().is_none(), "what comes after the loop is not stopped");

        let controls = Controls::new(&run, false);
        asker.cancel(FaultKind::Terminated);
        assert!(futures::poll!(std::pin::pin!(controls.obey(&run.cancel))).is_pending());
        assert_eq!(controls.run().stopped().map(|fault| fault.kind), Some(FaultKind::Terminated));
    }
}
