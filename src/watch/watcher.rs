//! The directories that the operating system watches, by `notify`.
//!
//! On Linux each watched directory has a watch of its own, and none that is ignored (`node_modules`): `notify`'s recursive
//! mode could leave none out. A single file is watched by its directory, because a watch on a file ends when an editor
//! replaces the file (notify issues 247 and 531). Elsewhere one watch has a whole directory.

use crate::watch::dirty::Dirty;
use crate::watch::root::Root;
use crate::watch::root::Scope;
use notify::Config;
use notify::ErrorKind;
use notify::EventKindMask;
use notify::RecommendedWatcher;
use notify::RecursiveMode;
use notify::Watcher as _;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// Whether each directory needs a watch of its own.
const EACH: bool = cfg!(target_os = "linux");

/// Why a directory has no watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// All watches of the user are in use (`ENOSPC`).
    Watches,
    /// All inotify instances of the user are in use (`EMFILE`).
    Instances,
    /// Something else.
    Other,
}

/// The watches.
#[derive(Debug)]
pub(super) struct Watcher {
    notify: Result<RecommendedWatcher, Limit>,
    watched: BTreeSet<PathBuf>,
    wanted: BTreeSet<PathBuf>,
    /// Directories without a watch.
    failed: BTreeMap<PathBuf, Limit>,
}

impl Watcher {
    pub(super) fn new(dirty: &Arc<Dirty>) -> Watcher {
        let dirty = Arc::clone(dirty);
        let config = Config::default().with_event_kinds(EventKindMask::CORE).with_follow_symlinks(false);
        let notify = RecommendedWatcher::new(move |event| dirty.event(event), config);
        Watcher {
            notify: notify.map_err(|error| limit(&error)),
            watched: BTreeSet::new(),
            wanted: BTreeSet::new(),
            failed: BTreeMap::new(),
        }
    }

    /// Watches the parents of the roots, whose events show when a root is created, deleted or replaced.
    pub(super) fn above(&mut self, roots: &[Root]) {
        for root in roots {
            let there = root.path.ancestors().skip(1).find(|folder| folder.is_dir());
            if let Some(folder) = there {
                self.watch(folder, RecursiveMode::NonRecursive);
            }
            if !EACH && matches!(root.scope, Scope::Directory(_)) && root.path.is_dir() {
                self.watch(&root.path, RecursiveMode::Recursive);
            }
        }
    }

    /// Watches a directory whose entries count.
    pub(super) fn enter(&mut self, folder: &Path) {
        if EACH {
            self.watch(folder, RecursiveMode::NonRecursive);
        }
    }

    /// Adds the watch again, also where there is one: the directory may be another of the same name.
    fn watch(&mut self, folder: &Path, mode: RecursiveMode) {
        self.wanted.insert(folder.to_owned());
        let watched = match &mut self.notify {
            Ok(notify) => notify.watch(folder, mode).map_err(|error| limit_of(&error)),
            Err(limit) => Err(Some(*limit)),
        };
        match watched {
            Ok(()) => {
                self.watched.insert(folder.to_owned());
            }
            Err(Some(limit)) => {
                self.failed.insert(folder.to_owned(), limit);
            }
            // It is already deleted: the watch of its parent reports that.
            Err(None) => {}
        }
    }

    /// Begins an update: every watched directory will be entered again.
    pub(super) fn begin(&mut self) {
        self.wanted.clear();
        self.failed.clear();
    }

    /// Ends the watches of directories that were not entered again.
    pub(super) fn finish(&mut self) {
        let old: Vec<PathBuf> = self.watched.difference(&self.wanted).cloned().collect();
        for folder in old {
            if let Ok(notify) = &mut self.notify {
                // It has ended already where the directory is gone.
                let _ = notify.unwatch(&folder);
            }
            self.watched.remove(&folder);
        }
    }

    /// Why a directory of `root` has no watch, if one has none, and how many have.
    pub(super) fn limit(&self, root: &Root) -> Option<Limit> {
        let of_root = |folder: &Path| folder.starts_with(&root.path) || root.path.starts_with(folder);
        self.failed.iter().find(|(folder, _)| of_root(folder)).map(|(_, limit)| *limit)
    }

    /// How many directories are to be watched.
    pub(super) fn wanted(&self) -> usize {
        self.wanted.len()
    }
}

fn limit(error: &notify::Error) -> Limit {
    limit_of(error).unwrap_or(Limit::Other)
}

/// Why a watch could not be added; `None` if there is nothing to watch.
fn limit_of(error: &notify::Error) -> Option<Limit> {
    // `EMFILE`: inotify_init(2).
    const EMFILE: i32 = 24;
    match &error.kind {
        ErrorKind::MaxFilesWatch => Some(Limit::Watches),
        ErrorKind::PathNotFound => None,
        ErrorKind::Io(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            None
        }
        ErrorKind::Io(error) if cfg!(unix) && error.raw_os_error() == Some(EMFILE) => Some(Limit::Instances),
        _ => Some(Limit::Other),
    }
}
