//! The directory of detached forwards: for each a record, a log and a lock that its process holds.
//!
//! Every read and every change holds the directory's own lock, for a moment: so a reader that tests whether a lock is
//! free cannot keep a process that has just been started from taking it, and no file is removed while another process
//! opens it.

use super::ForwardOwner;
use super::ForwardRecord;
use crate::file;
use crate::replace::private_folder;
use crate::replace::replace;
use crate::world::World;
use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::io::ErrorKind;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

/// How long the directory's lock is waited for; it is held for milliseconds, unless its holder was suspended.
const FOLDER: Duration = Duration::from_secs(5);

/// Time limit for a forward to end.
const ENDING: Duration = Duration::from_secs(10);

/// How long between two looks at it.
const LOOK: Duration = Duration::from_millis(25);

const RECORD: &str = "json";
const LOCK: &str = "lock";
const LOG: &str = "log";

/// The directory.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// The state of one forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StoreEntry {
    /// Its process runs, and has reported its address.
    Running(Box<ForwardRecord>),
    /// A process holds the lock, and has not reported its address yet, or is about to end.
    Held,
    /// The lock is free. The record of a forward that was killed, or has ended by itself, may be left.
    Free(Option<Box<ForwardRecord>>),
}

/// A forward that has a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name of its files.
    pub key: String,
    /// Whether its process runs.
    pub running: bool,
    /// Its record.
    pub record: ForwardRecord,
}

/// A lock that is held for as long as this lives.
#[derive(Debug)]
pub(super) struct Claim {
    _lock: File,
    /// The record that the previous forward has left.
    pub(super) before: Option<Box<ForwardRecord>>,
}

impl Store {
    /// The directory of this user; it need not be there. `None` where the environment names no home.
    #[must_use]
    pub fn open(world: &World) -> Option<Store> {
        world.state_folder().map(|folder| Store { folder: folder.join("forwards") })
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Creates the directory, accessible only to its owner.
    pub(super) fn create(&self) -> io::Result<()> {
        private_folder(&self.folder)
    }

    /// The forwards of `owner`, in the order of the addresses.
    pub fn list(&self, owner: &ForwardOwner) -> io::Result<Vec<Listed>> {
        let names = match fs::read_dir(&self.folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let records = names.filter(|path| path.extension().is_some_and(|extension| extension == RECORD));
        let keys: Vec<String> =
            records.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let _folder = self.guard()?;
        let mut found = Vec::new();
        for key in keys {
            let (running, record) = match self.entry(&key)? {
                StoreEntry::Running(record) => (true, record),
                StoreEntry::Free(Some(record)) => (false, record),
                StoreEntry::Held | StoreEntry::Free(None) => continue,
            };
            if record.spec.owner.is(owner) {
                found.push(Listed { key, running, record: *record });
            }
        }
        found.sort_by_key(|item| (item.record.address, item.key.clone()));
        Ok(found)
    }

    /// The state of one forward.
    pub(super) fn inspect(&self, key: &str) -> io::Result<StoreEntry> {
        let _folder = self.guard()?;
        self.entry(key)
    }

    /// Ends one and removes its files; does nothing if there is none.
    ///
    /// # Errors
    /// It did not end in time.
    pub async fn end(&self, key: &str) -> io::Result<()> {
        let deadline = Instant::now() + ENDING;
        loop {
            {
                let _folder = self.guard()?;
                match self.entry(key)? {
                    // Its process watches the record.
                    StoreEntry::Running(_) => remove(&self.file(key, RECORD))?,
                    StoreEntry::Free(_) => return self.clean(key),
                    StoreEntry::Held => {}
                }
            }
            if Instant::now() > deadline {
                let why = format!("it did not exit within {} s", ENDING.as_secs());
                return Err(io::Error::new(ErrorKind::TimedOut, why));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The file that a new process writes its errors to.
    pub(super) fn log(&self, key: &str) -> io::Result<File> {
        let mut options = File::options();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(self.log_path(key))
    }

    /// Adds a line to the log of a forward; a log that has grown to `limit` bytes is truncated.
    pub(super) fn note(&self, key: &str, line: &str, limit: u64) -> io::Result<()> {
        // A handle that only appends may not cut a file on Windows.
        let whole = open(&self.log_path(key))?;
        if whole.metadata()?.len() > limit {
            whole.set_len(0)?;
        }
        writeln!(self.log(key)?, "{line}")
    }

    pub(super) fn log_path(&self, key: &str) -> PathBuf {
        self.file(key, LOG)
    }

    /// Takes the lock of one for this process, and truncates its log; `None` if another process has it.
    pub(super) fn claim(&self, key: &str) -> io::Result<Option<Claim>> {
        self.create()?;
        let _folder = self.guard()?;
        let lock = open(&self.file(key, LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        open(&self.log_path(key))?.set_len(0)?;
        let before = self.record(key);
        remove(&self.file(key, RECORD))?;
        Ok(Some(Claim { _lock: lock, before }))
    }

    /// Writes the record of a forward whose lock this process holds.
    pub(super) fn write(&self, record: &ForwardRecord) -> io::Result<()> {
        let _folder = self.guard()?;
        replace(&self.file(&record.spec.key(), RECORD), &serde_json::to_vec(record)?, None)
    }

    /// Changes a record if it exists; a removed one is not restored. Returns whether it exists.
    pub(super) fn update(&self, key: &str, change: impl FnOnce(&mut ForwardRecord)) -> io::Result<bool> {
        let _folder = self.guard()?;
        let Some(mut record) = self.record(key) else { return Ok(self.has_record(key)) };
        change(&mut record);
        replace(&self.file(key, RECORD), &serde_json::to_vec(&record)?, None)?;
        Ok(true)
    }

    /// Whether its record exists. Only a missing record counts: a directory that is unreadable for a moment ends
    /// nothing.
    pub(super) fn has_record(&self, key: &str) -> bool {
        !matches!(fs::metadata(self.file(key, RECORD)), Err(error) if error.kind() == ErrorKind::NotFound)
    }

    /// Releases a lock, and removes all files of the forward unless its record is kept to show why it has ended.
    pub(super) fn release(&self, key: &str, claim: Claim, keep: bool) -> io::Result<()> {
        let _folder = self.guard()?;
        drop(claim);
        if keep { Ok(()) } else { self.clean(key) }
    }

    fn entry(&self, key: &str) -> io::Result<StoreEntry> {
        let record = self.record(key);
        let held = match File::options().read(true).write(true).open(self.file(key, LOCK)) {
            Ok(lock) => match lock.try_lock() {
                Ok(()) => false,
                Err(TryLockError::WouldBlock) => true,
                Err(TryLockError::Error(error)) => return Err(error),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        Ok(match (held, record) {
            (true, Some(record)) => StoreEntry::Running(record),
            (true, None) => StoreEntry::Held,
            (false, record) => StoreEntry::Free(record),
        })
    }

    /// The record, if it can be read; one of another version may not be.
    fn record(&self, key: &str) -> Option<Box<ForwardRecord>> {
        serde_json::from_slice(&file::read(&self.file(key, RECORD), file::TEXT).ok()?).ok()
    }

    fn clean(&self, key: &str) -> io::Result<()> {
        [RECORD, LOG, LOCK].iter().try_for_each(|kind| remove(&self.file(key, kind)))
    }

    fn file(&self, key: &str, kind: &str) -> PathBuf {
        self.folder.join(format!("{key}.{kind}"))
    }

    fn guard(&self) -> io::Result<File> {
        let lock = open(&self.folder.join(LOCK))?;
        let deadline = Instant::now() + FOLDER;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                    let why = format!("{} is locked by a process that hangs", self.folder.display());
                    return Err(io::Error::new(ErrorKind::TimedOut, why));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::Store;
    use super::StoreEntry;
    use crate::project::name::ProjectName;
    use crate::service::detached::ForwardOwner;
    use crate::service::detached::Spec;
    use crate::service::detached::record::tests::owner;
    use crate::service::detached::record::tests::record;
    use crate::service::detached::record::tests::spec;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store { folder: folder.path().join("a/forwards") };
        store.create().unwrap();
        (folder, store)
    }

    fn files(store: &Store) -> Vec<String> {
        let entries = std::fs::read_dir(store.folder()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != super::LOCK);
        names.sort();
        names
    }

    #[test]
    fn a_lock_and_not_a_record_says_that_one_runs() {
        let (_folder, store) = store();
        let (record, key) = (record(spec(), 30080), spec().key());
        assert_eq!(store.inspect(&key).unwrap(), StoreEntry::Free(None));
        let claim = store.claim(&key).unwrap().unwrap();
        assert_eq!(store.inspect(&key).unwrap(), StoreEntry::Held);
        assert!(store.claim(&key).unwrap().is_none(), "never two");
        store.write(&record).unwrap();
        assert_eq!(store.inspect(&key).unwrap(), StoreEntry::Running(Box::new(record.clone())));
        // As the system does when the process is killed.
        drop(claim);
        assert_eq!(store.inspect(&key).unwrap(), StoreEntry::Free(Some(Box::new(record.clone()))));
        let next = store.claim(&key).unwrap().unwrap();
        assert_eq!(next.before, Some(Box::new(record)));
        assert_eq!(
            store.inspect(&key).unwrap(),
            StoreEntry::Held,
            "what the last one said does not hold for the next"
        );
    }

    #[test]
    fn one_that_was_asked_to_end_does_not_come_back() {
        let (_folder, store) = store();
        let (record, key) = (record(spec(), 30080), spec().key());
        let claim = store.claim(&key).unwrap().unwrap();
        store.write(&record).unwrap();
        std::fs::remove_file(store.file(&key, super::RECORD)).unwrap();
        assert!(!store.update(&key, |record| record.trouble = None).unwrap());
        assert!(!store.has_record(&key));
        store.release(&key, claim, false).unwrap();
        assert_eq!(files(&store), Vec::<String>::new());
    }

    #[tokio::test]
    async fn only_the_owners_are_listed_and_what_is_dead_is_removed() {
        let (_folder, store) = store();
        let theirs = ForwardOwner { project: ProjectName::parse("other").unwrap(), ..owner() };
        let other = Spec { owner: theirs.clone(), port: 81, ..spec() };
        for (spec, port) in [(spec(), 30080), (other.clone(), 30081)] {
            let claim = store.claim(&spec.key()).unwrap().unwrap();
            store.write(&record(spec.clone(), port)).unwrap();
            drop(claim);
        }
        std::fs::write(store.file("damaged", super::RECORD), "{").unwrap();
        let listed = store.list(&owner()).unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].running, &listed[0].record.spec), (false, &spec()));
        store.end(&listed[0].key).await.unwrap();
        assert_eq!(store.list(&owner()).unwrap(), []);
        assert_eq!(store.list(&theirs).unwrap().len(), 1);
        assert!(files(&store).iter().all(|name| !name.starts_with(&spec().key())), "{:?}", files(&store));
    }
}
