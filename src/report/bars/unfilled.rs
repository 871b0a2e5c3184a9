//! A terminal whose cursor stays where a line ends.
//!
//! indicatif fills each line with blanks, so that what others write begins on the next one. What a terminal echoes (`^C`) does so,
//! too, and moves the cursor to a line that indicatif does not know of: it then clears one line too few, and a line stays.

use indicatif::TermLike;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// Writes to a terminal without the blanks at the end of lines.
#[derive(Debug, Clone)]
pub(super) struct Unfilled<T> {
    terminal: T,
    /// Whether the next text begins a new line.
    is_ended: Arc<AtomicBool>,
}

impl<T: TermLike> Unfilled<T> {
    pub(super) fn new(terminal: T) -> Self {
        Unfilled { terminal, is_ended: Arc::default() }
    }

    /// Begins a new line where one has ended: what follows is written by others.
    pub(super) fn close(&self) {
        let _ = self.next_line().and_then(|()| self.terminal.flush());
    }

    /// Clears the screen.
    pub(super) fn wipe(&self) {
        let rows = usize::from(self.height().max(1));
        let below = rows - 1;
        let wiped = self.move_cursor_up(below).and_then(|()| {
            for _ in 0..below {
                self.clear_line()?;
                self.move_cursor_down(1)?;
            }
            self.clear_line()?;
            self.move_cursor_up(below)
        });
        // A closed terminal must not stop the deployment.
        let _ = wiped.and_then(|()| self.flush());
    }

    fn next_line(&self) -> io::Result<()> {
        if self.is_ended.swap(false, Ordering::Relaxed) { self.terminal.write_line("") } else { Ok(()) }
    }

    fn stay(&self, moved: bool) {
        if moved {
            self.is_ended.store(false, Ordering::Relaxed);
        }
    }
}

impl<T: TermLike> TermLike for Unfilled<T> {
    fn width(&self) -> u16 {
        self.terminal.width()
    }

    fn height(&self) -> u16 {
        self.terminal.height()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.stay(n > 0);
        self.terminal.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.stay(n > 0);
        self.terminal.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.terminal.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.terminal.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.next_line()?;
        self.terminal.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        // After a line the blanks that fill it; after these, the text of an empty line.
        let is_filler = text.bytes().all(|byte| byte == b' ');
        if is_filler && !self.is_ended.load(Ordering::Relaxed) {
            self.is_ended.store(true, Ordering::Relaxed);
            return Ok(());
        }
        self.next_line()?;
        if is_filler { Ok(()) } else { self.terminal.write_str(text) }
    }

    fn clear_line(&self) -> io::Result<()> {
        self.stay(true);
        self.terminal.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.terminal.flush()
    }
}
