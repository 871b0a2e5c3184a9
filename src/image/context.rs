//! Reading a build context from disk: the walk by the ignore rules, and the files that cannot be sent.

mod confirm;
mod found;
mod walk;

pub use self::walk::names;
pub use self::walk::walk;
use crate::image::stat::Stat;
use dockerfile::context::Context;
use dockerfile::context::EntryKind;
use std::io;

/// Something in a context that cannot be sent as it is.
#[derive(Debug)]
pub struct Problem {
    /// Relative to the root; parts of it that are not UTF-8 are replaced.
    pub path: String,
    /// The kind of problem.
    pub kind: ProblemKind,
}

/// A problem with something in a context.
#[derive(Debug)]
pub enum ProblemKind {
    /// Its name, or the target of the link, is not UTF-8.
    NotUtf8,
    /// It cannot be read.
    Unreadable(io::Error),
    /// It changed again and again while it was read.
    KeepsChanging,
    /// A socket, pipe or device, which no image can hold; it is left out.
    Special,
}

/// The result of a walk.
#[derive(Debug)]
pub struct Walked {
    /// The files.
    pub context: Context,
    /// The files that cannot be sent, sorted by path.
    pub problems: Vec<Problem>,
}

/// The entry of a regular file.
fn file(stat: &Stat, executable: bool, hash: [u8; 32]) -> EntryKind {
    let modified_secs = stat.modified.div_euclid(1_000_000_000);
    EntryKind::File { size: stat.size, executable, hash, modified_secs }
}

#[cfg(test)]
mod tests;
