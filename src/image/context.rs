//! Stub, replaced by the survey's.
#![expect(missing_docs, reason = "replaced by the survey's file")]
use std::path::PathBuf;
#[derive(Debug, Clone)]
pub struct Context {
    pub root: PathBuf,
    pub entries: Vec<Entry>,
    pub bytes: u64,
}
#[derive(Debug, Clone)]
pub struct Entry {
    pub path: String,
    pub kind: EntryKind,
}
#[derive(Debug, Clone)]
pub enum EntryKind {
    Folder,
    File { size: u64, executable: bool, hash: [u8; 32], modified_secs: i64, on_disk: PathBuf },
    Link { target: String },
}
