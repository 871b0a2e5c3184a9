//! The manifest of all watched files, and its comparison with the disk.

mod read;

use crate::watch::change::Changes;
use crate::watch::change::Content;
use crate::watch::ephemeral::is_ephemeral;
use crate::watch::root::Filter;
use crate::watch::root::Root;
use crate::watch::root::Scope;
use crate::watch::root::slashed;
use crate::watch::stat::Stat;
use read::ReadFile;
use read::read;
use std::collections::BTreeMap;
use std::fs;
use std::fs::Metadata;
use std::io;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;

/// The record of one path.
#[derive(Debug, Clone)]
struct TreeRecord {
    content: Content,
    /// Its metadata when it was read; `None` if the file must be read again in any case.
    stat: Option<Stat>,
}

type Records = BTreeMap<PathBuf, TreeRecord>;

/// All watched files, as they were when they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Tree {
    roots: Vec<Root>,
    records: Records,
}

/// What a look at the disk needs and finds.
struct Visit<'a> {
    /// The records of the previous scan.
    known: &'a Records,
    /// Called with each directory before it is listed.
    enter: &'a mut dyn FnMut(&Path),
    found: Records,
    /// Files that changed each time that they were read.
    unsettled: Vec<PathBuf>,
}

/// The differences, and the paths to scan again.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) changes: Changes,
    pub(super) unsettled: Vec<PathBuf>,
}

impl Tree {
    /// The watched roots.
    pub(super) fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// How many files, links and unreadable things there are.
    pub(super) fn files(&self) -> usize {
        self.records.values().filter(|record| record.content != Content::Directory).count()
    }

    /// Watches other roots. Differences of previously watched files are reported, too. `enter` is called with each
    /// directory before it is listed, so that nothing falls between a watch that is added there and the list.
    pub(super) fn replace(&mut self, roots: Vec<Root>, enter: &mut dyn FnMut(&Path)) -> Scanned {
        let before = std::mem::replace(&mut self.roots, roots);
        let known = std::mem::take(&mut self.records);
        let mut scan = Visit { known: &known, enter, found: Records::new(), unsettled: Vec::new() };
        for root in &self.roots {
            scan.root(root, &root.path);
        }
        let Visit { found, unsettled, .. } = scan;
        let mut looked = Scanned { changes: Changes::default(), unsettled };
        compare(&known, &found, |path| before.iter().any(|root| covers(root, path)), &mut looked.changes);
        self.records = found;
        looked
    }

    /// Looks at `path` and everything below it.
    pub(super) fn look(&mut self, path: &Path, enter: &mut dyn FnMut(&Path)) -> Scanned {
        let below: Vec<PathBuf> = self
            .records
            .range(path.to_owned()..)
            .map(|(known, _)| known)
            .take_while(|known| known.starts_with(path))
            .cloned()
            .collect();
        let known: Records = below.into_iter().filter_map(|path| self.records.remove_entry(&path)).collect();
        let mut look = Visit { known: &known, enter, found: Records::new(), unsettled: Vec::new() };
        for root in self.roots.iter().filter(|root| root.is_concerned_by(path)) {
            look.root(root, path);
        }
        let Visit { found, unsettled, .. } = look;
        let mut looked = Scanned { changes: Changes::default(), unsettled };
        compare(&known, &found, |_| true, &mut looked.changes);
        self.records.extend(found);
        looked
    }
}

/// Adds what differs of the paths that are `of_interest`.
fn compare(known: &Records, found: &Records, of_interest: impl Fn(&Path) -> bool, changes: &mut Changes) {
    let content = |records: &Records, path: &PathBuf| records.get(path).map(|record| record.content.clone());
    let gone = known.keys().filter(|path| !found.contains_key(*path));
    for path in found.keys().chain(gone).filter(|path| of_interest(path)) {
        changes.add(path, content(known, path), content(found, path));
    }
}

/// Whether a file at `path` would be watched because of `root`.
fn covers(root: &Root, path: &Path) -> bool {
    match &root.scope {
        Scope::File => path == root.path,
        Scope::Directory(filter) => {
            path.starts_with(&root.path)
                && slashed(&root.path, path)
                    .is_some_and(|path| is_entered(&**filter, &path) && filter.keeps(&path))
        }
    }
}

/// Whether every directory on the way to `path` is entered, and nothing on it is ephemeral.
fn is_entered(filter: &dyn Filter, path: &str) -> bool {
    let ends = path.match_indices('/').map(|(end, _)| end);
    !path.split('/').any(is_ephemeral) && ends.into_iter().all(|end| filter.enters(&path[..end]))
}

impl Visit<'_> {
    /// Looks at what `root` watches at `path`, which may be above or below it.
    fn root(&mut self, root: &Root, path: &Path) {
        match &root.scope {
            Scope::File => self.file(&root.path, fs::metadata(&root.path)),
            Scope::Directory(filter) => {
                let start = if root.path.starts_with(path) { &root.path } else { path };
                let Some(relative) = slashed(&root.path, start) else { return };
                if relative.is_empty() || is_entered(&**filter, &relative) {
                    self.visit(&**filter, start, &relative);
                }
            }
        }
    }

    fn visit(&mut self, filter: &dyn Filter, path: &Path, relative: &str) {
        let is_root = relative.is_empty();
        let metadata = if is_root { fs::metadata(path) } else { fs::symlink_metadata(path) };
        let is_directory = metadata.as_ref().is_ok_and(Metadata::is_dir);
        if !is_directory {
            if !is_root && filter.keeps(relative) {
                self.file(path, metadata);
            }
            return;
        }
        if !is_root && !filter.enters(relative) {
            return;
        }
        if !is_root && filter.keeps_directory(relative) {
            self.add(path, Content::Directory, None);
        }
        (self.enter)(path);
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(path, &error),
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !is_ephemeral(name)) else { continue };
            let relative = if is_root { name.to_owned() } else { format!("{relative}/{name}") };
            self.visit(filter, &path.join(name), &relative);
        }
    }

    /// Whatever is at `path`, if it is not a directory.
    fn file(&mut self, path: &Path, metadata: io::Result<Metadata>) {
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) => return self.unreadable(path, &error),
        };
        if metadata.is_symlink() {
            match fs::read_link(path) {
                Ok(target) => self.add(path, Content::Link(target), None),
                Err(error) => self.unreadable(path, &error),
            }
            return;
        }
        if !metadata.is_file() {
            return self.add(path, Content::Unreadable(ErrorKind::InvalidInput), None);
        }
        let stat = Stat::from_metadata(&metadata);
        let known = self.known.get(path).filter(|known| known.stat == Some(stat));
        if let Some(known) = known.map(|known| known.content.clone()) {
            return self.add(path, known, Some(stat));
        }
        match read(path) {
            Ok(ReadFile { content, stat, settled }) => {
                if !settled {
                    self.unsettled.push(path.to_owned());
                }
                self.add(path, content, stat);
            }
            Err(error) => self.unreadable(path, &error),
        }
    }

    /// A missing path does not exist; an unreadable one exists, with unknown content.
    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
            self.add(path, Content::Unreadable(error.kind()), None);
        }
    }

    fn add(&mut self, path: &Path, content: Content, stat: Option<Stat>) {
        self.found.entry(path.to_owned()).or_insert(TreeRecord { content, stat });
    }
}
