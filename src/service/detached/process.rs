//! The process of a detached forward: it listens, writes its record, and ends when that is removed.

use super::ForwardRecord;
use super::Spec;
use super::record::SCHEMA;
use super::store::Store;
use super::watch::Gone;
use super::watch::NotConnected;
use super::watch::PACE;
use super::watch::Watched;
use super::watch::watch;
use crate::event::Code;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::run::Run;
use crate::service::forward::Forward;
use kube::Client;
use std::time::Duration;

/// How often it looks whether its record is still there.
const TICK: Duration = Duration::from_millis(250);

/// The largest log; a longer one is truncated.
const LOG: u64 = 64 << 10;

/// Why it ends.
#[derive(Debug)]
enum End {
    /// Its record was removed, or the machine shuts down.
    Asked,
    /// Its target is gone.
    Gone(Gone),
}

/// Serves the forward that `spec` describes until its record is removed or its target is gone. Ends at once if another
/// process serves it.
pub async fn serve(
    run: &Run,
    store: &Store,
    spec: Spec,
    connect: impl AsyncFn() -> Result<Client, NotConnected>,
) -> Result<()> {
    let key = spec.key();
    let doing = || format!("cannot use the directory {}", store.folder().display());
    let Some(claim) = store.claim(&key).or_fault(Code::PortForwardFailed, FaultKind::Service, doing)? else {
        return Ok(());
    };
    let client = connect()
        .await
        .map_err(|error| Code::ClusterUnreachable.fault(FaultKind::Minikube, error.to_string()))?;
    // The port of the previous forward, so that the URL stays the same.
    let before = claim.before.as_ref().map(|before| before.address.port());
    let name = spec.port_name.as_deref();
    let forward = Forward::open_again(&client, &spec.namespace, &spec.service, name, spec.local_port, before);
    let forward = forward
        .await
        .or_fault(Code::PortForwardFailed, FaultKind::Service, || "cannot listen on 127.0.0.1".to_owned())?;
    let record = ForwardRecord {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        address: forward.address(),
        spec,
        url: None,
        trouble: None,
        ended: None,
    };
    store.write(&record).or_fault(Code::PortForwardFailed, FaultKind::Service, doing)?;
    note(
        run,
        store,
        &key,
        &format!("{} points to {}:{}", record.address, record.spec.service, record.spec.port),
    );
    let app = (record.spec.owner.home.clone(), record.spec.opens.clone());
    let target = (record.spec.namespace.clone(), record.spec.service.clone());
    let services = if app == target { vec![app] } else { vec![app, target] };
    let watched = Watched { services, cluster: record.spec.owner.cluster.clone() };
    let end = tokio::select! {
        gone = watch(&forward, &watched, connect, PACE) => End::Gone(gone),
        () = asked(run, store, &forward, &key) => End::Asked,
        _ = run.cancel.stopped() => End::Asked,
    };
    drop(forward);
    let ended = match &end {
        End::Asked => None,
        End::Gone(gone) => Some(gone.to_string()),
    };
    note(run, store, &key, ended.as_deref().unwrap_or("asked to end"));
    // A record with the cause of the end is kept for `status`.
    let keep = ended.is_some() && store.update(&key, |record| record.ended = ended).unwrap_or(false);
    store.release(&key, claim, keep).or_fault(Code::PortForwardFailed, FaultKind::Service, doing)
}

/// Ends when the record is removed; until then it logs why connections fail.
async fn asked(run: &Run, store: &Store, forward: &Forward, key: &str) {
    let mut known = None;
    loop {
        tokio::time::sleep(TICK).await;
        if !store.has_record(key) {
            return;
        }
        let trouble = forward.last_error();
        if trouble != known {
            note(run, store, key, trouble.as_deref().unwrap_or("connections reach a pod again"));
            known.clone_from(&trouble);
            if store.update(key, |record| record.trouble = trouble).is_ok_and(|there| !there) {
                return;
            }
        }
    }
}

/// A line in the log for the user. A failure to write it is ignored.
fn note(run: &Run, store: &Store, key: &str, words: &str) {
    let line = format!("{:.0} {}", run.world.clock.now(), words.replace('\n', " "));
    let _ = store.note(key, &line, LOG);
}
