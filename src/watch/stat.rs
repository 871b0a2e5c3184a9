//! Metadata of a file: the one place of this module that knows the platform.

use std::fs::Metadata;
use std::time::Duration;
use std::time::SystemTime;

/// A file that was changed so shortly before it was read may change again without looking changed: clocks of file systems
/// are coarse (FAT: 2 s; git's "racy clean" rule, `Documentation/technical/racy-git.txt`).
const RACY: Duration = Duration::from_secs(2);

/// What changes when a file's content may have changed. Times are nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) size: u64,
    pub(super) modified: i128,
    changed: i128,
    pub(super) inode: u64,
    pub(super) executable: bool,
}

impl Stat {
    #[cfg(unix)]
    pub(super) fn from_metadata(metadata: &Metadata) -> Stat {
        use std::os::unix::fs::MetadataExt;
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Stat {
            size: metadata.size(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            executable: metadata.mode() & 0o111 != 0,
        }
    }

    /// Windows has no change time and no inode number in the standard library; the creation time stands in for the first.
    #[cfg(windows)]
    pub(super) fn from_metadata(metadata: &Metadata) -> Stat {
        use std::os::windows::fs::MetadataExt;
        // FILETIME: units of 100 ns since 1601.
        let nanoseconds = |time: u64| (i128::from(time) - 116_444_736_000_000_000) * 100;
        Stat {
            size: metadata.file_size(),
            modified: nanoseconds(metadata.last_write_time()),
            changed: nanoseconds(metadata.creation_time()),
            inode: 0,
            executable: true,
        }
    }

    /// Whether the file can change after `now` and look the same.
    pub(super) fn is_racy(&self, now: SystemTime) -> bool {
        let newest = (now - RACY).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        self.modified.max(self.changed) >= i128::try_from(newest).unwrap_or(i128::MAX)
    }
}
