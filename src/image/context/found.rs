//! What one thread of a walk found, and which of it counts.

use crate::image::context::Problem;
use crate::image::context::ProblemKind;
use crate::image::stat::Stat;
use crate::image::stat_cache::StatRecord;
use crate::image::stat_cache::What;
use dockerfile::context::ContextEntry;
use dockerfile::context::EntryKind;
use std::io;

#[derive(Default)]
pub(super) struct FoundContext {
    pub(super) entries: Vec<FoundEntry>,
    pub(super) problems: Vec<Problem>,
}

pub(super) struct FoundEntry {
    pub(super) entry: ContextEntry,
    /// A directory's is from before it was listed.
    pub(super) stat: Stat,
    /// Whether it is sent; not so a directory that is ignored, but in which something may be kept.
    pub(super) sent: bool,
}

impl FoundEntry {
    /// The record for the stat cache.
    pub(super) fn record(&self) -> StatRecord<'_> {
        let what = match &self.entry.kind {
            EntryKind::File { executable, hash, .. } => What::File { executable: *executable, hash: *hash },
            EntryKind::Folder => What::Folder { sent: self.sent },
            EntryKind::Link { target } => What::Link { target },
        };
        StatRecord { path: &self.entry.path, stat: self.stat, what }
    }
}

impl FoundContext {
    pub(super) fn append(&mut self, mut other: FoundContext) {
        self.entries.append(&mut other.entries);
        self.problems.append(&mut other.problems);
    }

    pub(super) fn add(&mut self, path: String, kind: EntryKind, stat: Stat) {
        self.entries.push(FoundEntry { entry: ContextEntry { path, kind }, stat, sent: true });
    }

    pub(super) fn add_folder(&mut self, path: String, stat: Stat, ignored: bool) {
        let entry = ContextEntry { path, kind: EntryKind::Folder };
        self.entries.push(FoundEntry { entry, stat, sent: !ignored });
    }

    pub(super) fn problem(&mut self, path: String, kind: ProblemKind) {
        self.problems.push(Problem { path, kind });
    }

    /// Reports an error, except that a file no longer exists: then it was deleted during the walk.
    pub(super) fn fail(&mut self, path: String, error: io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.problem(path, ProblemKind::Unreadable(error));
        }
    }
}

/// `fsutil` sends an ignored directory only if something in it is kept. The entries are in the context's order.
pub(super) fn send_folders_of_what_is_sent(found: &mut [FoundEntry]) {
    let mut next: Option<usize> = None;
    for index in (0..found.len()).rev() {
        let FoundEntry { entry, sent, .. } = &found[index];
        let holds = |next: usize| {
            let below = found[next].entry.path.strip_prefix(entry.path.as_str());
            below.is_some_and(|rest| rest.starts_with('/'))
        };
        if *sent || next.is_some_and(holds) {
            found[index].sent = true;
            next = Some(index);
        }
    }
}
