//! One run at a time: a Lease with an owner and an expiry.
//!
//! A run takes the lock with its first write (`hold`) and releases it when its [`scope`] ends, however that ends; a
//! run without writes takes none. An expired lock is taken over, so a run that was killed blocks others for at most
//! half a minute, and runs on the same machine not at all.

mod process;
pub mod run_lock;

use crate::cluster::kind;
use crate::cluster::lock::run_lock::Opened;
use crate::cluster::lock::run_lock::Renewal;
use crate::cluster::once;
use crate::cluster::request::report_waiting;
use crate::cluster::retry::retry_for;
use crate::cluster::retry::time_limit;
use crate::cluster::target::Target;
use crate::cluster::wire::ApiKind;
use crate::cluster::wire::Failure;
use crate::cluster::wire::Propagation;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Step;
use crate::fault;
use crate::fault::Fault;
use crate::random;
use crate::run::Run;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long a lock is valid without renewal.
const LIFE: Duration = Duration::from_secs(30);

/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(10);

/// How long the deletion of the Lease is tried. The Lease expires on its own, so failing to delete it is not an error.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time limit for waiting for another run: longer than a rollout may take.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Who holds the lock, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    /// `kim@workstation, process 4711`.
    pub who: String,
    /// Since when, as the Lease has it (RFC 3339).
    pub since: String,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, since {}",
            self.who,
            self.since.split('.').next().unwrap_or_default().replace('T', " ")
        )
    }
}

/// Does `work`, within which `hold` takes the project's lock, and releases the lock at the end, whatever ends it.
/// Scopes nest: the outermost releases it.
///
/// # Errors
/// Those of the work; [`fault::FaultKind::Locked`] as soon as another run takes over the lock.
pub fn scope<'a, T: 'a>(
    run: &'a Run,
    target: &'a Target,
    work: impl Future<Output = fault::Result<T>> + 'a,
) -> impl Future<Output = fault::Result<T>> + 'a {
    // On the heap: the future of a scope contains most of a run.
    let work = Box::pin(work);
    run.shield(within(run, target, work))
}

async fn within<T>(
    run: &Run,
    target: &Target,
    work: impl Future<Output = fault::Result<T>>,
) -> fault::Result<T> {
    let lock = &*target.lock;
    let opened = Opened::new(lock);
    let ended = tokio::select! {
        biased;
        fault = lock.lost() => Err(fault),
        ended = run.or_stopped(work) => ended,
    };
    drop(opened);
    if lock.scopes.load(Ordering::Relaxed) == 0 {
        lock.release().await;
    }
    ended
}

/// Takes the lock, waiting for another run that holds it; does nothing if this run holds it already.
pub(crate) async fn hold(run: &Run, target: &Target) -> fault::Result<()> {
    debug_assert!(target.lock.scopes.load(Ordering::Relaxed) > 0, "nothing would give the lock back");
    let mut held = target.lock.held.lock().await;
    if held.is_none() {
        *held = Some(take_from(Watched::new(run), &target.wire(), target).await?);
    }
    Ok(())
}

fn leases() -> ApiKind {
    kind::well_known("coordination.k8s.io", "v1", "Lease").unwrap_or_else(|| kind::core("Lease"))
}

fn name(target: &Target) -> String {
    format!("todo.{}", target.project)
}

/// The Lease as it is now.
pub(crate) async fn get(wire: &Wire, target: &Target) -> Result<Option<Value>, Failure> {
    wire.get(&leases(), Some(target.namespace.as_str()), &name(target)).await
}

/// The holder of a Lease, unless it expired so long ago that clock skew cannot explain it.
pub(crate) fn owner(lease: &Value, now: Timestamp) -> Option<LockHolder> {
    let spec = &lease["spec"];
    let who = spec["holderIdentity"].as_str().filter(|who| !who.is_empty())?;
    let renewed: Timestamp = spec["renewTime"].as_str()?.parse().ok()?;
    let age = now.duration_since(renewed);
    if age.as_secs() > 2 * spec["leaseDurationSeconds"].as_i64().unwrap_or(30) {
        return None;
    }
    Some(LockHolder {
        who: who.rsplit_once(" #").map_or(who, |(who, _)| who).to_owned(),
        since: spec["acquireTime"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Waits until no other run holds the lock, without keeping it; a lock whose holder is gone is removed. Returns
/// whether there was anything to wait for.
pub(crate) async fn wait(
    run: &Run,
    wire: &Wire,
    target: &Target,
    lease: Option<&Value>,
) -> fault::Result<bool> {
    let Some(lease) = lease.filter(|_| !target.lock.is_held()) else { return Ok(false) };
    let mut watched = Watched::new(run);
    let mut lease = Some(lease.clone());
    while let Some(held) = &lease {
        if watched.is_dead(held) {
            // No other run would remove it: this run has nothing to write, and needs no lock of its own.
            take_from(watched, wire, target).await?.release().await;
            break;
        }
        watched.for_a_change(wire, target, held).await?;
        lease = get(wire, target).await.map_err(unreadable)?;
    }
    Ok(true)
}

/// Takes the lock, waiting for another run that holds it, which may have been watched for some time already.
async fn take_from(mut watched: Watched<'_>, wire: &Wire, target: &Target) -> fault::Result<Renewal> {
    let run = watched.run;
    let namespace = Some(target.namespace.as_str());
    let me = format!("{} #{:08x}", identity(run), nonce());
    loop {
        let lease = lease(target, &me, None);
        let waiting = report_waiting(run, Step::Apply, "lock");
        match once::put(wire, &leases(), namespace, &lease, waiting).await {
            Ok(lease) => return Ok(keep(wire.clone(), target.clone(), me, lease)),
            Err(failure) if failure.is_there() => {}
            Err(failure) => return Err(unreadable(failure)),
        }
        let Some(held) = get(wire, target).await.map_err(unreadable)? else { continue };
        if watched.is_dead(&held) {
            let version = held["metadata"]["resourceVersion"].as_str();
            match wire.replace(&leases(), namespace, &self::lease(target, &me, version)).await {
                Ok(lease) => return Ok(keep(wire.clone(), target.clone(), me, lease)),
                Err(failure) if failure.is_conflict() || failure.is_absent() => continue,
                Err(failure) => return Err(unreadable(failure)),
            }
        }
        watched.for_a_change(wire, target, &held).await?;
    }
}

/// Removes the lock of whichever run holds it, at the user's request. Returns that run.
pub async fn unlock(target: &Target) -> fault::Result<Option<LockHolder>> {
    let wire = target.wire();
    let Some(lease) = get(&wire, target).await.map_err(unreadable)? else { return Ok(None) };
    let uid = lease["metadata"]["uid"].as_str().unwrap_or_default();
    let namespace = Some(target.namespace.as_str());
    wire.delete(&leases(), namespace, &name(target), uid, Propagation::Background)
        .await
        .map_err(unreadable)?;
    Ok(owner(&lease, target.clock.now()))
}

/// The holder of the lock, if it is a process of this machine that has ended.
pub async fn abandoned(target: &Target) -> fault::Result<Option<LockHolder>> {
    let wire = target.wire();
    let lease = get(&wire, target).await.map_err(unreadable)?;
    Ok(lease.filter(is_abandoned).map(|lease| {
        let spec = &lease["spec"];
        let text = |key: &str| spec[key].as_str().unwrap_or_default().to_owned();
        let who = text("holderIdentity");
        LockHolder {
            who: who.rsplit_once(" #").map_or(who.as_str(), |(who, _)| who).to_owned(),
            since: text("acquireTime"),
        }
    }))
}

/// Removes the lock, if a process of this machine that has ended still holds it; returns whether it did.
pub async fn release_abandoned(target: &Target) -> fault::Result<bool> {
    let wire = target.wire();
    let lease = get(&wire, target).await.map_err(unreadable)?;
    let Some(lease) = lease.filter(is_abandoned) else { return Ok(false) };
    let uid = lease["metadata"]["uid"].as_str().unwrap_or_default();
    let namespace = Some(target.namespace.as_str());
    let deleted = wire.delete(&leases(), namespace, &name(target), uid, Propagation::Background).await;
    deleted.map(|_| true).map_err(unreadable)
}

fn is_abandoned(lease: &Value) -> bool {
    process::is_gone(lease["metadata"]["annotations"][process::ANNOTATION].as_str().unwrap_or_default())
}

/// A foreign lock as it is seen over time: on our own clock, because clocks differ.
struct Watched<'a> {
    run: &'a Run,
    began: Instant,
    renewal: Option<(String, Instant)>,
}

impl<'a> Watched<'a> {
    fn new(run: &'a Run) -> Watched<'a> {
        Watched { run, began: Instant::now(), renewal: None }
    }

    fn is_dead(&mut self, lease: &Value) -> bool {
        if is_abandoned(lease) || owner(lease, self.run.world.clock.now()).is_none() {
            return true;
        }
        let renewed = lease["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        match &self.renewal {
            Some((seen, since)) if seen == renewed => since.elapsed() >= LIFE,
            _ => {
                self.renewal = Some((renewed.to_owned(), Instant::now()));
                false
            }
        }
    }

    async fn for_a_change(&self, wire: &Wire, target: &Target, lease: &Value) -> fault::Result<()> {
        let Some(owner) = owner(lease, self.run.world.clock.now()) else { return Ok(()) };
        if self.began.elapsed() > PATIENCE {
            return Err(Code::LockHeld
                .fault(fault::FaultKind::Locked, format!("another run holds the project: {owner}"))
                .hint("wait for it, or release its lock: `todo unlock`"));
        }
        self.run.sink.emit(crate::event::EventKind::Waiting {
            step: Step::Apply,
            item: "lock".to_owned(),
            why: format!("another run: {owner}"),
        });
        let version = lease["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let (kind, name) = (leases(), name(target));
        let change = wire.change(&kind, Some(target.namespace.as_str()), &name, version);
        let rest = self.renewal.as_ref().map_or(LIFE, |(_, since)| LIFE.saturating_sub(since.elapsed()));
        if let Ok(Err(_)) = tokio::time::timeout(rest, change).await {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }
}

/// Renews until it is stopped, then removes the Lease.
fn keep(wire: Wire, target: Target, me: String, lease: Value) -> Renewal {
    let (release, mut released) = oneshot::channel();
    let lost = target.lock.lost.clone();
    // A task that owned the run's lock would keep it from being dropped, and so renew it for ever.
    let target = Target { lock: Arc::default(), ..target };
    let renewal = tokio::spawn(async move {
        let mut current = lease;
        let acquired = current["spec"]["acquireTime"].clone();
        loop {
            tokio::select! {
                _ = &mut released => break,
                () = tokio::time::sleep(RENEWAL) => {}
            }
            let version = current["metadata"]["resourceVersion"].as_str();
            let mut next = self::lease(&target, &me, version);
            next["spec"]["acquireTime"] = acquired.clone();
            // Without the UID the server would create a Lease again that another client has removed: for this kind,
            // PUT creates.
            next["metadata"]["uid"] = current["metadata"]["uid"].clone();
            match wire.replace(&leases(), Some(target.namespace.as_str()), &next).await {
                Ok(lease) => current = lease,
                // The previous renewal may have succeeded although its response was lost.
                Err(failure)
                    if failure.is_conflict() && still_mine(&wire, &target, &me, &mut current).await => {}
                Err(failure) if failure.is_conflict() || failure.is_absent() => {
                    lost.send_replace(true);
                    return;
                }
                // The next renewal may succeed; until then the lock is valid.
                Err(_) => {}
            }
        }
        let uid = current["metadata"]["uid"].as_str().unwrap_or_default();
        let (kind, name, namespace) = (leases(), name(&target), Some(target.namespace.as_str()));
        let shortly = |failure: &Failure| time_limit(failure).map(|_| RELEASE_TIMEOUT);
        let delete = || wire.delete(&kind, namespace, &name, uid, Propagation::Background);
        let _ = retry_for(shortly, drop, delete).await;
    });
    Renewal { release, renewal }
}

/// Whether a Lease that another client has changed still names us; then `current` is its current state.
async fn still_mine(wire: &Wire, target: &Target, me: &str, current: &mut Value) -> bool {
    match get(wire, target).await {
        Ok(Some(now)) if now["spec"]["holderIdentity"] == me => {
            *current = now;
            true
        }
        // The Lease cannot be read now: the next renewal meets the same conflict, and reads it again.
        Err(_) => true,
        Ok(_) => false,
    }
}

fn lease(target: &Target, me: &str, version: Option<&str>) -> Value {
    let now = format!("{:.6}", target.clock.now());
    let mut lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name(target), "namespace": target.namespace.as_str()},
        "spec": {"holderIdentity": me, "leaseDurationSeconds": LIFE.as_secs(), "acquireTime": now, "renewTime": now},
    });
    if let Some(mark) = process::mark() {
        lease["metadata"]["annotations"] = json!({process::ANNOTATION: mark});
    }
    if let Some(version) = version {
        lease["metadata"]["resourceVersion"] = json!(version);
    }
    lease
}

fn identity(run: &Run) -> String {
    let world = &run.world;
    let user = world.var("USER").or_else(|| world.var("USERNAME")).unwrap_or("an unknown user");
    let host = &world.machine;
    format!("{user}@{host}, process {}", std::process::id())
}

fn nonce() -> u32 {
    let mut bytes = [0; 4];
    let _ = random::fill(&mut bytes);
    u32::from_le_bytes(bytes)
}

fn unreadable(failure: Failure) -> Fault {
    crate::cluster::request::unreadable(failure, "cannot lock the project")
}
