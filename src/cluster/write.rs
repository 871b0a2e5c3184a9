//! One object written: created, changed, or deleted and recreated.
//!
//! `decide` has already determined that it must be written. If the creation after a deletion fails, the old object is
//! restored.

use crate::cluster::applied::AppliedObject;
use crate::cluster::applied::done;
use crate::cluster::decide::asking::preflight;
use crate::cluster::diff::meant;
use crate::cluster::gone::GONE;
use crate::cluster::gone::gone;
use crate::cluster::gone::stuck;
use crate::cluster::inventory::is_unlabelled;
use crate::cluster::inventory::made_by_us;
use crate::cluster::planned::PlannedAction;
use crate::cluster::planned::PlannedWrite;
use crate::cluster::refusal;
use crate::cluster::request::uid_of;
use crate::cluster::retry::ExpectedObjects;
use crate::cluster::retry::retry;
use crate::cluster::retry::retry_for;
use crate::cluster::wire::Failure;
use crate::cluster::wire::How;
use crate::cluster::wire::MANAGER;
use crate::cluster::wire::Propagation;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Finding;
use crate::event::OpenItem;
use crate::event::Outcome;
use crate::event::Step;
use crate::run::Run;
use serde_json::Value;

pub(crate) async fn write_one(
    run: &Run,
    wire: &Wire,
    expected: &ExpectedObjects,
    one: PlannedWrite,
) -> Result<AppliedObject, Vec<Finding>> {
    let item = run.sink.item(Step::Apply, one.desired.id.to_string());
    let result = match one.todo {
        PlannedAction::Recreate(propagation) => recreate(&item, wire, expected, &one, propagation).await,
        _ => send(&item, wire, expected, &one).await,
    };
    let after = result?;
    let outcome = match one.todo {
        PlannedAction::Create => Outcome::Created,
        // The namespace that this run made bare, before it could write anything else.
        PlannedAction::Change
            if made_by_us(one.live.as_deref()) && one.live.as_deref().is_some_and(is_unlabelled) =>
        {
            Outcome::Created
        }
        PlannedAction::Recreate(_) => Outcome::Recreated,
        _ => Outcome::Changed,
    };
    item.finish(outcome, None);
    Ok(done(one.desired, outcome, one.live, after.into(), one.body, false))
}

async fn send(
    item: &OpenItem,
    wire: &Wire,
    expected: &ExpectedObjects,
    one: &PlannedWrite,
) -> Result<Value, Vec<Finding>> {
    let (kind, namespace) = (&one.desired.kind, one.desired.namespace());
    let name = &one.desired.id.name;
    let tell = |why: String| item.waiting(why);
    let refused = |failure: &Failure| refusal::findings(&one.desired.object, failure);
    if one.todo == PlannedAction::Create
        && let Some(dying) = &one.live
    {
        item.waiting("the previous object is being deleted");
        leaves(item, wire, one, dying).await?;
    }
    if let Some(patch) = &one.migrate {
        match retry(tell, || wire.json_patch(kind, namespace, name, patch)).await {
            // Another client has written since: the fields stay with their old manager until the next run.
            Err(failure) if !failure.is_conflict() => return Err(refused(&failure)),
            _ => {}
        }
    }
    let how = How { dry_run: false, force: one.force };
    let time_limit = |failure: &Failure| expected.time_limit(failure);
    retry_for(time_limit, tell, || wire.apply(kind, namespace, MANAGER, &one.body, how))
        .await
        .map_err(|failure| refused(&failure))
}

/// Waits until the old object is gone.
async fn leaves(item: &OpenItem, wire: &Wire, one: &PlannedWrite, old: &Value) -> Result<(), Vec<Finding>> {
    let waiting = |held: String| item.waiting(held);
    let left = gone(wire, &one.desired.kind, &one.desired.id, uid_of(old), GONE, waiting)
        .await
        .map_err(|failure| refusal::findings(&one.desired.object, &failure))?;
    match left {
        None => Ok(()),
        Some(seen) => Err(vec![stuck(&one.desired.id, &seen).at(one.desired.object.place.clone())]),
    }
}

/// Deletes an object and recreates it; if that fails, restores the old one.
async fn recreate(
    item: &OpenItem,
    wire: &Wire,
    expected: &ExpectedObjects,
    one: &PlannedWrite,
    propagation: Propagation,
) -> Result<Value, Vec<Finding>> {
    let object = &one.desired.object;
    let (kind, namespace, name) = (&one.desired.kind, one.desired.namespace(), &one.desired.id.name);
    let refused = |failure: Failure| refusal::findings(object, &failure);
    let Some(live) = &one.live else { return send(item, wire, expected, one).await };
    // The server judges a new object before it looks whether the name is taken: "already exists" means that it is good.
    let asked = preflight(&one.body);
    match retry(|why| item.waiting(why), || wire.create(kind, namespace, &asked, true)).await {
        Err(failure) if failure.is_there() => {}
        Err(failure) => return Err(refused(failure)),
        Ok(_) => {}
    }
    item.progress("deleting the previous object", None);
    retry(|why| item.waiting(why), || wire.delete(kind, namespace, name, uid_of(live), propagation))
        .await
        .map_err(refused)?;
    leaves(item, wire, one, live).await?;
    let how = How { dry_run: false, force: true };
    match retry(|why| item.waiting(why), || wire.apply(kind, namespace, MANAGER, &one.body, how)).await {
        Ok(after) => Ok(after),
        Err(failure) => {
            let mut findings = refused(failure);
            let back = wire.create(kind, namespace, &meant(live), false).await;
            findings.push(match back {
                Ok(_) => Code::ReplaceFailed
                    .warning("the previous object was restored")
                    .about(one.desired.id.to_string())
                    .help("correct the manifest and run `todo up` again"),
                Err(why) => Code::ReplaceFailed
                    .error(format!("the previous object could not be restored: {why}"))
                    .about(one.desired.id.to_string())
                    .help("correct the manifest and run `todo up` again"),
            });
            Err(findings)
        }
    }
}
