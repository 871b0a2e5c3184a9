//! One run at a time: a Lease with an owner and an expiry.
//!
//! Not held by a run that has nothing to write. An expired one is taken over, so a run that was killed locks nobody out
//! for longer than half a minute, and on the machine that it ran on not at all; one that ends in any other way removes it.

mod process;

use crate::cluster::kind;
use crate::cluster::once;
use crate::cluster::retry::patience;
use crate::cluster::retry::persist_for;
use crate::cluster::survey;
use crate::cluster::survey::tell;
use crate::cluster::target::Target;
use crate::cluster::wire::Failure;
use crate::cluster::wire::Kind;
use crate::cluster::wire::Propagation;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Step;
use crate::fault;
use crate::fault::Fault;
use crate::file;
use crate::random;
use crate::run::Run;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use std::fmt;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How long a lock lives without renewal.
const LIFE: Duration = Duration::from_secs(30);

/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(10);

/// How long a server that does not answer is asked to take the lock back: it dies by itself soon enough.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long another run is waited for: longer than a rollout may take.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Who holds the lock, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// `kim@workstation, process 4711`.
    pub who: String,
    /// Since when, as the Lease has it (RFC 3339).
    pub since: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, since {}",
            self.who,
            self.since.split('.').next().unwrap_or_default().replace('T', " ")
        )
    }
}

/// The lock, held: renewed until it is released or dropped.
#[derive(Debug)]
pub(crate) struct Held {
    lost: watch::Receiver<bool>,
    release: Option<oneshot::Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl Held {
    /// Does `work` until somebody else takes the lock.
    pub(crate) async fn while_ours<T>(
        &self,
        work: impl Future<Output = fault::Result<T>>,
    ) -> fault::Result<T> {
        tokio::select! {
            biased;
            fault = self.lost() => Err(fault),
            done = work => done,
        }
    }

    /// Ends when somebody else has taken it.
    async fn lost(&self) -> Fault {
        let mut lost = self.lost.clone();
        if lost.wait_for(|lost| *lost).await.is_err() {
            // It was given back, or its keeper is gone with the runtime: nobody has taken it.
            std::future::pending::<()>().await;
        }
        Code::LockLost
            .fault(fault::Kind::Locked, "another run has taken the lock away, so this one has stopped")
            .hint(
                "see what the other one does, then run `todo up` again: what is done already stays as it is",
            )
    }

    /// Gives it back, and waits until that is done.
    pub(crate) async fn release(mut self) {
        self.release.take();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.await;
        }
    }
}

fn leases() -> Kind {
    kind::well_known("coordination.k8s.io", "v1", "Lease").unwrap_or_else(|| kind::core("Lease"))
}

fn name(target: &Target) -> String {
    format!("todo.{}", target.project)
}

/// The Lease as it is now.
pub(crate) async fn read(wire: &Wire, target: &Target) -> Result<Option<Value>, Failure> {
    wire.get(&leases(), Some(target.namespace.as_str()), &name(target)).await
}

/// Who holds a Lease, unless it has been dead for so long that no clock is that wrong.
pub(crate) fn owner(lease: &Value, now: Timestamp) -> Option<Owner> {
    let spec = &lease["spec"];
    let who = spec["holderIdentity"].as_str().filter(|who| !who.is_empty())?;
    let renewed: Timestamp = spec["renewTime"].as_str()?.parse().ok()?;
    let age = now.duration_since(renewed);
    if age.as_secs() > 2 * spec["leaseDurationSeconds"].as_i64().unwrap_or(30) {
        return None;
    }
    Some(Owner {
        who: who.rsplit_once(" #").map_or(who, |(who, _)| who).to_owned(),
        since: spec["acquireTime"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Waits until nobody else holds the lock, without keeping it; one whose holder is dead is taken away. Returns whether there was anything to wait for.
pub(crate) async fn wait(
    run: &Run,
    wire: &Wire,
    target: &Target,
    lease: Option<&Value>,
) -> fault::Result<bool> {
    let Some(lease) = lease else { return Ok(false) };
    let mut watched = Watched::new(run);
    let mut lease = Some(lease.clone());
    while let Some(held) = &lease {
        if watched.is_dead(held) {
            // Nobody else would take it away: this run has nothing to write, and needs no lock of its own.
            take_from(watched, wire, target).await?.release().await;
            break;
        }
        watched.for_a_change(wire, target, held).await?;
        lease = read(wire, target).await.map_err(unreadable)?;
    }
    Ok(true)
}

/// Takes the lock, waiting for whoever holds it.
pub(crate) async fn take(run: &Run, wire: &Wire, target: &Target) -> fault::Result<Held> {
    take_from(Watched::new(run), wire, target).await
}

/// As [`take`], from whoever was watched for some time already.
async fn take_from(mut watched: Watched<'_>, wire: &Wire, target: &Target) -> fault::Result<Held> {
    let run = watched.run;
    let namespace = Some(target.namespace.as_str());
    let me = format!("{} #{:08x}", identity(run), nonce());
    loop {
        if let Some(fault) = run.stopped() {
            return Err(fault);
        }
        let lease = lease(target, &me, None);
        let told = tell(run, Step::Apply, "lock");
        match once::put(wire, &leases(), namespace, &lease, told).await {
            Ok(lease) => return Ok(keep(wire.clone(), target.clone(), me, lease)),
            Err(failure) if failure.is_there() => {}
            Err(failure) => return Err(unreadable(failure)),
        }
        let Some(held) = read(wire, target).await.map_err(unreadable)? else { continue };
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

/// Takes the lock away from whoever holds it, for people who know better. Returns who that was.
pub async fn unlock(run: &Run, target: &Target) -> fault::Result<Option<Owner>> {
    let wire = target.wire();
    run.or_stopped(async {
        let Some(lease) = read(&wire, target).await.map_err(unreadable)? else { return Ok(None) };
        let uid = lease["metadata"]["uid"].as_str().unwrap_or_default();
        let namespace = Some(target.namespace.as_str());
        wire.delete(&leases(), namespace, &name(target), uid, Propagation::Background)
            .await
            .map_err(unreadable)?;
        Ok(owner(&lease, target.clock.now()))
    })
    .await
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
        let mark = lease["metadata"]["annotations"][process::ANNOTATION].as_str().unwrap_or_default();
        if process::is_gone(mark) || owner(lease, self.run.world.clock.now()).is_none() {
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
                .fault(fault::Kind::Locked, format!("another run holds the project: {owner}"))
                .hint("wait for it, or take the lock away: `todo unlock`"));
        }
        self.run.sink.tell(crate::event::EventKind::Waiting {
            step: Step::Apply,
            item: "lock".to_owned(),
            why: format!("another run: {owner}"),
        });
        let version = lease["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let (kind, name) = (leases(), name(target));
        let change = wire.change(&kind, Some(target.namespace.as_str()), &name, version);
        let rest = self.renewal.as_ref().map_or(LIFE, |(_, since)| LIFE.saturating_sub(since.elapsed()));
        self.run
            .or_stopped(async {
                if let Ok(Err(_)) = tokio::time::timeout(rest, change).await {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Ok(())
            })
            .await
    }
}

/// Renews until it is told to stop, then removes the Lease.
fn keep(wire: Wire, target: Target, me: String, lease: Value) -> Held {
    let (release, mut released) = oneshot::channel();
    let (takeover, lost) = watch::channel(false);
    let keeper = tokio::spawn(async move {
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
            // Without it the server would make a Lease anew that somebody has removed: for this kind, PUT creates.
            next["metadata"]["uid"] = current["metadata"]["uid"].clone();
            match wire.replace(&leases(), Some(target.namespace.as_str()), &next).await {
                Ok(lease) => current = lease,
                // The renewal before this one may have come through though its answer did not.
                Err(failure)
                    if failure.is_conflict() && still_mine(&wire, &target, &me, &mut current).await => {}
                Err(failure) if failure.is_conflict() || failure.is_absent() => {
                    takeover.send_replace(true);
                    return;
                }
                // The next renewal may come through; until then the lock lives.
                Err(_) => {}
            }
        }
        let uid = current["metadata"]["uid"].as_str().unwrap_or_default();
        let (kind, name, namespace) = (leases(), name(&target), Some(target.namespace.as_str()));
        let shortly = |failure: &Failure| patience(failure).map(|_| FAREWELL);
        let delete = || wire.delete(&kind, namespace, &name, uid, Propagation::Background);
        let _ = persist_for(shortly, drop, delete).await;
    });
    Held { lost, release: Some(release), keeper: Some(keeper) }
}

/// Whether the Lease that somebody has changed names us all the same; then `current` is how it is now.
async fn still_mine(wire: &Wire, target: &Target, me: &str, current: &mut Value) -> bool {
    match read(wire, target).await {
        Ok(Some(now)) if now["spec"]["holderIdentity"] == me => {
            *current = now;
            true
        }
        // What it is cannot be seen now: the next renewal meets the same conflict, and looks again.
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
    let user = world.var("USER").or_else(|| world.var("USERNAME")).unwrap_or("somebody");
    let host = world.var("HOSTNAME").or_else(|| world.var("COMPUTERNAME")).map(str::to_owned);
    let host = host.or_else(|| file::read_text("/etc/hostname".as_ref(), file::TEXT).ok());
    let host = host.as_deref().map_or("an unnamed machine", str::trim);
    format!("{user}@{host}, process {}", std::process::id())
}

fn nonce() -> u32 {
    let mut bytes = [0; 4];
    let _ = random::fill(&mut bytes);
    u32::from_le_bytes(bytes)
}

fn unreadable(failure: Failure) -> Fault {
    survey::unreadable(failure, "cannot lock the project")
}
