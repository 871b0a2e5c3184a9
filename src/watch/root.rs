//! A watched file, or the part of a directory that a filter keeps.

use std::fmt::Debug;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// Which files of a directory are watched. Paths are relative to the directory and separated by `/`.
pub trait Filter: Debug + Send + Sync {
    /// Whether a file or a link is watched.
    fn keeps(&self, path: &str) -> bool;
    /// Whether the directory `path` is entered.
    fn enters(&self, path: &str) -> bool;
    /// Whether a directory counts by itself, and not only for its contents.
    fn keeps_directory(&self, _path: &str) -> bool {
        false
    }
}

/// One thing to watch.
#[derive(Debug, Clone)]
pub struct Root {
    /// An absolute path without symbolic links in its directories; nothing needs to be there.
    pub path: PathBuf,
    /// What of it.
    pub scope: Scope,
}

/// What of a root is watched.
#[derive(Debug, Clone)]
pub enum Scope {
    /// A file; where it is a link, its target.
    File,
    /// What the filter keeps of a directory.
    Directory(Arc<dyn Filter>),
}

impl Root {
    /// The file at `path`.
    #[must_use]
    pub fn file(path: &Path) -> Root {
        let name = path.file_name();
        let folder = path.parent().map(canonical);
        let path = folder.zip(name).map_or_else(|| path.to_owned(), |(folder, name)| folder.join(name));
        Root { path, scope: Scope::File }
    }

    /// The directory at `path`.
    #[must_use]
    pub fn directory(path: &Path, filter: Arc<dyn Filter>) -> Root {
        Root { path: canonical(path), scope: Scope::Directory(filter) }
    }

    /// Whether an event at `path` can be about this root.
    pub(super) fn is_concerned_by(&self, path: &Path) -> bool {
        self.path.starts_with(path) || path.starts_with(&self.path)
    }
}

/// Without symbolic links, for the existing part of the path: events name the paths of the watched directories.
fn canonical(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path.to_owned()
}

/// `path` below `root`, separated by `/`; `None` if it is not UTF-8, for then no build context can have it.
pub(super) fn slashed(root: &Path, path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> =
        path.strip_prefix(root).ok()?.components().map(|part| part.as_os_str().to_str()).collect();
    parts.map(|parts| parts.join("/"))
}
