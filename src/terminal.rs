//! The terminal of standard input: its mode, changed for a time and put back however the program ends, and its size.
//!
//! Not the output (`report`), nor the meaning of keys (`flow`).

#[cfg(unix)]
#[path = "terminal/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "terminal/windows.rs"]
mod system;

mod stdin;

use std::io;
pub(crate) use stdin::Stdin;
pub(crate) use system::Keys;
pub(crate) use system::resized;

/// The input mode of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everything is passed on as it is typed, Ctrl-C too, and output is not changed.
    Raw,
    /// Single keys are passed on, and not shown. Ctrl-C and Ctrl-Z are signals, and printing is as ever.
    Keys,
}

/// A changed mode; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Changed(());

impl Drop for Changed {
    fn drop(&mut self) {
        restore();
    }
}

/// Changes the mode of the terminal of standard input. One change at a time.
///
/// # Errors
/// Where standard input is not a terminal, or that of another job.
pub(crate) fn change(mode: Mode) -> io::Result<Changed> {
    system::change(mode)?;
    Ok(Changed(()))
}

/// Puts back the mode that was changed, if it was. For those that end the process without a drop.
pub(crate) fn restore() {
    system::restore();
}

/// Columns and lines of the terminal of standard output.
pub(crate) fn size() -> Option<(u16, u16)> {
    console::Term::stdout().size_checked().map(|(lines, columns)| (columns, lines))
}
