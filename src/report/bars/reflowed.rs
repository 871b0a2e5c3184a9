//! A terminal that shrinks wraps the lines that stand in it.
//!
//! indicatif clears as many rows as it has written. When the window has become narrower since, its lines take more of them,
//! and the upper ones would stay. So the rows that came by wrapping are cleared here before it clears its own.

use crate::report::style::columns;
use crate::world;
use indicatif::TermLike;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Clears what a frame takes in a terminal that has shrunk.
#[derive(Debug, Clone)]
pub(super) struct Reflowed<T> {
    terminal: T,
    wraps: bool,
    frame: Arc<Mutex<Frame>>,
}

/// The widths of lines, and how far indicatif has moved up to the first one that it clears.
#[derive(Debug, Default)]
struct Frame {
    /// Those that are on the screen.
    shown: Vec<usize>,
    /// Those that are written now.
    written: Vec<usize>,
    up: usize,
}

impl<T: TermLike> Reflowed<T> {
    /// `wraps`: whether the terminal wraps lines when it shrinks; others cut them.
    pub(super) fn new(terminal: T, wraps: bool) -> Self {
        Reflowed { terminal, wraps, frame: Arc::default() }
    }

    fn frame(&self) -> std::sync::MutexGuard<'_, Frame> {
        self.frame.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Clears the rows below those that indicatif clears, so that these are the first ones of the frame.
    fn clear_wrapped(&self) -> io::Result<()> {
        let (rows, up) = {
            let mut frame = self.frame();
            (wrapped(&std::mem::take(&mut frame.shown), frame.up, self.width()), frame.up)
        };
        if rows == 0 || !self.wraps {
            return Ok(());
        }
        self.terminal.move_cursor_down(up)?;
        for _ in 0..rows {
            self.terminal.clear_line()?;
            self.terminal.move_cursor_up(1)?;
        }
        self.terminal.move_cursor_up(up)
    }
}

/// How many rows the last `up` + 1 lines take in addition to one each.
fn wrapped(lines: &[usize], up: usize, width: u16) -> usize {
    let width = usize::from(width).max(1);
    lines.iter().rev().take(up + 1).map(|columns| columns.div_ceil(width).saturating_sub(1)).sum()
}

/// Whether the terminal of standard error wraps lines when it shrinks: nearly all do.
pub(super) fn wraps() -> bool {
    let is_set = |name: &str| world::variable(name).is_some();
    let term = world::variable("TERM").unwrap_or_default();
    let cuts = ["linux", "rxvt"].iter().any(|name| term.to_string_lossy().starts_with(name));
    is_set("TMUX") || !(cuts || is_set("XTERM_VERSION") || is_set("STY"))
}

impl<T: TermLike> TermLike for Reflowed<T> {
    fn width(&self) -> u16 {
        self.terminal.width()
    }

    fn height(&self) -> u16 {
        self.terminal.height()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.frame().up = n;
        self.terminal.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.terminal.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.terminal.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.terminal.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.terminal.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        // A line is followed by the blanks that fill it.
        if !text.bytes().all(|byte| byte == b' ') {
            self.frame().written.push(columns(text));
        }
        self.terminal.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.clear_wrapped()?;
        self.terminal.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        let mut frame = self.frame();
        frame.shown = std::mem::take(&mut frame.written);
        drop(frame);
        self.terminal.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn a_line_takes_as_many_rows_as_its_columns_need() {
        for (lines, up, width, more) in [
            (&[79, 40, 20][..], 2, 80, 0),
            (&[79, 40, 20], 2, 40, 1),
            (&[79, 41, 20], 2, 40, 2),
            (&[79, 41, 20], 2, 10, 7 + 4 + 1),
            // What stands above the lines that are cleared stays.
            (&[200, 79, 20], 1, 40, 1),
            (&[], 0, 40, 0),
            (&[5], 0, 0, 4),
        ] {
            assert_eq!(wrapped(lines, up, width), more, "{lines:?} {up} {width}");
        }
    }
}
