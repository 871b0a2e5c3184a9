//! What differs between two looks at the watched files.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// The content of a path: equal values are equal content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A directory that counts by itself.
    Directory,
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
        /// Whether anybody may execute it.
        executable: bool,
        /// BLAKE3 of its bytes; of a large file, of its metadata.
        hash: [u8; 32],
    },
    /// A symbolic link, and its target.
    Link(PathBuf),
    /// Something that cannot be read, and why.
    Unreadable(std::io::ErrorKind),
}

/// How a path changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathChange {
    /// The previous content.
    pub before: Option<Content>,
    /// The current content.
    pub after: Option<Content>,
}

/// The paths that changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<PathBuf, PathChange>);

impl Changes {
    /// Adds a path of which `before` was known and which has `after` now.
    pub(super) fn add(&mut self, path: &Path, before: Option<Content>, after: Option<Content>) {
        if before != after {
            self.0.insert(path.to_owned(), PathChange { before, after });
        }
    }

    /// Adds later changes; a path that is again as it was before has not changed.
    pub fn merge(&mut self, later: Changes) {
        for (path, change) in later.0 {
            let before = self.0.remove(&path).map_or(change.before, |known| known.before);
            self.add(&path, before, change.after);
        }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths, in their order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// The paths and how each changed.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &PathChange)> {
        self.0.iter().map(|(path, change)| (path.as_path(), change))
    }

    /// The files that have become empty: many programs empty a file before they write it.
    pub(super) fn emptied(&self) -> impl Iterator<Item = &Path> {
        let is_empty = |content: &Option<Content>| matches!(content, Some(Content::File { size: 0, .. }));
        self.iter()
            .filter(move |(_, change)| is_empty(&change.after) && change.before.is_some())
            .map(|(path, _)| path)
    }
}

#[cfg(test)]
mod tests {
    use super::Changes;
    use super::Content;
    use std::path::Path;

    #[test]
    fn a_file_that_has_become_empty_is_told_from_one_that_is_new_or_was_written() {
        let file = |size: u64| Some(Content::File { size, executable: false, hash: [0; 32] });
        let table = [
            (file(1), file(0), 1),
            (None, file(0), 0),
            (file(0), file(1), 0),
            (file(1), None, 0),
            (file(2), file(1), 0),
        ];
        for (before, after, emptied) in table {
            let mut changes = Changes::default();
            changes.add(Path::new("/a"), before, after);
            assert_eq!(changes.emptied().count(), emptied, "{changes:?}");
        }
    }

    #[test]
    fn later_changes_are_added_and_what_is_as_before_is_no_change() {
        let file = |hash: u8| Some(Content::File { size: 1, executable: false, hash: [hash; 32] });
        // the content at first, after the first change, after the second; whether a change is left.
        let table = [
            (file(1), file(2), file(3), true),
            (file(1), file(2), file(1), false),
            (None, file(1), None, false),
            (None, file(1), file(2), true),
            (file(1), None, file(1), false),
            (file(1), None, Some(Content::Link("a".into())), true),
        ];
        for (first, second, third, changed) in table {
            let path = Path::new("/a");
            let (mut earlier, mut later) = (Changes::default(), Changes::default());
            earlier.add(path, first.clone(), second.clone());
            later.add(path, second, third.clone());
            earlier.merge(later);
            let left = earlier.iter().next().map(|(_, change)| (change.before.clone(), change.after.clone()));
            assert_eq!(left, changed.then_some((first, third)));
        }
    }
}
