//! The paths to scan: filled by the thread that reads events, emptied by the one that scans.

use crate::watch::Snapshot;
use crate::watch::ephemeral::is_ephemeral;
use crate::watch::quiet;
use crate::watch::quiet::Burst;
use crate::watch::root::Root;
use notify::Event;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;
use tokio::sync::oneshot;

/// With more paths than this everything is looked at: that takes no longer, and the memory has a limit.
const MOST: usize = 20_000;

/// The next task.
pub(super) enum Work {
    /// Watch other roots.
    Roots(Vec<Root>, oneshot::Sender<Snapshot>),
    /// Look at these paths.
    Paths(BTreeSet<PathBuf>),
    /// Look at everything: events were lost.
    Everything,
    /// The time is over.
    Timeout,
    /// The receiver was dropped.
    End,
}

/// The paths that events have named since they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    state: Mutex<DirtyState>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct DirtyState {
    paths: BTreeSet<PathBuf>,
    everything: bool,
    /// When the first and the last of the events came.
    burst: Option<(Instant, Instant)>,
    /// What the events must be about.
    roots: Vec<Root>,
    new_roots: Option<(Vec<Root>, oneshot::Sender<Snapshot>)>,
    end: bool,
}

impl DirtyState {
    fn mark(&mut self) {
        let now = Instant::now();
        self.burst = Some((self.burst.map_or(now, |(first, _)| first), now));
    }

    fn add(&mut self, path: PathBuf) {
        if self.everything || !self.roots.iter().any(|root| root.is_concerned_by(&path)) {
            return;
        }
        self.paths.insert(path);
        if self.paths.len() > MOST {
            self.everything = true;
            self.paths.clear();
        }
        self.mark();
    }

    fn take(&mut self) -> Work {
        self.burst = None;
        let paths = std::mem::take(&mut self.paths);
        if std::mem::take(&mut self.everything) { Work::Everything } else { Work::Paths(paths) }
    }
}

impl Dirty {
    fn state(&self) -> MutexGuard<'_, DirtyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event of the file system.
    pub(super) fn event(&self, event: notify::Result<Event>) {
        let mut state = self.state();
        match event {
            Ok(event) if event.need_rescan() => {
                state.everything = true;
                state.mark();
            }
            Ok(event) if event.kind.is_access() => {}
            Ok(event) => {
                let name =
                    |path: &Path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_ephemeral);
                event.paths.into_iter().filter(|path| !name(path)).for_each(|path| state.add(path));
            }
            Err(error) => {
                state.everything |= error.paths.is_empty();
                error.paths.into_iter().for_each(|path| state.add(path));
                state.mark();
            }
        }
        drop(state);
        self.wake.notify_all();
    }

    /// Paths that are to be looked at again.
    pub(super) fn again(&self, paths: Vec<PathBuf>) {
        let mut state = self.state();
        for path in paths {
            state.add(path);
        }
    }

    pub(super) fn replace_roots(&self, roots: Vec<Root>, answer: oneshot::Sender<Snapshot>) {
        self.state().new_roots = Some((roots, answer));
        self.wake.notify_all();
    }

    pub(super) fn end(&self) {
        self.state().end = true;
        self.wake.notify_all();
    }

    /// Waits until there is something to do, for `limit` at most. A burst of events is waited for until it is over;
    /// git's `locks` show one that is not.
    pub(super) fn next(&self, limit: Option<Duration>, locks: &BTreeSet<PathBuf>) -> Work {
        let began = Instant::now();
        let mut seen_locked = None;
        let mut state = self.state();
        loop {
            if state.end {
                return Work::End;
            }
            if let Some((roots, answer)) = state.new_roots.take() {
                // Everything is looked at for them.
                state.take();
                state.roots.clone_from(&roots);
                return Work::Roots(roots, answer);
            }
            let left = limit.map(|limit| limit.saturating_sub(began.elapsed()));
            let wait = match state.burst {
                Some((first, last)) => {
                    let locked = locks.iter().any(|lock| lock.exists());
                    if locked {
                        seen_locked = Some(Instant::now());
                    }
                    let silent = seen_locked.map_or(last, |seen: Instant| seen.max(last)).elapsed();
                    let burst = Burst { lasts: first.elapsed(), silent, paths: state.paths.len(), locked };
                    match quiet::wait(burst) {
                        None => return state.take(),
                        Some(wait) => Some(wait),
                    }
                }
                None if left == Some(Duration::ZERO) => return Work::Timeout,
                None => left,
            };
            state = match wait {
                Some(wait) => self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}
