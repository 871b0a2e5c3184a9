//! What one thread of a walk found, and what of it counts.

use crate::image::context::Entry;
use crate::image::context::EntryKind;
use crate::image::context::Problem;
use crate::image::context::ProblemKind;
use crate::image::stat::Stat;
use crate::image::stat_cache::Read;
use crate::image::stat_cache::Record;
use std::io;

#[derive(Default)]
pub(super) struct Found {
    pub(super) entries: Vec<FoundEntry>,
    pub(super) problems: Vec<Problem>,
}

pub(super) struct FoundEntry {
    pub(super) entry: Entry,
    pub(super) stat: Option<Stat>,
    /// Whether the stat cache had it, as it is.
    pub(super) known: bool,
    /// A folder that is ignored, but in which something may be kept.
    pub(super) ignored: bool,
}

impl FoundEntry {
    pub(super) fn read(&self) -> Option<Read<'_>> {
        match (&self.entry.kind, self.stat) {
            (EntryKind::File { hash, .. }, Some(stat)) => {
                let record = Record { stat, hash: *hash };
                Some(Read { path: &self.entry.path, record, known: self.known })
            }
            _ => None,
        }
    }
}

impl Found {
    pub(super) fn append(&mut self, mut other: Found) {
        self.entries.append(&mut other.entries);
        self.problems.append(&mut other.problems);
    }

    pub(super) fn add(&mut self, path: String, kind: EntryKind) {
        self.entries.push(FoundEntry {
            entry: Entry { path, kind },
            stat: None,
            known: false,
            ignored: false,
        });
    }

    pub(super) fn add_file(
        &mut self,
        path: String,
        stat: Stat,
        executable: bool,
        hash: [u8; 32],
        known: bool,
    ) {
        let modified_secs = stat.modified.div_euclid(1_000_000_000);
        let kind = EntryKind::File { size: stat.size, executable, hash, modified_secs };
        self.entries.push(FoundEntry {
            entry: Entry { path, kind },
            stat: Some(stat),
            known,
            ignored: false,
        });
    }

    pub(super) fn problem(&mut self, path: String, kind: ProblemKind) {
        self.problems.push(Problem { path, kind });
    }

    /// Tells of an error, except that something is not there any more: then the walk came a moment later.
    pub(super) fn fail(&mut self, path: String, error: io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.problem(path, ProblemKind::Unreadable(error));
        }
    }
}

/// `fsutil` tells of an ignored folder only if something in it is kept.
pub(super) fn without_empty_ignored_folders(found: Vec<FoundEntry>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(found.len());
    for FoundEntry { entry, ignored, .. } in found.into_iter().rev() {
        let needed = !ignored
            || entries.last().is_some_and(|next| {
                next.path.strip_prefix(entry.path.as_str()).is_some_and(|rest| rest.starts_with('/'))
            });
        if needed {
            entries.push(entry);
        }
    }
    entries.reverse();
    entries
}
