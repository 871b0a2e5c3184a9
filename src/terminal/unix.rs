//! termios(3).

use super::Mode;
use rustix::io::Errno;
use rustix::process::getpgrp;
use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use rustix::termios::SpecialCodeIndex;
use rustix::termios::Termios;
use rustix::termios::tcgetattr;
use rustix::termios::tcgetpgrp;
use rustix::termios::tcsetattr;
use std::io;
use std::io::Stdin;
use std::io::stdin;
use std::sync::Mutex;
use std::sync::PoisonError;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

/// The mode before it was changed.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Whether this process may use the terminal: one in the background is stopped when it does (SIGTTIN, SIGTTOU).
fn is_in_foreground() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
}

pub(super) fn change(mode: Mode) -> io::Result<()> {
    let before = tcgetattr(stdin())?;
    if !is_in_foreground() {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    let mut changed = before.clone();
    match mode {
        Mode::Raw => changed.make_raw(),
        Mode::Keys => changed.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO),
    }
    changed.special_codes[SpecialCodeIndex::VMIN] = 1;
    changed.special_codes[SpecialCodeIndex::VTIME] = 0;
    // Another change may be in effect: the mode before the first one counts.
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(before);
    tcsetattr(stdin(), OptionalActions::Now, &changed)?;
    Ok(())
}

pub(super) fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before.filter(|_| is_in_foreground()) {
        // A terminal that is gone has no mode.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

/// Returns when the terminal may have another size.
pub(crate) async fn resized() {
    let Ok(mut changed) = signal(SignalKind::window_change()) else { return std::future::pending().await };
    changed.recv().await;
}

/// Keys, as they are pressed.
#[derive(Debug)]
pub(crate) struct Keys {
    terminal: AsyncFd<Stdin>,
    continued: Signal,
    _mode: super::Changed,
}

impl Keys {
    /// Reads keys from here on.
    ///
    /// # Errors
    /// Where standard input is not a terminal, or that of another job.
    pub(crate) fn read() -> io::Result<Keys> {
        let mode = super::change(Mode::Keys)?;
        let continued = signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?;
        #[expect(deprecated, reason = "the safe way for a descriptor that is always the same and stays open")]
        let terminal = AsyncFd::new(stdin())?;
        Ok(Keys { terminal, continued, _mode: mode })
    }

    /// The next keys; `None` when the terminal is gone. Nothing but a key comes: escape sequences, as of the arrows, and
    /// pasted text contain characters that the user did not mean as keys.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            tokio::select! {
                ready = self.terminal.readable() => {
                    let mut ready = ready.ok()?;
                    if !is_in_foreground() {
                        ready.clear_ready();
                        continue;
                    }
                    let mut typed = [0; 64];
                    // It is ready, so this does not wait.
                    match rustix::io::read(stdin(), &mut typed) {
                        Ok(0) => return None,
                        Ok(count) => {
                            ready.clear_ready();
                            if let Some(keys) = keys(&typed[..count]) {
                                return Some(keys);
                            }
                        }
                        Err(Errno::INTR | Errno::AGAIN) => ready.clear_ready(),
                        Err(_) => return None,
                    }
                }
                _ = self.continued.recv() => {
                    // The shell has put its own mode in place meanwhile.
                    let _ = change(Mode::Keys);
                }
            }
        }
    }
}

fn keys(typed: &[u8]) -> Option<Vec<u8>> {
    const PASTED: usize = 8;
    (typed.len() < PASTED && !typed.contains(&0x1b)).then(|| typed.to_vec())
}

#[cfg(test)]
mod tests {
    use super::keys;

    #[test]
    fn escape_sequences_and_pasted_text_are_no_keys() {
        assert_eq!(keys(b"r").as_deref(), Some(&b"r"[..]));
        assert_eq!(keys(b"lq").as_deref(), Some(&b"lq"[..]));
        for typed in [&b"\x1b[A"[..], b"\x1bOq", b"\x1b[1;5C", b"q\x1b[B", b"quit the loop"] {
            assert_eq!(keys(typed), None, "{typed:?}");
        }
    }
}
