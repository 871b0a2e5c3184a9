//! What to do with one object: nothing, create, change, recreate; determined by dry runs on the server, without
//! writing.
//!
//! An object that has not changed since the last good run, in the cluster and in the manifests, needs no request at
//! all.

pub(crate) mod asking;
mod beside;
mod fields;

use crate::cluster::conflict;
use crate::cluster::decide::asking::Asking;
use crate::cluster::decide::asking::is_final;
use crate::cluster::diff::meant;
use crate::cluster::foreign::Sets;
use crate::cluster::immutable;
use crate::cluster::immutable::Recreate;
use crate::cluster::inventory::Inventory;
use crate::cluster::inventory::InventoryEntry;
use crate::cluster::migrate;
use crate::cluster::planned::Allowed;
use crate::cluster::planned::PlannedAction;
use crate::cluster::planned::PlannedWrite;
use crate::cluster::refusal;
use crate::cluster::request::AT_ONCE;
use crate::cluster::request::uid_of;
use crate::cluster::retry::ExpectedObjects;
use crate::cluster::survey::Desired;
use crate::cluster::survey::Survey;
use crate::cluster::target::Target;
use crate::cluster::wire::Failure;
use crate::cluster::wire::How;
use crate::event::Code;
use crate::event::Finding;
use crate::manifest::shared::Shared;
use crate::run::Run;
use fields::resolve;
use futures::StreamExt;
use futures::stream;
use serde_json::Value;
use std::collections::BTreeSet;
use tracing::debug;

/// How many times a conflict is decided again before it counts as a fight between managers.
const ROUNDS: usize = 4;

/// Decides about every object, and returns every refusal.
pub(crate) async fn decide(
    run: &Run,
    target: &Target,
    desired: Vec<Desired>,
    survey: &Survey,
    allowed: Allowed,
) -> (Vec<PlannedWrite>, Vec<Finding>) {
    let autoscaled = autoscaled(&desired);
    let sets = Sets::load(target, &desired, survey).await;
    let asking = &Asking {
        run,
        target,
        sets,
        wire: target.wire(),
        expected: ExpectedObjects::among(desired.iter().map(|w| &w.id)),
    };
    let all: Vec<Result<PlannedWrite, Vec<Finding>>> = stream::iter(desired)
        .map(|desired| {
            let autoscaled = autoscaled.contains(&desired.id.name);
            async move {
                let live = survey.found(&desired.id).cloned();
                let inventory = survey.stored.as_ref().map(|stored| &stored.inventory);
                if let Some(live) = live {
                    return of_live(asking, desired, live, inventory, autoscaled, allowed).await;
                }
                let there = desired.namespace().is_none_or(|namespace| is_there(target, survey, namespace));
                of_absent(asking, desired, inventory, there).await
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let (mut planned, mut refused) = (Vec::new(), Vec::new());
    for item in all {
        match item {
            Ok(item) => {
                debug!("{} {}", item.desired.id, item.reason());
                planned.push(item);
            }
            Err(findings) => refused.extend(findings),
        }
    }
    (planned, refused)
}

fn is_there(target: &Target, survey: &Survey, namespace: &str) -> bool {
    if namespace == target.namespace.as_str() {
        return survey.namespace.is_some();
    }
    // Other namespaces are read only as objects of the set; a dry run that fails in a missing one is not final
    // (`is_final`).
    true
}

/// The names of the workloads that an autoscaler of the set targets.
fn autoscaled(desired: &[Desired]) -> BTreeSet<String> {
    let scalers = desired
        .iter()
        .filter(|w| matches!(w.id.kind.as_str(), "HorizontalPodAutoscaler" | "ScaledObject"))
        .filter_map(|w| w.object.value["spec"]["scaleTargetRef"]["name"].as_str());
    scalers.map(str::to_owned).collect()
}

async fn of_absent(
    asking: &Asking<'_>,
    desired: Desired,
    inventory: Option<&Inventory>,
    ask: bool,
) -> Result<PlannedWrite, Vec<Finding>> {
    let body = desired.object.value.clone();
    let mut planned = PlannedWrite {
        desired,
        live: None,
        todo: PlannedAction::Create,
        body,
        force: false,
        migrate: None,
        after: None,
        notes: Vec::new(),
    };
    if has_expired(&planned.desired, inventory) {
        planned.todo = PlannedAction::Expired;
        return Ok(planned);
    }
    if ask {
        let how = How { dry_run: true, force: false };
        match asking.dry_run(&planned.desired, &planned.body, how).await {
            Ok(after) => planned.after = Some(after),
            // Any other failure may be due to something not created yet: an account, a quota, a kind, a namespace.
            Err(failure) if is_final(&failure) => {
                return Err(refusal::findings(&planned.desired.object, &failure));
            }
            Err(_) => {}
        }
    }
    Ok(planned)
}

/// A Job with a time to live that a good run has applied unchanged, and that was deleted since.
fn has_expired(desired: &Desired, inventory: Option<&Inventory>) -> bool {
    desired.id.kind == "Job"
        && desired.id.group == "batch"
        && !desired.object.value["spec"]["ttlSecondsAfterFinished"].is_null()
        && inventory.is_some_and(|inventory| {
            inventory.entry(&desired.id).and_then(|entry| entry.applied.as_deref())
                == Some(inventory.applied(&desired.object.value).as_str())
        })
}

async fn of_live(
    asking: &Asking<'_>,
    desired: Desired,
    live: Shared<Value>,
    inventory: Option<&Inventory>,
    autoscaled: bool,
    allowed: Allowed,
) -> Result<PlannedWrite, Vec<Finding>> {
    let recorded = is_as_recorded(&desired, &live, inventory);
    let mut planned = PlannedWrite {
        // Nothing will be sent for an object that is as it was recorded.
        body: if recorded { Shared::default() } else { desired.object.value.clone() },
        desired,
        todo: PlannedAction::Keep { recorded: true },
        force: false,
        migrate: None,
        after: None,
        notes: Vec::new(),
        live: None,
    };
    if recorded {
        planned.live = Some(live);
        return Ok(planned);
    }
    let (target, sets) = (asking.target, &asking.sets);
    if let Some(note) = sets.shared(target, &planned.desired, &live, inventory).filter(|_| !allowed.force) {
        planned.notes.extend(note);
        planned.live = Some(live);
        return Ok(planned);
    }
    if let Some(finding) = sets.conflict(target, &planned.desired, &live).filter(|_| !allowed.force) {
        return Err(vec![finding]);
    }
    if !live["metadata"]["deletionTimestamp"].is_null() {
        planned.todo = PlannedAction::Create;
        planned.live = Some(live);
        return Ok(planned);
    }
    planned.migrate = migrate::patch(&live);
    for _ in 0..ROUNDS {
        let how = How { dry_run: true, force: planned.force };
        let failure = match asking.dry_run(&planned.desired, &planned.body, how).await {
            Ok(after) => {
                let same = meant(&after) == meant(&live) && planned.migrate.is_none();
                planned.todo =
                    if same { PlannedAction::Keep { recorded: false } } else { PlannedAction::Change };
                planned.after = Some(after);
                planned.live = Some(live);
                return Ok(planned);
            }
            Err(failure) => failure,
        };
        let Some(status) = failure.status() else {
            return Err(refusal::findings(&planned.desired.object, &failure));
        };
        let conflicts = conflict::conflicts(status);
        if !conflicts.is_empty() {
            resolve(&mut planned, conflicts, &live, autoscaled, allowed.force)?;
        } else if immutable::is_immutable(status) {
            return of_immutable(planned, live, &failure, allowed);
        } else if let Some(found) = beside::found(asking, &planned, &live, status).await {
            beside::release(&mut planned, &live, status, &found, allowed.force)?;
            planned.live = Some(live);
            return Ok(planned);
        } else if status.code == 400 && status.message.contains("dry run")
            || asking.expected.explain(&failure)
        {
            // A webhook with side effects, or one whose pods this run starts: the change cannot be known before it is
            // made.
            planned.todo = PlannedAction::Change;
            planned.live = Some(live);
            return Ok(planned);
        } else {
            return Err(refusal::findings(&planned.desired.object, &failure));
        }
    }
    Err(vec![
        Code::FieldConflict
            .error("another client keeps changing the fields that the manifest sets")
            .about(planned.desired.id.to_string())
            .at(planned.desired.object.place.clone())
            .help("find out who: `kubectl get --show-managed-fields -o yaml`"),
    ])
}

fn of_immutable(
    mut planned: PlannedWrite,
    live: Shared<Value>,
    failure: &Failure,
    allowed: Allowed,
) -> Result<PlannedWrite, Vec<Finding>> {
    let object = &planned.desired.object;
    match immutable::recreate(&object.value, allowed.recreate) {
        Recreate::Yes(propagation) => {
            planned.todo = PlannedAction::Recreate(propagation);
            planned.live = Some(live);
            Ok(planned)
        }
        Recreate::OnRequest => Err(refusal::findings(object, failure)
            .into_iter()
            .map(|finding| {
                finding.help(
                    "allow it to be recreated: annotate it with `todo.dev/recreate: \"true\"`, or once: `todo up --recreate`",
                )
            })
            .collect()),
        Recreate::Never => Err(refusal::findings(object, failure)
            .into_iter()
            .map(|finding| {
                finding.help(format!(
                    "give it another name, or write what it is now: `kubectl get {}/{} -o yaml`; it is never recreated, because its data would be lost",
                    object.kind().to_lowercase(),
                    object.name()
                ))
            })
            .collect()),
    }
}

fn is_as_recorded(desired: &Desired, live: &Value, inventory: Option<&Inventory>) -> bool {
    let Some(inventory) = inventory else { return false };
    let Some(InventoryEntry {
        uid: Some(uid), applied: Some(applied), fingerprint: Some(fingerprint), ..
    }) = inventory.entry(&desired.id)
    else {
        return false;
    };
    live["metadata"]["deletionTimestamp"].is_null()
        && uid == uid_of(live)
        && *applied == inventory.applied(&desired.object.value)
        && *fingerprint == inventory.fingerprint(live)
}
