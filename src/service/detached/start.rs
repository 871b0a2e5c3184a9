//! The side of the run that needs a forward: a running one is reused, else a process is started, which is found by
//! its record. If two runs start one at once, one process gets the lock, the other ends, and both runs find the
//! first.

use super::ForwardRecord;
use super::Spec;
use super::record::SCHEMA;
use super::store::Store;
use super::store::StoreEntry;
use crate::exec::Background;
use crate::exec::Call;
use crate::file;
use crate::run::Run;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::time::Duration;
use tokio::time::Instant;

/// How long a process may take to listen.
const STARTING: Duration = Duration::from_secs(15);

/// How long between two looks for its record.
const LOOK: Duration = Duration::from_millis(20);

/// How much of a log an error shows, in lines.
const TAIL: usize = 10;

/// The sub-command that the process is started with.
pub const COMMAND: &str = "forward-process";

/// A forward that a process of its own holds.
#[derive(Debug)]
pub struct Detached {
    store: Store,
    key: String,
    record: ForwardRecord,
    reused: bool,
}

impl Detached {
    /// The name of its files.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.record.address
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.record.pid
    }

    /// Whether it existed already.
    #[must_use]
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// The requested port, if another program uses it.
    #[must_use]
    pub fn missed(&self) -> Option<u16> {
        self.record.missed()
    }

    /// Why its last connection did not reach a pod.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        match self.store.inspect(&self.key) {
            Ok(StoreEntry::Running(record)) => record.trouble,
            _ => None,
        }
    }

    /// Remembers the URL that has answered through it, for `status`.
    pub fn answers_at(&self, url: &str) {
        if self.record.url.as_deref() != Some(url) {
            // If the record cannot be written, only the path of the URL is missing in `status`.
            let _ = self.store.update(&self.key, |record| record.url = Some(url.to_owned()));
        }
    }

    /// Ends it, unless it existed before this run.
    pub async fn end_if_new(self) {
        if !self.reused {
            let _ = self.store.end(&self.key).await;
        }
    }
}

/// A forward according to `spec`.
///
/// # Errors
/// Why there is none, with the output of its process.
pub async fn open(run: &Run, spec: &Spec) -> io::Result<Detached> {
    let store = Store::open(&run.world).ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, "there is no home directory, and XDG_STATE_HOME is not set")
    })?;
    store.create()?;
    // A forward to a deleted cluster may have the port.
    for old in store.list(&spec.owner)?.iter().filter(|old| is_of_another_cluster(&old.record, spec)) {
        store.end(&old.key).await?;
    }
    let key = spec.key();
    let deadline = Instant::now() + STARTING;
    let mut started: Option<Background> = None;
    loop {
        match store.inspect(&key)? {
            StoreEntry::Running(record) if suits(&record, spec) => {
                let reused = started.as_ref().is_none_or(|process| process.id() != record.pid);
                // The port that was taken once may be free by now.
                if !reused || record.missed().is_none_or(|port| !is_free(port)) {
                    return Ok(Detached { store, key, record: *record, reused });
                }
                store.end(&key).await?;
            }
            StoreEntry::Running(_) => store.end(&key).await?,
            StoreEntry::Held => {}
            StoreEntry::Free(_) => match started.as_mut().map(Background::ended) {
                None => started = Some(start(run, &store, &key, spec)?),
                Some(None) => {}
                // It left the lock to another process, which has ended since.
                Some(Some(status)) if status.success() => started = None,
                Some(Some(status)) => {
                    let log = last_line(&store, &key);
                    let _ = store.end(&key).await;
                    return Err(io::Error::other(format!("its process has ended ({status}): {log}")));
                }
            },
        }
        if Instant::now() > deadline {
            let log = last_line(&store, &key);
            let why = format!("its process does not listen within {} s: {log}", STARTING.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn start(run: &Run, store: &Store, key: &str, spec: &Spec) -> io::Result<Background> {
    let program = run.world.program.clone();
    let program = program.ok_or_else(|| io::Error::other("cannot determine the path of `todo`"))?;
    let call = Call::new(program).args([COMMAND.to_owned(), serde_json::to_string(spec)?]);
    // Not the project's directory: a process keeps its own from being deleted on Windows, and from being unmounted.
    call.folder(store.folder()).detach(run, store.log(key)?)
}

fn last_line(store: &Store, key: &str) -> String {
    let log = file::read(&store.log_path(key), file::TEXT).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL)..].join("; ")
}

fn suits(record: &ForwardRecord, spec: &Spec) -> bool {
    let same_program = record.schema == SCHEMA && record.version == env!("CARGO_PKG_VERSION");
    same_program && spec.is_met_by(&record.spec)
}

fn is_of_another_cluster(record: &ForwardRecord, spec: &Spec) -> bool {
    let (old, new) = (&record.spec.owner.cluster, &spec.owner.cluster);
    matches!((old, new), (Some(old), Some(new)) if old != new)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_of_another_cluster;
    use super::suits;
    use crate::service::detached::ForwardOwner;
    use crate::service::detached::ForwardRecord;
    use crate::service::detached::record::tests::owner;
    use crate::service::detached::record::tests::record;
    use crate::service::detached::record::tests::spec;

    #[test]
    fn a_process_of_another_version_or_cluster_is_replaced() {
        let running = record(spec(), 30080);
        assert!(suits(&running, &spec()));
        assert!(!suits(&ForwardRecord { version: "0.0.1".to_owned(), ..running.clone() }, &spec()));
        assert!(!suits(&ForwardRecord { schema: 2, ..running.clone() }, &spec()));
        let mut again = spec();
        again.owner = ForwardOwner { cluster: Some("uid-2".to_owned()), ..owner() };
        assert!(is_of_another_cluster(&running, &again));
        again.owner.cluster = None;
        assert!(!is_of_another_cluster(&running, &again));
    }
}
