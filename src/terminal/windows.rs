//! The Windows console.

use super::Mode;
use crossterm::terminal;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often the size of the console is read: Windows reports changes only among the key events.
const ASK: Duration = Duration::from_millis(300);

static IS_RAW: AtomicBool = AtomicBool::new(false);

pub(super) fn change(mode: Mode) -> io::Result<()> {
    // Keys are read one by one in any mode.
    if mode == Mode::Raw {
        terminal::enable_raw_mode()?;
        IS_RAW.store(true, Ordering::SeqCst);
    }
    Ok(())
}

pub(super) fn restore() {
    if IS_RAW.swap(false, Ordering::SeqCst) {
        let _ = terminal::disable_raw_mode();
    }
}

/// Returns when the terminal has another size.
pub(crate) async fn resized() {
    let before = super::size();
    while super::size() == before {
        tokio::time::sleep(ASK).await;
    }
}

/// Keys, as they are pressed.
#[derive(Debug)]
pub(crate) struct Keys {
    pressed: mpsc::UnboundedReceiver<u8>,
    _mode: super::Changed,
}

impl Keys {
    /// Reads keys from here on.
    ///
    /// # Errors
    /// Where there can be no thread.
    pub(crate) fn read() -> io::Result<Keys> {
        let mode = super::change(Mode::Keys)?;
        let (tell, pressed) = mpsc::unbounded_channel();
        // It ends with the process: nothing wakes it.
        let reading = move || {
            let terminal = console::Term::stderr();
            while let Ok(key) = terminal.read_key() {
                if let console::Key::Char(key) = key
                    && let Ok(key) = u8::try_from(key)
                    && tell.send(key).is_err()
                {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("keys".to_owned()).spawn(reading)?;
        Ok(Keys { pressed, _mode: mode })
    }

    /// The next key; `None` when the console is gone.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        self.pressed.recv().await.map(|key| vec![key])
    }
}
