//! What was read last time, so that a file that looks the same is not read again.
//!
//! Not a source of truth: it may be deleted at any time, a file of it that is damaged counts as empty, and failing to write
//! it is no failure. A content is remembered only if the file was older than `RACY` when it was read (git's "racy
//! clean" rule, `Documentation/technical/racy-git.txt`): within a clock tick a file can change without looking changed.

use crate::image::ignore::Ignore;
use crate::image::stat::Stat;
use crate::replace::private_folder;
use crate::replace::replace;
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
const MAGIC: &[u8; 16] = b"todo-stat-cache2";

/// The contents known of one context under one set of ignore rules.
#[derive(Debug, Default)]
pub struct StatCache {
    file: Option<PathBuf>,
    known: Known,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) stat: Stat,
    pub(crate) hash: [u8; 32],
}

/// A file of the context as it is now.
pub(crate) struct Read<'a> {
    pub(crate) path: &'a str,
    pub(crate) record: Record,
    /// Whether the cache has it already.
    pub(crate) known: bool,
}

impl StatCache {
    /// Reads what is known of `context` under these rules from `folder`; nothing, if there is none or it is damaged.
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
        let known = fs::read(&file).ok().and_then(Known::read).unwrap_or_default();
        StatCache { file: Some(file), known }
    }

    /// The hash of a file's content, if it is known and the file looks the same.
    pub(crate) fn hash(&self, path: &str, stat: &Stat) -> Option<[u8; 32]> {
        self.known.get(path).filter(|record| record.stat == *stat).map(|record| record.hash)
    }

    /// Writes what is known now, if that differs; `read` are all files of the context, read at `began` or later.
    pub(crate) fn save<'a>(&self, read: impl Iterator<Item = Read<'a>>, began: SystemTime) {
        let Some(file) = &self.file else { return };
        let newest = (began - RACY).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let newest = i64::try_from(newest).unwrap_or(i64::MAX);
        let old = |read: &Read<'_>| read.record.stat.modified.max(read.record.stat.changed) < newest;
        let read: Vec<Read<'_>> = read.filter(old).collect();
        if read.len() != self.known.begins.len() || read.iter().any(|one| !one.known) {
            let _ = write(file, &encode(read));
        }
    }
}

fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let Some(folder) = file.parent() else { return Ok(()) };
    private_folder(folder)?;
    sweep(folder);
    replace(file, bytes, None)
}

/// Removes what contexts left behind that are gone, and what a killed run left half written.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > KEEP) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn encode(mut read: Vec<Read<'_>>) -> Vec<u8> {
    read.sort_unstable_by_key(|one| one.path);
    let mut body = Vec::with_capacity(read.len() * 112);
    for Read { path, record: Record { stat, hash }, .. } in read {
        body.extend(u32::try_from(path.len()).unwrap_or_default().to_le_bytes());
        body.extend(path.as_bytes());
        body.extend(stat.size.to_le_bytes());
        body.extend(stat.modified.to_le_bytes());
        body.extend(stat.changed.to_le_bytes());
        body.extend(stat.inode.to_le_bytes());
        body.extend(hash);
    }
    [MAGIC.as_slice(), blake3::hash(&body).as_bytes(), &body].concat()
}

/// A file of the cache as it lies on disk, searched where it is: a record is a path with its length before it, and
/// [`REST`] bytes.
#[derive(Debug, Default)]
struct Known {
    bytes: Vec<u8>,
    /// Where the records begin, in the order of their paths.
    begins: Vec<usize>,
}

/// Four numbers and a hash.
const REST: usize = 4 * 8 + 32;

impl Known {
    /// Nothing, if it is damaged.
    fn read(bytes: Vec<u8>) -> Option<Known> {
        let (checksum, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<32>()?;
        if blake3::hash(body).as_bytes() != checksum {
            return None;
        }
        let mut begins = Vec::with_capacity(body.len() / 112);
        let mut rest = body;
        while !rest.is_empty() {
            begins.push(bytes.len() - rest.len());
            let length = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
            rest = rest.get(length.checked_add(REST)?..)?;
        }
        Some(Known { bytes, begins })
    }

    fn get(&self, path: &str) -> Option<Record> {
        let at =
            self.begins.binary_search_by(|begin| self.path(*begin).unwrap_or_default().cmp(path.as_bytes()));
        let begin = *self.begins.get(at.ok()?)?;
        let mut rest = self.bytes.get(begin + 4 + path.len()..)?;
        let stat = Stat {
            size: u64::from_le_bytes(take(&mut rest)?),
            modified: i64::from_le_bytes(take(&mut rest)?),
            changed: i64::from_le_bytes(take(&mut rest)?),
            inode: u64::from_le_bytes(take(&mut rest)?),
        };
        Some(Record { stat, hash: take(&mut rest)? })
    }

    fn path(&self, begin: usize) -> Option<&[u8]> {
        let mut rest = self.bytes.get(begin..)?;
        let length = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
        rest.get(..length)
    }
}

fn take<const N: usize>(body: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, rest) = body.split_first_chunk::<N>()?;
    *body = rest;
    Some(*chunk)
}

#[cfg(test)]
mod tests {
    use super::Known;
    use super::Read;
    use super::Record;
    use super::encode;
    use crate::image::stat::Stat;

    fn record(size: u64) -> Record {
        Record {
            stat: Stat { size, modified: -1, changed: i64::MAX, inode: 7 },
            hash: [size.to_le_bytes()[0]; 32],
        }
    }

    fn written(records: &[(&str, u64)]) -> Vec<u8> {
        let read = records.iter().map(|(path, size)| Read { path, record: record(*size), known: false });
        encode(read.collect())
    }

    #[test]
    fn what_is_written_is_read_back_in_whatever_order_it_came() {
        let known = Known::read(written(&[("b/é", 2), ("a", 1), ("a/b", 3), ("a-b", 4)])).unwrap();
        for (path, size) in [("a", 1), ("b/é", 2), ("a/b", 3), ("a-b", 4)] {
            assert_eq!(known.get(path), Some(record(size)), "{path}");
        }
        assert_eq!((known.get("b"), known.get(""), known.begins.len()), (None, None, 4));
    }

    #[test]
    fn a_damaged_file_is_no_file() {
        let good = written(&[("a", 1), ("b", 2)]);
        for at in [0, 20, 50, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(Known::read(bad).is_none(), "byte {at}");
        }
        for length in 0..good.len() {
            assert!(Known::read(good[..length].to_vec()).is_none(), "{length} bytes");
        }
    }
}
