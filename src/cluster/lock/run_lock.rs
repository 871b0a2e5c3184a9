//! The lock of one run, while it is held.

use crate::event::Code;
use crate::fault;
use crate::fault::Fault;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use tokio::sync::Mutex;
use tokio::sync::oneshot;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The project's lock in one run. Part of the [`Target`](crate::cluster::target::Target), so every step of the run
/// shares it.
#[derive(Debug)]
pub struct RunLock {
    pub(super) held: Mutex<Option<Renewal>>,
    /// How many [`scope`](super::scope)s are open.
    pub(super) scopes: AtomicUsize,
    pub(super) lost: watch::Sender<bool>,
}

impl Default for RunLock {
    fn default() -> RunLock {
        RunLock { held: Mutex::default(), scopes: AtomicUsize::new(0), lost: watch::channel(false).0 }
    }
}

impl RunLock {
    /// Whether this run holds the lock.
    pub(crate) fn is_held(&self) -> bool {
        // A run that is just taking it does not hold it yet.
        self.held.try_lock().is_ok_and(|held| held.is_some())
    }

    /// Deletes the Lease, and waits until that is done. Later work that needs the lock takes it again.
    pub(crate) async fn release(&self) {
        if let Some(held) = self.held.lock().await.take() {
            held.release().await;
        }
        // A lost lock no longer belongs to this run; the next one that it takes is another.
        self.lost.send_replace(false);
    }

    /// Ends when another run has taken the lock.
    pub(super) async fn lost(&self) -> Fault {
        let mut lost = self.lost.subscribe();
        if lost.wait_for(|lost| *lost).await.is_err() {
            // The sender is a field of `self`, so it is not dropped while this waits.
            std::future::pending::<()>().await;
        }
        Code::LockLost
            .fault(fault::FaultKind::Locked, "another run took the lock over, so this one stopped")
            .hint("wait for the other run, then run `todo up` again: what is already done is kept")
    }
}

/// Counts an open scope; a scope that is dropped before its end counts, too.
pub(super) struct Opened<'a>(&'a RunLock);

impl<'a> Opened<'a> {
    pub(super) fn new(lock: &'a RunLock) -> Opened<'a> {
        lock.scopes.fetch_add(1, Ordering::Relaxed);
        Opened(lock)
    }
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.0.scopes.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The task that renews the Lease, until it is released or dropped.
#[derive(Debug)]
pub(super) struct Renewal {
    pub(super) release: oneshot::Sender<()>,
    pub(super) renewal: JoinHandle<()>,
}

impl Renewal {
    /// Releases it, and waits until that is done.
    pub(super) async fn release(self) {
        drop(self.release);
        let _ = self.renewal.await;
    }
}
