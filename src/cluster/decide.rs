//! What to do about one object: nothing, make it, change it, make it again; asked of the server without writing.
//!
//! An object that is what the last good run left, and is wanted as it was then, costs no request at all.

pub(crate) mod asking;
mod beside;
mod fields;

use crate::cluster::conflict;
use crate::cluster::decide::asking::Asking;
use crate::cluster::decide::asking::is_final;
use crate::cluster::decided::Allowed;
use crate::cluster::decided::Decided;
use crate::cluster::decided::Todo;
use crate::cluster::diff::meant;
use crate::cluster::foreign::Sets;
use crate::cluster::immutable;
use crate::cluster::immutable::Recreate;
use crate::cluster::inventory::Entry;
use crate::cluster::inventory::Inventory;
use crate::cluster::migrate;
use crate::cluster::refusal;
use crate::cluster::request::AT_ONCE;
use crate::cluster::request::uid_of;
use crate::cluster::retry::ExpectedObjects;
use crate::cluster::survey::Survey;
use crate::cluster::survey::Wanted;
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

/// How many times a conflict is decided anew before it counts as a fight.
const ROUNDS: usize = 4;

/// Decides about every object, and returns every refusal.
pub(crate) async fn decide(
    run: &Run,
    target: &Target,
    wanted: Vec<Wanted>,
    survey: &Survey,
    allowed: Allowed,
) -> (Vec<Decided>, Vec<Finding>) {
    let autoscaled = autoscaled(&wanted);
    let sets = Sets::read(target, &wanted, survey).await;
    let asking = &Asking {
        run,
        target,
        sets,
        wire: target.wire(),
        expected: ExpectedObjects::among(wanted.iter().map(|w| &w.id)),
    };
    let all: Vec<Result<Decided, Vec<Finding>>> = stream::iter(wanted)
        .map(|wanted| {
            let autoscaled = autoscaled.contains(&wanted.id.name);
            async move {
                let live = survey.found(&wanted.id).cloned();
                let inventory = survey.stored.as_ref().map(|stored| &stored.inventory);
                if let Some(live) = live {
                    return of_live(asking, wanted, live, inventory, autoscaled, allowed).await;
                }
                let there = wanted.namespace().is_none_or(|namespace| is_there(target, survey, namespace));
                of_absent(asking, wanted, inventory, there).await
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let (mut decided, mut refused) = (Vec::new(), Vec::new());
    for one in all {
        match one {
            Ok(one) => {
                debug!("{} {}", one.wanted.id, one.reason());
                decided.push(one);
            }
            Err(findings) => refused.extend(findings),
        }
    }
    (decided, refused)
}

fn is_there(target: &Target, survey: &Survey, namespace: &str) -> bool {
    if namespace == target.namespace.as_str() {
        return survey.namespace.is_some();
    }
    // Other namespaces are looked at only as objects of the set; a dry run in one that is not there is no status.
    true
}

/// The names of the workloads that an autoscaler of the set targets.
fn autoscaled(wanted: &[Wanted]) -> BTreeSet<String> {
    let scalers = wanted
        .iter()
        .filter(|w| matches!(w.id.kind.as_str(), "HorizontalPodAutoscaler" | "ScaledObject"))
        .filter_map(|w| w.object.value["spec"]["scaleTargetRef"]["name"].as_str());
    scalers.map(str::to_owned).collect()
}

async fn of_absent(
    asking: &Asking<'_>,
    wanted: Wanted,
    inventory: Option<&Inventory>,
    ask: bool,
) -> Result<Decided, Vec<Finding>> {
    let body = wanted.object.value.clone();
    let mut decided = Decided {
        wanted,
        live: None,
        todo: Todo::Create,
        body,
        force: false,
        migrate: None,
        after: None,
        notes: Vec::new(),
    };
    if has_expired(&decided.wanted, inventory) {
        decided.todo = Todo::Expired;
        return Ok(decided);
    }
    if ask {
        let how = How { dry_run: true, force: false };
        match asking.dry_run(&decided.wanted, &decided.body, how).await {
            Ok(after) => decided.after = Some(after),
            // Anything else may come from what is not there yet: an account, a quota, a kind, a namespace.
            Err(failure) if is_final(&failure) => {
                return Err(refusal::findings(&decided.wanted.object, &failure));
            }
            Err(_) => {}
        }
    }
    Ok(decided)
}

/// A Job with a time to live that a good run has applied just so, and that is gone by now.
fn has_expired(wanted: &Wanted, inventory: Option<&Inventory>) -> bool {
    wanted.id.kind == "Job"
        && wanted.id.group == "batch"
        && !wanted.object.value["spec"]["ttlSecondsAfterFinished"].is_null()
        && inventory.is_some_and(|inventory| {
            inventory.entry(&wanted.id).and_then(|entry| entry.applied.as_deref())
                == Some(inventory.applied(&wanted.object.value).as_str())
        })
}

async fn of_live(
    asking: &Asking<'_>,
    wanted: Wanted,
    live: Shared<Value>,
    inventory: Option<&Inventory>,
    autoscaled: bool,
    allowed: Allowed,
) -> Result<Decided, Vec<Finding>> {
    let recorded = is_as_recorded(&wanted, &live, inventory);
    let mut decided = Decided {
        // Nothing will be sent for what is as it was recorded.
        body: if recorded { Shared::default() } else { wanted.object.value.clone() },
        wanted,
        todo: Todo::Keep { recorded: true },
        force: false,
        migrate: None,
        after: None,
        notes: Vec::new(),
        live: None,
    };
    if recorded {
        decided.live = Some(live);
        return Ok(decided);
    }
    let (target, sets) = (asking.target, &asking.sets);
    if let Some(note) = sets.shared(target, &decided.wanted, &live, inventory).filter(|_| !allowed.force) {
        decided.notes.extend(note);
        decided.live = Some(live);
        return Ok(decided);
    }
    if let Some(finding) = sets.conflict(target, &decided.wanted, &live).filter(|_| !allowed.force) {
        return Err(vec![finding]);
    }
    if !live["metadata"]["deletionTimestamp"].is_null() {
        decided.todo = Todo::Create;
        decided.live = Some(live);
        return Ok(decided);
    }
    decided.migrate = migrate::patch(&live);
    for _ in 0..ROUNDS {
        let how = How { dry_run: true, force: decided.force };
        let failure = match asking.dry_run(&decided.wanted, &decided.body, how).await {
            Ok(after) => {
                let same = meant(&after) == meant(&live) && decided.migrate.is_none();
                decided.todo = if same { Todo::Keep { recorded: false } } else { Todo::Change };
                decided.after = Some(after);
                decided.live = Some(live);
                return Ok(decided);
            }
            Err(failure) => failure,
        };
        let Some(status) = failure.status() else {
            return Err(refusal::findings(&decided.wanted.object, &failure));
        };
        let conflicts = conflict::conflicts(status);
        if !conflicts.is_empty() {
            resolve(&mut decided, conflicts, &live, autoscaled, allowed.force)?;
        } else if immutable::is_immutable(status) {
            return of_immutable(decided, live, &failure, allowed);
        } else if let Some(found) = beside::found(asking, &decided, &live, status).await {
            beside::release(&mut decided, &live, status, &found, allowed.force)?;
            decided.live = Some(live);
            return Ok(decided);
        } else if status.code == 400 && status.message.contains("dry run")
            || asking.expected.explain(&failure)
        {
            // A webhook with side effects, or one whose pods this run brings up: what would change cannot be known
            // before it is done.
            decided.todo = Todo::Change;
            decided.live = Some(live);
            return Ok(decided);
        } else {
            return Err(refusal::findings(&decided.wanted.object, &failure));
        }
    }
    Err(vec![
        Code::FieldConflict
            .error("another client keeps changing the fields that the manifest sets")
            .about(decided.wanted.id.to_string())
            .at(decided.wanted.object.place.clone())
            .help("find out who: `kubectl get --show-managed-fields -o yaml`"),
    ])
}

fn of_immutable(
    mut decided: Decided,
    live: Shared<Value>,
    failure: &Failure,
    allowed: Allowed,
) -> Result<Decided, Vec<Finding>> {
    let object = &decided.wanted.object;
    match immutable::recreate(&object.value, allowed.recreate) {
        Recreate::Yes(propagation) => {
            decided.todo = Todo::Recreate(propagation);
            decided.live = Some(live);
            Ok(decided)
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

fn is_as_recorded(wanted: &Wanted, live: &Value, inventory: Option<&Inventory>) -> bool {
    let Some(inventory) = inventory else { return false };
    let Some(Entry { uid: Some(uid), applied: Some(applied), fingerprint: Some(fingerprint), .. }) =
        inventory.entry(&wanted.id)
    else {
        return false;
    };
    live["metadata"]["deletionTimestamp"].is_null()
        && uid == uid_of(live)
        && *applied == inventory.applied(&wanted.object.value)
        && *fingerprint == inventory.fingerprint(live)
}
