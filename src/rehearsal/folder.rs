//! The directory of a rehearsal, which is deleted with it, or at the latest with the next rehearsal.
//!
//! A process that is killed cannot remove anything. So next to each directory is a file that its owner holds a lock on,
//! which the system takes back when the process ends, however that happens (`flock(2)`; `LockFileEx` on Windows). A
//! process that creates a directory first removes those whose lock is free.

use crate::file;
use crate::replace::create;
use crate::world::World;
use std::fs::File;
use std::io;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

/// How the directories are called; then come the process and a number.
const PREFIX: &str = "todo-rehearsal-";

/// The suffix of the lock's name after the directory's.
const LOCK: &str = "lock";

/// A directory that is deleted when this is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Held as long as the directory is used.
    _lock: File,
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

impl Folder {
    /// Makes one where temporary files belong, for this user alone, and removes those that killed rehearsals left there.
    pub(super) fn make(world: &World) -> io::Result<Folder> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let base = ["TMPDIR", "TEMP", "TMP"].into_iter().find_map(|name| world.var_os(name));
        let base = base.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
        sweep(&base);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = base.join(format!("{PREFIX}{}-{number}", std::process::id()));
            // The lock comes first: a directory without one has no owner.
            let lock = match create(&path.with_extension(LOCK)) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                made => made?,
            };
            // Another rehearsal that makes room just now may have been faster.
            if lock.try_lock().is_err() {
                continue;
            }
            match private(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Folder { path, _lock: lock }),
            }
        }
    }
}

#[cfg(unix)]
fn private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn private(folder: &Path) -> io::Result<()> {
    std::fs::create_dir(folder)
}

/// Removes the directories in `base` whose owners are gone. One of another user stays: its lock cannot be opened.
fn sweep(base: &Path) {
    for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
        let lock = entry.path();
        let ours =
            lock.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
        if !ours
            || lock.extension().is_none_or(|ending| ending != LOCK)
            || entry.file_type().is_ok_and(|kind| !kind.is_file())
        {
            continue;
        }
        if file::open(&lock).is_ok_and(|held| held.try_lock().is_ok()) {
            remove(&lock.with_extension(""));
        }
    }
}

/// The directory first: a remainder after an interruption still has its lock.
fn remove(folder: &Path) {
    let gone = std::fs::remove_dir_all(folder);
    if gone.is_ok() || gone.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        let _ = std::fs::remove_file(folder.with_extension(LOCK));
    }
}

#[cfg(test)]
mod tests {
    use super::Folder;
    use crate::world::World;

    #[test]
    fn what_a_killed_rehearsal_left_goes_with_the_next_and_what_is_used_stays() {
        let base = tempfile::tempdir().unwrap();
        let world = World::fake("/", [("TMPDIR", base.path().as_os_str())]);
        let listed = || {
            let names = base
                .path()
                .read_dir()
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        };
        let left = base.path().join("todo-rehearsal-1-0");
        std::fs::create_dir_all(left.join("home")).unwrap();
        std::fs::write(left.join("home/kubeconfig"), "x").unwrap();
        std::fs::write(base.path().join("todo-rehearsal-1-0.lock"), "").unwrap();
        // Killed between the two.
        std::fs::write(base.path().join("todo-rehearsal-2-0.lock"), "").unwrap();
        std::fs::create_dir(base.path().join("todo-rehearsal-of-mine")).unwrap();
        let first = Folder::make(&world).unwrap();
        assert!(!left.exists() && first.path.is_dir());
        assert_eq!(listed().len(), 3, "{:?}", listed());
        let second = Folder::make(&world).unwrap();
        assert!(first.path.is_dir() && second.path.is_dir() && first.path != second.path);
        drop((first, second));
        assert_eq!(listed(), ["todo-rehearsal-of-mine"]);
    }
}
