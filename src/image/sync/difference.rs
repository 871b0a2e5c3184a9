//! Which entries of a context differ from those of an earlier one.

use dockerfile::context::Context;
use dockerfile::context::ContextEntry;
use dockerfile::context::EntryKind;
use dockerfile::context::compare;
use std::cmp::Ordering;

/// One path that differs.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileChange<'a> {
    pub(super) path: &'a str,
    pub(super) difference: ContextDifference<'a>,
}

/// The kind of difference.
#[derive(Debug, Clone, Copy)]
pub(super) enum ContextDifference<'a> {
    /// It is new, or has other content or other permissions.
    Written(&'a EntryKind),
    /// It is not there any more.
    Removed,
    /// It was a file, directory or link, and is another of these.
    OfKind,
}

/// The differences in the order of the contexts, in which a directory comes before its content. Times do not count.
pub(super) fn between<'a>(before: &'a Context, now: &'a Context) -> Vec<FileChange<'a>> {
    let (mut was, mut is) = (before.entries.iter().peekable(), now.entries.iter().peekable());
    let mut changes = Vec::new();
    loop {
        let order = match (was.peek(), is.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(was), Some(is)) => compare(&was.path, &is.path),
        };
        let old = if order == Ordering::Greater { None } else { was.next() };
        let new = if order == Ordering::Less { None } else { is.next() };
        if let Some(path) = new.or(old).map(|entry| entry.path.as_str()) {
            changes.extend(of_one(old, new).map(|difference| FileChange { path, difference }));
        }
    }
}

fn of_one<'a>(old: Option<&'a ContextEntry>, new: Option<&'a ContextEntry>) -> Option<ContextDifference<'a>> {
    match (old.map(|old| &old.kind), new.map(|new| &new.kind)) {
        (_, None) => Some(ContextDifference::Removed),
        (None, Some(new)) => Some(ContextDifference::Written(new)),
        (Some(old), Some(new)) if std::mem::discriminant(old) != std::mem::discriminant(new) => {
            Some(ContextDifference::OfKind)
        }
        (Some(old), Some(new)) => (!is_same(old, new)).then_some(ContextDifference::Written(new)),
    }
}

fn is_same(old: &EntryKind, new: &EntryKind) -> bool {
    match (old, new) {
        (
            EntryKind::File { executable: was_executable, hash: was, size: was_size, .. },
            EntryKind::File { executable, hash, size, .. },
        ) => was == hash && was_executable == executable && was_size == size,
        _ => old == new,
    }
}
