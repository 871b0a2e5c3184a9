//! Noticing that files have changed: which of them, once for each burst of writes, and none too few.
//!
//! An event of the file system only names a path. The changes are found by comparing `tree::Tree`, the
//! manifest of all watched files, with the disk; so an editor that writes a file by way of three renames, a `touch` and a
//! queue of events that overflowed need no rules of their own. One thread does all of it (`work`), in addition to the
//! one in which `notify` reads events; nothing here knows what the files are for.

mod change;
mod dirty;
mod ephemeral;
mod file_system;
mod polled;
mod quiet;
mod root;
mod stat;
mod tree;
mod watcher;
mod work;

pub use change::Changes;
pub use change::PathChange;
pub use root::Filter;
pub use root::Root;
pub use root::Scope;

use crate::event::Finding;
use dirty::Dirty;
use std::io;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

/// The new state of the watched files.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// How many files there are.
    pub files: usize,
    /// Worth knowing: why something is polled.
    pub findings: Vec<Finding>,
}

/// A thread that watches files. It ends when this is dropped.
#[derive(Debug)]
pub struct Watching {
    dirty: Arc<Dirty>,
    changes: mpsc::UnboundedReceiver<Changes>,
}

impl Watching {
    /// Starts to watch nothing.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start() -> io::Result<Watching> {
        let dirty = Arc::new(Dirty::default());
        let (send, changes) = mpsc::unbounded_channel();
        let of_thread = Arc::clone(&dirty);
        std::thread::Builder::new().name("watch".to_owned()).spawn(move || work::work(&of_thread, &send))?;
        Ok(Watching { dirty, changes })
    }

    /// Watches `roots` instead of what was watched before, and compares everything in them with the disk. Every change
    /// that is made after this returns is reported by [`Watching::changed`]; those that were made before are returned
    /// with the snapshot, if their files were watched.
    pub async fn snapshot(&mut self, roots: Vec<Root>) -> (Snapshot, Changes) {
        let (answer, taken) = oneshot::channel();
        self.dirty.replace_roots(roots, answer);
        // The thread ends only with `self`.
        let snapshot = taken.await.unwrap_or_default();
        let mut changes = Changes::default();
        while let Ok(more) = self.changes.try_recv() {
            changes.merge(more);
        }
        (snapshot, changes)
    }

    /// The next changes, once their burst is over. Nothing is lost if the future is dropped.
    pub async fn changed(&mut self) -> Changes {
        match self.changes.recv().await {
            Some(changes) => changes,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.dirty.end();
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
