//! What was read last time, so that a file that looks the same is not read again.
//!
//! Not a source of truth: it may be deleted at any time, a file of it that is damaged counts as empty, and failing to write
//! it is no failure. A content is remembered only if the file was older than `RACY` when it was read (git's "racy
//! clean" rule, `Documentation/technical/racy-git.txt`): within a clock tick a file can change without looking changed.

use crate::image::ignore::Ignore;
use crate::image::stat::Stat;
use std::collections::HashMap;
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
const MAGIC: &[u8; 16] = b"todo-stat-cache1";

/// The contents known of one context under one set of ignore rules.
#[derive(Debug, Default)]
pub struct StatCache {
    file: Option<PathBuf>,
    known: HashMap<String, Record>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) stat: Stat,
    pub(crate) hash: [u8; 32],
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
        let known = fs::read(&file).ok().and_then(|bytes| decode(&bytes)).unwrap_or_default();
        StatCache { file: Some(file), known }
    }

    /// The hash of a file's content, if it is known and the file looks the same.
    pub(crate) fn hash(&self, path: &str, stat: &Stat) -> Option<[u8; 32]> {
        self.known.get(path).filter(|record| record.stat == *stat).map(|record| record.hash)
    }

    /// Writes what is known now, if that differs; `read` are all files of the context, read at `began` or later.
    pub(crate) fn save(&self, mut read: Vec<(&str, Record)>, began: SystemTime) {
        let Some(file) = &self.file else { return };
        let newest = (began - RACY).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let newest = i64::try_from(newest).unwrap_or(i64::MAX);
        read.retain(|(_, record)| record.stat.modified.max(record.stat.changed) < newest);
        let same = read.len() == self.known.len()
            && read.iter().all(|(path, record)| self.known.get(*path) == Some(record));
        if !same {
            let _ = replace(file, &encode(&read));
        }
    }
}

fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let Some(folder) = file.parent() else { return Ok(()) };
    fs::create_dir_all(folder)?;
    sweep(folder);
    let new = file.with_extension(std::process::id().to_string());
    fs::write(&new, bytes).and_then(|()| fs::rename(&new, file)).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
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

fn encode(records: &[(&str, Record)]) -> Vec<u8> {
    let mut body = Vec::with_capacity(records.len() * 112);
    for (path, Record { stat, hash }) in records {
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

fn decode(bytes: &[u8]) -> Option<HashMap<String, Record>> {
    let (checksum, mut body) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<32>()?;
    if blake3::hash(body).as_bytes() != checksum {
        return None;
    }
    let mut known = HashMap::with_capacity(body.len() / 112);
    while !body.is_empty() {
        let length = usize::try_from(u32::from_le_bytes(take(&mut body)?)).ok()?;
        let (path, rest) = body.split_at_checked(length)?;
        body = rest;
        let stat = Stat {
            size: u64::from_le_bytes(take(&mut body)?),
            modified: i64::from_le_bytes(take(&mut body)?),
            changed: i64::from_le_bytes(take(&mut body)?),
            inode: u64::from_le_bytes(take(&mut body)?),
        };
        let hash = take(&mut body)?;
        known.insert(String::from_utf8(path.to_vec()).ok()?, Record { stat, hash });
    }
    Some(known)
}

fn take<const N: usize>(body: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, rest) = body.split_first_chunk::<N>()?;
    *body = rest;
    Some(*chunk)
}

#[cfg(test)]
mod tests {
    use super::Record;
    use super::decode;
    use super::encode;
    use crate::image::stat::Stat;

    fn record(size: u64) -> Record {
        Record {
            stat: Stat { size, modified: -1, changed: i64::MAX, inode: 7 },
            hash: [size.to_le_bytes()[0]; 32],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let known = decode(&encode(&[("a", record(1)), ("b/é", record(2))])).unwrap();
        assert_eq!((&known["a"], &known["b/é"], known.len()), (&record(1), &record(2), 2));
    }

    #[test]
    fn a_damaged_file_is_no_file() {
        let good = encode(&[("a", record(1)), ("b", record(2))]);
        for at in [0, 20, 50, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(decode(&bad).is_none(), "byte {at}");
        }
        for length in 0..good.len() {
            assert!(decode(&good[..length]).is_none(), "{length} bytes");
        }
    }
}
