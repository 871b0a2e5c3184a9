//! The content of one file, read until it holds still.

use crate::file;
use crate::watch::change::Content;
use crate::watch::stat::Stat;
use std::io;
use std::io::Read as _;
use std::path::Path;
use std::time::SystemTime;

/// How often a file that changes while it is read is read again at once.
const TRIES: usize = 4;

/// Larger files are not read: of them the size and the times count, so that touching one starts a run, which finds
/// nothing to do.
const LARGE: u64 = 64 << 20;

/// A file that was read.
pub(super) struct ReadFile {
    pub(super) content: Content,
    /// `None` if the file may change and look the same.
    pub(super) stat: Option<Stat>,
    /// Whether it was the same before and after it was read.
    pub(super) settled: bool,
}

/// Reads the regular file at `path`; a link is followed.
pub(super) fn read(path: &Path) -> io::Result<ReadFile> {
    let mut last = once(path)?;
    for _ in 1..TRIES {
        if last.settled {
            break;
        }
        last = once(path)?;
    }
    Ok(last)
}

fn once(path: &Path) -> io::Result<ReadFile> {
    let now = SystemTime::now();
    let mut file = file::open(path)?;
    let before = Stat::from_metadata(&file.metadata()?);
    let mut hasher = blake3::Hasher::new();
    let mut length = 0;
    if before.size > LARGE {
        hasher.update(&before.modified.to_le_bytes()).update(&before.inode.to_le_bytes());
        length = before.size;
    } else {
        let mut buffer = vec![0; 64 * 1024];
        // A file that grows as fast as it is read has no end.
        while length <= before.size {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    hasher.update(&buffer[..read]);
                    length += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    let settled = Stat::from_metadata(&file.metadata()?) == before && length == before.size;
    let content =
        Content::File { size: length, executable: before.executable, hash: *hasher.finalize().as_bytes() };
    Ok(ReadFile { content, stat: (settled && !before.is_racy(now)).then_some(before), settled })
}
