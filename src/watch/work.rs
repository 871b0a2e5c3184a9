//! The thread that looks.

use crate::event::Finding;
use crate::project::git::index_lock;
use crate::watch::Snapshot;
use crate::watch::change::Changes;
use crate::watch::dirty::Dirty;
use crate::watch::dirty::Work;
use crate::watch::polled::Polled;
use crate::watch::root::Root;
use crate::watch::tree::Tree;
use crate::watch::watcher::Watcher;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use tokio::sync::mpsc;

/// A file that has become empty is looked at again after this time: a program may be about to write it.
const EMPTIED: Duration = Duration::from_millis(50);

/// Scans the dirty paths, until the receiver is dropped.
pub(super) fn work(dirty: &Arc<Dirty>, send: &mpsc::UnboundedSender<Changes>) {
    let mut worker = Worker {
        dirty: Arc::clone(dirty),
        watcher: Watcher::new(dirty),
        tree: Tree::default(),
        polled: Polled::default(),
        locks: BTreeSet::new(),
    };
    loop {
        let changes = match dirty.next(worker.polled.interval(), &worker.locks) {
            Work::End => return,
            Work::Roots(roots, answer) => {
                let (changes, snapshot) = worker.replace(roots);
                // Before the answer: who has it takes the changes, too.
                if !changes.is_empty() {
                    let _ = send.send(changes);
                }
                let _ = answer.send(snapshot);
                continue;
            }
            Work::Paths(paths) => worker.scan(paths),
            Work::Everything => {
                let roots = worker.tree.roots().iter().map(|root| root.path.clone()).collect();
                worker.scan(roots)
            }
            Work::Timeout => worker.poll(),
        };
        if !changes.is_empty() && send.send(changes).is_err() {
            return;
        }
    }
}

struct Worker {
    dirty: Arc<Dirty>,
    watcher: Watcher,
    tree: Tree,
    polled: Polled,
    /// Git's lock files, which exist while it writes a working tree.
    locks: BTreeSet<PathBuf>,
}

impl Worker {
    fn replace(&mut self, roots: Vec<Root>) -> (Changes, Snapshot) {
        let began = Instant::now();
        self.locks = roots.iter().filter_map(|root| index_lock(&root.path)).collect();
        self.watcher.begin();
        self.watcher.above(&roots);
        let looked = self.tree.replace(roots, &mut |folder| self.watcher.enter(folder));
        self.watcher.finish();
        self.dirty.again(looked.unsettled);
        let findings: Vec<Finding> = self.polled.replace(self.tree.roots(), &self.watcher, began.elapsed());
        (looked.changes, Snapshot { files: self.tree.files(), findings })
    }

    fn scan(&mut self, paths: BTreeSet<PathBuf>) -> Changes {
        self.watcher.above(self.tree.roots());
        let mut changes = self.look_once(paths);
        let emptied: BTreeSet<PathBuf> = changes.emptied().map(ToOwned::to_owned).collect();
        if !emptied.is_empty() {
            std::thread::sleep(EMPTIED);
            changes.merge(self.look_once(emptied));
        }
        changes
    }

    fn look_once(&mut self, paths: BTreeSet<PathBuf>) -> Changes {
        let mut changes = Changes::default();
        let mut last: Option<PathBuf> = None;
        for path in paths {
            // Paths below a scanned path were scanned with it.
            if last.as_ref().is_some_and(|last| path.starts_with(last)) {
                continue;
            }
            let looked = self.tree.look(&path, &mut |folder| self.watcher.enter(folder));
            self.dirty.again(looked.unsettled);
            changes.merge(looked.changes);
            last = Some(path);
        }
        changes
    }

    fn poll(&mut self) -> Changes {
        let began = Instant::now();
        let changes = self.scan(self.polled.paths());
        self.polled.took(began.elapsed());
        changes
    }
}
