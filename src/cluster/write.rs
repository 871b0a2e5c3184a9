//! One object written: made, changed, or deleted and made again.
//!
//! Whether, is decided already (`decide`). What fails on the way back from a deletion brings the old object back.

use crate::cluster::applied::AppliedObject;
use crate::cluster::applied::done;
use crate::cluster::decide::asking::preflight;
use crate::cluster::decided::Decided;
use crate::cluster::decided::Todo;
use crate::cluster::diff::meant;
use crate::cluster::gone::GONE;
use crate::cluster::gone::gone;
use crate::cluster::gone::stuck;
use crate::cluster::inventory::is_unlabelled;
use crate::cluster::inventory::made_by_us;
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
    one: Decided,
) -> Result<AppliedObject, Vec<Finding>> {
    let item = run.sink.item(Step::Apply, one.wanted.id.to_string());
    let result = match one.todo {
        Todo::Recreate(propagation) => recreate(&item, wire, expected, &one, propagation).await,
        _ => send(&item, wire, expected, &one).await,
    };
    let after = result?;
    let outcome = match one.todo {
        Todo::Create => Outcome::Created,
        // The namespace that this run made bare, before it could write anything else.
        Todo::Change if made_by_us(one.live.as_deref()) && one.live.as_deref().is_some_and(is_unlabelled) => {
            Outcome::Created
        }
        Todo::Recreate(_) => Outcome::Recreated,
        _ => Outcome::Changed,
    };
    item.finish(outcome, None);
    Ok(done(one.wanted, outcome, one.live, after.into(), one.body, false))
}

async fn send(
    item: &OpenItem,
    wire: &Wire,
    expected: &ExpectedObjects,
    one: &Decided,
) -> Result<Value, Vec<Finding>> {
    let (kind, namespace) = (&one.wanted.kind, one.wanted.namespace());
    let name = &one.wanted.id.name;
    let tell = |why: String| item.waiting(why);
    let refused = |failure: &Failure| refusal::findings(&one.wanted.object, failure);
    if one.todo == Todo::Create
        && let Some(dying) = &one.live
    {
        item.waiting("the previous object is being deleted");
        leaves(item, wire, one, dying).await?;
    }
    if let Some(patch) = &one.migrate {
        match retry(tell, || wire.json_patch(kind, namespace, name, patch)).await {
            // Somebody has written since: the fields stay with their old manager until the next run.
            Err(failure) if !failure.is_conflict() => return Err(refused(&failure)),
            _ => {}
        }
    }
    let how = How { dry_run: false, force: one.force };
    let patience = |failure: &Failure| expected.patience(failure);
    retry_for(patience, tell, || wire.apply(kind, namespace, MANAGER, &one.body, how))
        .await
        .map_err(|failure| refused(&failure))
}

/// Waits until the old object is gone.
async fn leaves(item: &OpenItem, wire: &Wire, one: &Decided, old: &Value) -> Result<(), Vec<Finding>> {
    let waiting = |held: String| item.waiting(held);
    let left = gone(wire, &one.wanted.kind, &one.wanted.id, uid_of(old), GONE, waiting)
        .await
        .map_err(|failure| refusal::findings(&one.wanted.object, &failure))?;
    match left {
        None => Ok(()),
        Some(seen) => Err(vec![stuck(&one.wanted.id, &seen).at(one.wanted.object.place.clone())]),
    }
}

/// Deletes an object and makes it anew; if that fails, as it was.
async fn recreate(
    item: &OpenItem,
    wire: &Wire,
    expected: &ExpectedObjects,
    one: &Decided,
    propagation: Propagation,
) -> Result<Value, Vec<Finding>> {
    let object = &one.wanted.object;
    let (kind, namespace, name) = (&one.wanted.kind, one.wanted.namespace(), &one.wanted.id.name);
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
                    .about(one.wanted.id.to_string())
                    .help("correct the manifest and run `todo up` again"),
                Err(why) => Code::ReplaceFailed
                    .error(format!("the previous object could not be restored: {why}"))
                    .about(one.wanted.id.to_string())
                    .help("correct the manifest and run `todo up` again"),
            });
            Err(findings)
        }
    }
}
