//! A build context: the files that are sent to the builder, sorted, normalised and hashed.
//!
//! Neither the reading of the files nor a tar: an entry has what BuildKit compares (kind, executable or not, size, content,
//! target of a link), and nothing that differs between two machines with the same sources (owner, umask, order).

use std::cmp::Ordering;
use std::path::Path;
use std::path::PathBuf;

/// The files of an image's context.
#[derive(Debug, Clone)]
pub struct Context {
    /// The directory.
    pub root: PathBuf,
    /// The entries, in the order that BuildKit requires: see [`compare`].
    pub entries: Vec<ContextEntry>,
    /// The sizes of all files.
    pub bytes: u64,
}

/// One thing in a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextEntry {
    /// Relative to the root, separated by `/`.
    pub path: String,
    /// The kind of entry.
    pub kind: EntryKind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory; its mode is 0755 to the builder.
    Folder,
    /// A regular file; its mode is 0755 to the builder if it is executable, else 0644.
    File {
        /// Bytes.
        size: u64,
        /// Whether anybody may execute it.
        executable: bool,
        /// BLAKE3 of the content.
        hash: [u8; 32],
        /// When it was changed, in seconds since 1970.
        modified_secs: i64,
    },
    /// A symbolic link, as it is.
    Link {
        /// The link's target.
        target: String,
    },
}

/// The order of `fsutil: ComparePath`: a directory, then its contents, then its next sibling.
#[must_use]
pub fn compare(text: &str, other: &str) -> Ordering {
    let key = |byte: u8| if byte == b'/' { 0 } else { byte };
    text.bytes().map(key).cmp(other.bytes().map(key))
}

impl ContextEntry {
    /// The file's size; 0 for directories and links.
    #[must_use]
    pub fn size(&self) -> u64 {
        if let EntryKind::File { size, .. } = &self.kind { *size } else { 0 }
    }
}

impl Context {
    /// The context of the directory `root` with these entries, which are in the order of [`compare`].
    #[must_use]
    pub fn new(root: &Path, entries: Vec<ContextEntry>) -> Context {
        let bytes = entries.iter().map(ContextEntry::size).sum();
        Context { root: root.to_owned(), entries, bytes }
    }

    /// The entry at a path, if the context has it.
    #[must_use]
    pub fn entry(&self, path: &str) -> Option<&ContextEntry> {
        self.entries
            .binary_search_by(|entry| compare(&entry.path, path))
            .ok()
            .map(|index| &self.entries[index])
    }
}
