//! The order of things: one file a command, a screen each.
//!
//! Not a framework of steps: what a step needs is what the step before returned. The flows alone know the order, and
//! turn what one room says into what the next one asks for; the rooms never know one another.

pub mod down;
pub mod gather;
pub mod reach;
pub mod status;
pub mod up;

use crate::report::status::StatusReport;

/// What a command answers on standard output.
#[derive(Debug)]
pub enum Answer {
    /// Nothing beyond what was told on the way.
    Nothing,
    /// The URL that answered.
    Url(String),
    /// What runs, how well, and where.
    Status(StatusReport),
}
