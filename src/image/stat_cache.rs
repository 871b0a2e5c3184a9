//! The stats and hashes of the last run, so that a file with the same stat is not read again, and a directory with
//! the same stat is not listed again.
//!
//! Not a source of truth: it may be deleted at any time, a damaged file of it counts as empty, and failing to write
//! it is not a failure. An entry is remembered only if it was older than `RACY` when it was read (git's "racy clean"
//! rule, `Documentation/technical/racy-git.txt`): within a clock tick a file can change without changing its stat.

mod known_files;

use crate::file;
use crate::image::stat::Stat;
use crate::replace::private_folder;
use crate::replace::replace;
use dockerfile::ignore::Ignore;
pub(crate) use known_files::KnownFiles;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;

/// The coarsest clock of a file system that people use (FAT: 2 s), and as much again for a server's clock.
const RACY: Duration = Duration::from_secs(4);
/// How long an unused file of the cache is kept, counted from its last change.
const KEEP: Duration = Duration::from_secs(90 * 24 * 3600);

/// The contents known of one context under one set of ignore rules.
#[derive(Debug, Default)]
pub struct StatCache {
    file: Option<PathBuf>,
    known: KnownFiles,
}

/// The record of one entry of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatRecord<'a> {
    /// Relative to the context; empty for the context itself.
    pub(crate) path: &'a str,
    pub(crate) stat: Stat,
    pub(crate) what: What<'a>,
}

/// The entry's type and content when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What<'a> {
    File {
        executable: bool,
        hash: [u8; 32],
    },
    /// `sent` unless it is ignored and nothing in it is kept: then only its stat is compared.
    Folder {
        sent: bool,
    },
    Link {
        target: &'a str,
    },
}

impl StatCache {
    /// Reads the records of `context` under these rules from `folder`; nothing, if there are none or they are
    /// damaged.
    #[must_use]
    pub fn open(folder: Option<&Path>, context: &Path, ignore: &Ignore) -> StatCache {
        let Some(folder) = folder else { return StatCache::default() };
        let mut name = blake3::Hasher::new();
        name.update(context.as_os_str().as_encoded_bytes());
        for rule in ignore.rules() {
            name.update(if rule.exception { b"\0!" } else { b"\0 " }).update(rule.pattern.as_bytes());
        }
        let name = &name.finalize().to_hex()[..32];
        let file = folder.join("contexts").join(name);
        let known = file::read(&file, file::INDEX).ok().and_then(KnownFiles::read).unwrap_or_default();
        StatCache { file: Some(file), known }
    }

    /// The hash of a file's content, if it is known and the file looks the same.
    pub(crate) fn hash(&self, path: &str, stat: &Stat) -> Option<[u8; 32]> {
        match self.known.get(path)? {
            StatRecord { stat: known, what: What::File { hash, .. }, .. } if known == *stat => Some(hash),
            _ => None,
        }
    }

    /// The previous context, in its order, if it is recorded completely: as long as all stats are the same, nothing
    /// was added or deleted.
    pub(crate) fn whole(&self) -> Option<&KnownFiles> {
        self.known.is_whole().then_some(&self.known)
    }

    /// Writes the current records, if they differ. `read` is everything in the context, in its order, read at `began`
    /// or later; `whole`: it is complete, and every directory has its stat from before it was listed.
    pub(crate) fn save<'a>(
        &self,
        read: impl Iterator<Item = StatRecord<'a>>,
        whole: bool,
        began: SystemTime,
    ) {
        let Some(file) = &self.file else { return };
        let newest = (began - RACY).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let newest = i64::try_from(newest).unwrap_or(i64::MAX);
        let (mut all, mut old) = (0, Vec::new());
        for record in read {
            all += 1;
            if record.stat.modified.max(record.stat.changed) < newest {
                old.push(record);
            }
        }
        let now = KnownFiles::from_records(&old, whole && old.len() == all);
        if !old.is_empty() && now != self.known {
            let _ = write(file, now.bytes());
        }
    }
}

fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let Some(folder) = file.parent() else { return Ok(()) };
    private_folder(folder)?;
    sweep(folder);
    replace(file, bytes, None)
}

/// Removes the files of contexts that no longer exist, and half-written files of a killed run.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > KEEP) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::StatCache;
    use super::StatRecord;
    use super::What;
    use crate::image::stat::Stat;
    use dockerfile::ignore::Ignore;
    use std::path::Path;
    use std::time::SystemTime;

    #[test]
    fn what_is_no_file_counts_as_empty_and_is_written_anew() {
        use rustix::fs::FileType;
        use rustix::fs::Mode;
        let folder = tempfile::tempdir().unwrap();
        let open = || StatCache::open(Some(folder.path()), Path::new("/context"), &Ignore::default());
        let file = open().file.unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &file, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let stat = Stat { size: 1, modified: 0, changed: 0, inode: 1 };
        assert_eq!(open().hash("a", &stat), None);
        let record = StatRecord { path: "a", stat, what: What::File { executable: false, hash: [7; 32] } };
        open().save([record].into_iter(), false, SystemTime::now());
        assert!(file.symlink_metadata().unwrap().is_file());
        assert_eq!(open().hash("a", &stat), Some([7; 32]));
    }
}
