//! A file of the stat cache in its on-disk format, searched without parsing it all.
//!
//! A magic number, a checksum, whether the records are the whole context, and the records in the context's order: a
//! letter for the type, the path with its length, four numbers of the stat, and the remaining data. Numbers are
//! little-endian.

use super::StatRecord;
use super::What;
use crate::image::stat::Stat;
use dockerfile::context::compare;

const MAGIC: &[u8; 16] = b"todo-stat-cache3";

/// The offset of the first record: after the magic number, the checksum and the letter for completeness.
const FIRST: usize = 16 + 32 + 1;

const WHOLE: u8 = b'w';
const PART: u8 = b'p';

/// The letters of a directory, a file, and an executable file.
const FOLDER: u8 = b'd';
const FILE: u8 = b'f';
const PROGRAM: u8 = b'x';
const LINK: u8 = b'l';
/// A directory that is looked at and not sent.
const UNSENT: u8 = b'u';

#[derive(Debug, Default)]
pub(crate) struct KnownFiles {
    bytes: Vec<u8>,
    /// Where the records begin.
    begins: Vec<usize>,
}

impl PartialEq for KnownFiles {
    fn eq(&self, other: &KnownFiles) -> bool {
        self.bytes == other.bytes
    }
}

impl KnownFiles {
    /// These records, which are in the context's order.
    pub(super) fn from_records(records: &[StatRecord<'_>], whole: bool) -> KnownFiles {
        let mut bytes = Vec::with_capacity(FIRST + records.len() * 112);
        bytes.extend(MAGIC);
        bytes.extend([0; 32]);
        bytes.push(if whole { WHOLE } else { PART });
        let mut begins = Vec::with_capacity(records.len());
        for record in records {
            begins.push(bytes.len());
            encode(record, &mut bytes);
        }
        let checksum = blake3::hash(&bytes[FIRST - 1..]);
        bytes[16..FIRST - 1].copy_from_slice(checksum.as_bytes());
        KnownFiles { bytes, begins }
    }

    /// Nothing, if it is damaged.
    pub(super) fn read(bytes: Vec<u8>) -> Option<KnownFiles> {
        let (checksum, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<32>()?;
        if blake3::hash(body).as_bytes() != checksum {
            return None;
        }
        let mut begins = Vec::with_capacity(body.len() / 96);
        let mut rest = body.get(1..)?;
        while !rest.is_empty() {
            begins.push(bytes.len() - rest.len());
            decode(&mut rest)?;
        }
        Some(KnownFiles { bytes, begins })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_whole(&self) -> bool {
        self.bytes.get(FIRST - 1) == Some(&WHOLE)
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.begins.len()
    }

    /// One of them; `None` beyond the last.
    pub(crate) fn record(&self, index: usize) -> Option<StatRecord<'_>> {
        decode(&mut self.bytes.get(*self.begins.get(index)?..)?)
    }

    pub(super) fn get(&self, path: &str) -> Option<StatRecord<'_>> {
        let path_at = |begin: &usize| decode(&mut &self.bytes[*begin..]).map_or("", |record| record.path);
        let index = self.begins.binary_search_by(|begin| compare(path_at(begin), path)).ok()?;
        self.record(index)
    }
}

fn encode(record: &StatRecord<'_>, bytes: &mut Vec<u8>) {
    let StatRecord { path, stat, what } = record;
    bytes.push(match what {
        What::File { executable: false, .. } => FILE,
        What::File { executable: true, .. } => PROGRAM,
        What::Folder { sent: true } => FOLDER,
        What::Folder { sent: false } => UNSENT,
        What::Link { .. } => LINK,
    });
    encode_text(path, bytes);
    bytes.extend(stat.size.to_le_bytes());
    bytes.extend(stat.modified.to_le_bytes());
    bytes.extend(stat.changed.to_le_bytes());
    bytes.extend(stat.inode.to_le_bytes());
    match what {
        What::File { hash, .. } => bytes.extend(hash),
        What::Folder { .. } => {}
        What::Link { target } => encode_text(target, bytes),
    }
}

fn encode_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.extend(u32::try_from(text.len()).unwrap_or_default().to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn decode<'a>(rest: &mut &'a [u8]) -> Option<StatRecord<'a>> {
    let [letter] = take(rest)?;
    let path = decode_text(rest)?;
    let stat = Stat {
        size: u64::from_le_bytes(take(rest)?),
        modified: i64::from_le_bytes(take(rest)?),
        changed: i64::from_le_bytes(take(rest)?),
        inode: u64::from_le_bytes(take(rest)?),
    };
    let what = match letter {
        FILE | PROGRAM => What::File { executable: letter == PROGRAM, hash: take(rest)? },
        FOLDER | UNSENT => What::Folder { sent: letter == FOLDER },
        LINK => What::Link { target: decode_text(rest)? },
        _ => return None,
    };
    Some(StatRecord { path, stat, what })
}

fn decode_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(u32::from_le_bytes(take(rest)?)).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*chunk)
}

#[cfg(test)]
mod tests {
    use super::KnownFiles;
    use super::StatRecord;
    use super::What;
    use crate::image::stat::Stat;

    fn records() -> Vec<StatRecord<'static>> {
        let stat = |size| Stat { size, modified: -1, changed: i64::MAX, inode: 7 };
        let file = |executable| What::File { executable, hash: [9; 32] };
        vec![
            StatRecord { path: "", stat: stat(0), what: What::Folder { sent: false } },
            StatRecord { path: "a", stat: stat(1), what: What::Folder { sent: true } },
            StatRecord { path: "a/b", stat: stat(2), what: file(true) },
            StatRecord { path: "a-b", stat: stat(3), what: file(false) },
            StatRecord { path: "é", stat: stat(4), what: What::Link { target: "../ü" } },
        ]
    }

    #[test]
    fn what_is_written_is_read_back() {
        let records = records();
        for whole in [true, false] {
            let known = KnownFiles::read(KnownFiles::from_records(&records, whole).bytes().to_vec()).unwrap();
            assert_eq!((known.is_whole(), known.len()), (whole, records.len()));
            for (index, record) in records.iter().enumerate() {
                assert_eq!(known.get(record.path).as_ref(), Some(record));
                assert_eq!(known.record(index).as_ref(), Some(record));
            }
            assert_eq!((known.get("b"), known.get("a/"), known.record(records.len())), (None, None, None));
        }
    }

    #[test]
    fn a_damaged_file_is_no_file() {
        let good = KnownFiles::from_records(&records(), true).bytes().to_vec();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(KnownFiles::read(bad).is_none(), "byte {at}");
        }
        for length in 0..good.len() {
            assert!(KnownFiles::read(good[..length].to_vec()).is_none(), "{length} bytes");
        }
    }
}
