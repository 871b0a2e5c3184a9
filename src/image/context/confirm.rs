//! Whether a context is unchanged since last time: the stat of each file, directory and link is read, and no
//! directory is listed.
//!
//! Listing is half of a walk's cost, and a directory with the same stat has the same entries (see [`Below::open`] for
//! where that holds). After the first difference, a walk is made.

use crate::image::context::file;
use crate::image::stat::Below;
use crate::image::stat_cache::KnownFiles;
use crate::image::stat_cache::StatCache;
use crate::image::stat_cache::StatRecord;
use crate::image::stat_cache::What;
use crate::image::threads::on_each;
use dockerfile::context::Context;
use dockerfile::context::ContextEntry;
use dockerfile::context::EntryKind;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// How many are read in one batch.
const BATCH: usize = 256;

/// From how many on a second thread is worth its start.
const MANY: usize = 1000;

/// The context as it was, if all of it is known and looks the same.
pub(super) fn confirm(root: &Path, cache: &StatCache, stop: &(dyn Fn() -> bool + Sync)) -> Option<Context> {
    let known = cache.whole()?;
    let (next, differs) = (AtomicUsize::new(0), AtomicBool::new(false));
    // A directory handle per thread: with a shared one they would contend for its reference count.
    let ask = || -> Vec<(usize, Vec<ContextEntry>)> {
        let mut confirmed = Vec::new();
        let Some(below) = Below::open(root) else {
            differs.store(true, Ordering::Relaxed);
            return confirmed;
        };
        loop {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            if first >= known.len() || differs.load(Ordering::Relaxed) {
                return confirmed;
            }
            match batch(&below, known, first) {
                Some(entries) if !stop() => confirmed.push((first, entries)),
                _ => differs.store(true, Ordering::Relaxed),
            }
        }
    };
    let mut confirmed: Vec<(usize, Vec<ContextEntry>)> =
        if known.len() < MANY { ask() } else { on_each(ask).into_iter().flatten().collect() };
    if differs.into_inner() {
        return None;
    }
    confirmed.sort_unstable_by_key(|(first, _)| *first);
    let mut entries = Vec::with_capacity(known.len());
    for (_, batch) in confirmed {
        entries.extend(batch);
    }
    Some(Context::new(root, entries))
}

/// The entries to send of the records from `first` on; `None` if one of them has changed.
fn batch(below: &Below, known: &KnownFiles, first: usize) -> Option<Vec<ContextEntry>> {
    let mut entries = Vec::with_capacity(BATCH);
    for index in first..known.len().min(first + BATCH) {
        let StatRecord { path, stat, what } = known.record(index)?;
        if below.stat(path)? != stat {
            return None;
        }
        let kind = match what {
            What::File { executable, hash } => file(&stat, executable, hash),
            What::Folder { sent: true } => EntryKind::Folder,
            What::Folder { sent: false } => continue,
            What::Link { target } => EntryKind::Link { target: target.to_owned() },
        };
        entries.push(ContextEntry { path: path.to_owned(), kind });
    }
    Some(entries)
}
