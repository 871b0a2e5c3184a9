//! The walk: directories read in parallel, because system calls take most of the time, and files in batches.
//!
//! An ignored directory is not opened unless a `!` rule may keep something in it.

use crate::image::context::ProblemKind;
use crate::image::context::Walked;
use crate::image::context::confirm::confirm;
use crate::image::context::file;
use crate::image::context::found::FoundContext;
use crate::image::context::found::FoundEntry;
use crate::image::context::found::send_folders_of_what_is_sent;
use crate::image::stat;
use crate::image::stat::Stat;
use crate::image::stat_cache::StatCache;
use crate::image::stat_cache::StatRecord;
use crate::image::stat_cache::What;
use crate::image::threads::on_each;
use dockerfile::context::Context;
use dockerfile::context::EntryKind;
use dockerfile::context::compare;
use dockerfile::ignore::Hits;
use dockerfile::ignore::Ignore;
use std::fs;
use std::io;
use std::io::Read;
use std::path::Path;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::SystemTime;

/// How often a file that changes while it is read is read again.
const TRIES: usize = 4;
/// How many files, and bytes, one thread reads before it looks for other work.
const BATCH: (usize, u64) = (64, 4 << 20);

/// Reads the context in `root`; contents in `cache` are not read again, and the others are added to it. `stop` is
/// called often; once it returns true, the result is not complete.
pub fn walk(root: &Path, ignore: &Ignore, cache: &StatCache, stop: &(dyn Fn() -> bool + Sync)) -> Walked {
    if let Some(context) = confirm(root, cache, stop) {
        return Walked { context, problems: Vec::new() };
    }
    walk_at(SystemTime::now(), root, ignore, cache, stop)
}

/// Lists everything; entries older than `began` are remembered.
pub(super) fn walk_at(
    began: SystemTime,
    root: &Path,
    ignore: &Ignore,
    cache: &StatCache,
    stop: &(dyn Fn() -> bool + Sync),
) -> Walked {
    let itself = fs::metadata(root).ok().map(|metadata| Stat::from_metadata(&metadata));
    let found = listed(root, ignore, Some(cache), stop);
    if let Some(stat) = itself
        && !stop()
    {
        let itself = StatRecord { path: "", stat, what: What::Folder { sent: false } };
        let records = std::iter::once(itself).chain(found.entries.iter().map(FoundEntry::record));
        cache.save(records, found.problems.is_empty(), began);
    }
    walked(root, found)
}

/// The names in the context in `root`, and what cannot be sent. No file is read: the hashes are zeros.
pub fn names(root: &Path, ignore: &Ignore, stop: &(dyn Fn() -> bool + Sync)) -> Walked {
    walked(root, listed(root, ignore, None, stop))
}

fn walked(root: &Path, found: FoundContext) -> Walked {
    let sent = found.entries.into_iter().filter(|found| found.sent).map(|found| found.entry);
    Walked { context: Context::new(root, sent.collect()), problems: found.problems }
}

/// Everything in the context, sorted by path; without a `cache` no contents.
fn listed(
    root: &Path,
    ignore: &Ignore,
    cache: Option<&StatCache>,
    stop: &(dyn Fn() -> bool + Sync),
) -> FoundContext {
    let first = Work::Folder { path: String::new(), hits: Hits::default() };
    let queue = Mutex::new(Queue { work: vec![first], busy: 0 });
    let walker = Walker { root, ignore, cache, stop, queue, wake: Condvar::new() };
    let mut found = FoundContext::default();
    for part in on_each(|| walker.work()) {
        found.append(part);
    }
    found.entries.sort_unstable_by(|one, other| compare(&one.entry.path, &other.entry.path));
    found.problems.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    send_folders_of_what_is_sent(&mut found.entries);
    found
}

struct Walker<'a> {
    root: &'a Path,
    ignore: &'a Ignore,
    cache: Option<&'a StatCache>,
    stop: &'a (dyn Fn() -> bool + Sync),
    queue: Mutex<Queue>,
    wake: Condvar,
}

struct Queue {
    work: Vec<Work>,
    busy: usize,
}

enum Work {
    Folder { path: String, hits: Hits },
    Files(Vec<String>),
}

/// Counts a worker as busy, also if it panics: the others would wait for it.
struct Busy<'w, 'a>(&'w Walker<'a>);

impl Drop for Busy<'_, '_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.busy -= 1;
        if queue.busy == 0 {
            self.0.wake.notify_all();
        }
    }
}

impl Walker<'_> {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, work: Vec<Work>) {
        self.queue().work.extend(work);
        self.wake.notify_all();
    }

    fn work(&self) -> FoundContext {
        let mut found = FoundContext::default();
        let mut buffer = Vec::new();
        loop {
            let mut queue = self.queue();
            let work = loop {
                if let Some(work) = queue.work.pop() {
                    break work;
                }
                if queue.busy == 0 {
                    return found;
                }
                queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
            };
            queue.busy += 1;
            drop(queue);
            let _busy = Busy(self);
            match work {
                _ if (self.stop)() => {}
                Work::Folder { path, hits } => self.read_folder(&path, &hits, &mut found),
                Work::Files(paths) => {
                    buffer.resize(128 * 1024, 0);
                    for path in paths {
                        self.read_file(path, &mut buffer, &mut found);
                    }
                }
            }
        }
    }

    fn read_folder(&self, folder: &str, hits: &Hits, found: &mut FoundContext) {
        let listed = match fs::read_dir(self.root.join(folder)) {
            Ok(listed) => listed,
            Err(error) => {
                // Ignored directories need not be readable.
                if folder.is_empty() || self.ignore.ignored_by(folder).is_none() {
                    found.fail(folder.to_owned(), error);
                }
                return;
            }
        };
        let mut more = Vec::new();
        let (mut batch, mut batch_bytes) = (Vec::new(), 0);
        for item in listed {
            let item = match item {
                Ok(item) => item,
                Err(error) => {
                    found.fail(folder.to_owned(), error);
                    break;
                }
            };
            let name = item.file_name();
            let utf8 = name.to_str().is_some();
            let name = name.to_string_lossy();
            let path = if folder.is_empty() { name.into_owned() } else { format!("{folder}/{name}") };
            let kind = match item.file_type() {
                Ok(kind) => kind,
                Err(error) => {
                    found.fail(path, error);
                    continue;
                }
            };
            if kind.is_dir() {
                let (ignored, hits) = self.ignore.ignores_folder(&path, hits);
                if ignored && !self.ignore.may_keep_below(&path) {
                    continue;
                }
                if !utf8 {
                    if !ignored {
                        found.problem(path, ProblemKind::NotUtf8);
                    }
                    continue;
                }
                match item.metadata() {
                    Err(error) => found.fail(path, error),
                    Ok(metadata) => {
                        found.add_folder(path.clone(), Stat::from_metadata(&metadata), ignored);
                        more.push(Work::Folder { path, hits });
                    }
                }
                continue;
            }
            if self.ignore.ignores(&path, hits) {
                continue;
            }
            if !utf8 {
                found.problem(path, ProblemKind::NotUtf8);
            } else if kind.is_symlink() {
                match item.metadata() {
                    Err(error) => found.fail(path, error),
                    Ok(metadata) => self.read_link(path, Stat::from_metadata(&metadata), found),
                }
            } else if kind.is_file() {
                match item.metadata() {
                    Err(error) => found.fail(path, error),
                    Ok(metadata) => {
                        let stat = Stat::from_metadata(&metadata);
                        let hash = self.cache.map_or(Some([0; 32]), |cache| cache.hash(&path, &stat));
                        if let Some(hash) = hash {
                            let kind = file(&stat, stat::executable(&metadata), hash);
                            found.add(path, kind, stat);
                        } else {
                            batch.push(path);
                            batch_bytes += stat.size;
                            if batch.len() >= BATCH.0 || batch_bytes >= BATCH.1 {
                                more.push(Work::Files(std::mem::take(&mut batch)));
                                batch_bytes = 0;
                            }
                        }
                    }
                }
            } else {
                found.problem(path, ProblemKind::Special);
            }
        }
        if !batch.is_empty() {
            more.push(Work::Files(batch));
        }
        if !more.is_empty() {
            self.push(more);
        }
    }

    fn read_link(&self, path: String, stat: Stat, found: &mut FoundContext) {
        match fs::read_link(self.root.join(&path)) {
            Err(error) => found.fail(path, error),
            Ok(target) => match target.into_os_string().into_string() {
                Err(_) => found.problem(path, ProblemKind::NotUtf8),
                Ok(target) => {
                    let target = if cfg!(windows) { target.replace('\\', "/") } else { target };
                    found.add(path, EntryKind::Link { target }, stat);
                }
            },
        }
    }

    fn read_file(&self, path: String, buffer: &mut [u8], found: &mut FoundContext) {
        let on_disk = self.root.join(&path);
        for _ in 0..TRIES {
            match self.hash(&on_disk, buffer) {
                Ok(Some((stat, executable, hash))) => {
                    return found.add(path, file(&stat, executable, hash), stat);
                }
                Ok(None) => {}
                Err(error) if stat::is_link(&error) => {}
                Err(error) => return found.fail(path, error),
            }
            if (self.stop)() {
                return;
            }
        }
        found.problem(path, ProblemKind::KeepsChanging);
    }

    /// A file's content, `None` if it changed meanwhile.
    fn hash(&self, path: &Path, buffer: &mut [u8]) -> io::Result<Option<(Stat, bool, [u8; 32])>> {
        let mut file = stat::open(path)?;
        let before = file.metadata()?;
        if !before.is_file() {
            return Ok(None);
        }
        let mut hasher = blake3::Hasher::new();
        let mut read = 0_u64;
        loop {
            match file.read(buffer) {
                Ok(0) => break,
                Ok(length) => {
                    hasher.update(&buffer[..length]);
                    read += length as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            // A file that grows as fast as it is read has no end.
            if read > before.len() || (self.stop)() {
                return Ok(None);
            }
        }
        let after = file.metadata()?;
        let stat = Stat::from_metadata(&before);
        let same = stat == Stat::from_metadata(&after) && read == stat.size;
        Ok(same.then(|| (stat, stat::executable(&after), *hasher.finalize().as_bytes())))
    }
}
