//! Runs Helm hooks: creates them, waits for them with the same status as for other objects, deletes them by their
//! policies.
//!
//! Not part of the set: a hook carries no label of the project, so nothing prunes it between two runs. The objects
//! that a hook may leave are in the project's record before they are created, so `down` finds them.

use crate::cluster::applied::done;
use crate::cluster::applied::refusals;
use crate::cluster::barrier;
use crate::cluster::delete::delete;
use crate::cluster::delete::keep_annotation;
use crate::cluster::inventory::InventoryEntry;
use crate::cluster::inventory::PART_OF;
use crate::cluster::kind;
use crate::cluster::lock;
use crate::cluster::refusal;
use crate::cluster::request::report_waiting;
use crate::cluster::request::unreadable;
use crate::cluster::retry::retry;
use crate::cluster::rollout;
use crate::cluster::rollout::Limits;
use crate::cluster::survey;
use crate::cluster::survey::Desired;
use crate::cluster::survey::owned::OwnedObject;
use crate::cluster::target::Target;
use crate::cluster::until::until;
use crate::cluster::wire::How;
use crate::cluster::wire::MANAGER;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault;
use crate::fault::Fault;
use crate::manifest::hook::Hook;
use crate::manifest::hook::Moment;
use crate::manifest::hook::Policy;
use crate::run::Run;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// The label that names the release of a hook's object.
const HOOK_OF: &str = "todo.dev/hook-of";

/// The objects that these hooks create, as the record lists them.
pub async fn entries(run: &Run, target: &Target, hooks: &[&Hook]) -> fault::Result<Vec<InventoryEntry>> {
    Ok(prepared(run, target, hooks)
        .await?
        .iter()
        .map(|item| InventoryEntry::new(item.id.clone(), &item.kind))
        .collect())
}

/// Creates the project's namespace if it is missing, for what runs or is stored in it before anything is applied.
pub async fn ensure_namespace(run: &Run, target: &Target) -> fault::Result<()> {
    let wire = target.wire();
    let (namespaces, home) = (kind::core("Namespace"), target.namespace.as_str());
    let there = retry(report_waiting(run, Step::Apply, "namespace"), || wire.get(&namespaces, None, home));
    match there.await.map_err(|failure| unreadable(failure, "cannot look for the namespace"))? {
        Some(_) => Ok(()),
        None => barrier::make_namespace(run, &wire, target).await,
    }
}

/// Runs `hooks`, which are in order, one after the other; each must have succeeded before the next one starts.
///
/// # Errors
/// A hook that the cluster refuses is [`fault::FaultKind::Apply`]; one that fails is [`fault::FaultKind::Rollout`],
/// with its log.
pub async fn run_all(
    run: &Run,
    target: &Target,
    release: &str,
    moment: Moment,
    hooks: &[&Hook],
    limits: &Limits,
) -> fault::Result<()> {
    let desired = prepared(run, target, hooks).await?;
    let work = async {
        lock::hold(run, target).await?;
        for (one, hook) in desired.iter().zip(hooks) {
            run_one(run, target, one, hook, moment, limits)
                .await
                .map_err(|fault| failed(fault, release, moment, one))?;
        }
        // As Helm does it: the last first, and only when all have ended well.
        let done = |(_, hook): &(&Desired, &&Hook)| hook.policies.contains(&Policy::Succeeded);
        for (one, _) in desired.iter().zip(hooks).rev().filter(done) {
            take_away(run, &target.wire(), one).await?;
        }
        Ok(())
    };
    lock::scope(run, target, work).await
}

/// Runs one hook; if it fails, it is deleted if its policy requires that.
async fn run_one(
    run: &Run,
    target: &Target,
    object: &Desired,
    hook: &Hook,
    moment: Moment,
    limits: &Limits,
) -> fault::Result<()> {
    let wire = target.wire();
    let item = run.sink.item(Step::Apply, format!("{moment} hook {}", object.id));
    let ran = match begin(run, target, &wire, object, hook).await {
        Ok(after) => end(run, target, &wire, object, after, limits).await,
        Err(fault) => Err(fault),
    };
    item.finish(if ran.is_ok() { Outcome::Done } else { Outcome::Failed }, None);
    if let Err(fault) = &ran
        && fault.kind == fault::FaultKind::Rollout
        && hook.policies.contains(&Policy::Failed)
    {
        take_away(run, &wire, object).await?;
    }
    ran
}

/// Deletes the objects that hooks have left.
pub async fn sweep(run: &Run, target: &Target, left: &[InventoryEntry], purge: bool) -> fault::Result<()> {
    let wire = target.wire();
    let mut terminal = BTreeMap::new();
    for entry in left {
        let (kind, id) = (entry.kind(), &entry.id);
        let waiting = report_waiting(run, Step::Remove, &id.to_string());
        let live = retry(waiting, || wire.get(&kind, id.namespace.as_deref(), &id.name)).await;
        let live = live.map_err(|failure| unreadable(failure, "cannot look for what hooks have left"))?;
        if let Some(live) = live.filter(|live| is_ours(target, live) && keep_annotation(live).is_none()) {
            if id.kind == "PersistentVolumeClaim" && !purge {
                let item = run.sink.item(Step::Remove, id.to_string());
                item.finish(
                    Outcome::Kept,
                    Some("its data is kept; `todo down --purge` deletes it".to_owned()),
                );
            } else {
                terminal.insert(id.clone(), OwnedObject { kind, object: live.into() });
            }
        }
    }
    delete(run, &wire, Step::Remove, terminal).await.map(drop)
}

fn is_ours(target: &Target, live: &Value) -> bool {
    live["metadata"]["labels"][HOOK_OF] == target.part_of()
}

/// The objects of hooks, in their order, as they are sent.
async fn prepared(run: &Run, target: &Target, hooks: &[&Hook]) -> fault::Result<Vec<Desired>> {
    let mut all = Vec::new();
    for hook in hooks {
        let mut desired = survey::prepare(run, target, vec![hook.object.clone()]).await?.desired;
        for item in &mut desired {
            let labels = &mut item.object.value["metadata"]["labels"];
            if let Some(labels) = labels.as_object_mut() {
                labels.remove(PART_OF);
                labels.insert(HOOK_OF.to_owned(), json!(target.part_of()));
            }
        }
        all.append(&mut desired);
    }
    Ok(all)
}

/// Deletes an earlier object of a hook, unless it must be kept, and applies the hook again.
async fn begin(
    run: &Run,
    target: &Target,
    wire: &Wire,
    object: &Desired,
    hook: &Hook,
) -> fault::Result<Value> {
    if let Some(live) = live(run, wire, object).await? {
        if !hook.policies.contains(&Policy::BeforeCreation) && !is_ours(target, &live) {
            let (kind, name) = (object.id.kind.to_lowercase(), &object.id.name);
            return Err(Code::ObjectOfAnotherOwner.fault(fault::FaultKind::Apply, format!("`{}` already exists and does not belong to this project", object.id))
                .hint(format!("delete it, or let the hook do it: `helm.sh/hook-delete-policy: before-hook-creation`; by hand: `kubectl delete {kind}/{name}`")));
        }
        if stays(&live).is_none() {
            remove(run, wire, object, live).await?;
        }
    }
    let how = How { dry_run: false, force: true };
    let waiting = report_waiting(run, Step::Apply, &object.id.to_string());
    retry(waiting, || wire.apply(&object.kind, object.namespace(), MANAGER, &object.object.value, how))
        .await
        .map_err(|failure| refusals(refusal::findings(&object.object, &failure), 1))
}

/// Waits until a hook has ended: a Job or a Pod; any other object counts as ended once it is written.
async fn end(
    run: &Run,
    target: &Target,
    wire: &Wire,
    object: &Desired,
    after: Value,
    limits: &Limits,
) -> fault::Result<()> {
    if !matches!((object.id.group.as_str(), object.id.kind.as_str()), ("batch", "Job") | ("", "Pod")) {
        return Ok(());
    }
    let body = object.object.value.clone();
    let applied = [done(object.clone(), Outcome::Created, None, after.into(), body, false)];
    rollout::healthy(run, target, &applied, limits).await?;
    if object.id.kind == "Pod" {
        // A pod that runs and is ready is healthy, but a hook has to complete.
        let ended = |seen: Option<&Value>| {
            seen.is_none_or(|pod| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")))
        };
        until(wire, &object.kind, object.namespace(), &object.id.name, limits.total, ended)
            .await
            .map_err(|failure| unreadable(failure, "cannot watch a hook"))?;
        rollout::healthy(run, target, &applied, limits).await?;
    }
    Ok(())
}

fn failed(fault: Fault, release: &str, moment: Moment, object: &Desired) -> Fault {
    if matches!(fault.kind, fault::FaultKind::Interrupted | fault::FaultKind::Terminated) {
        return fault;
    }
    let name = format!("the {moment} hook `{}` of the release `{release}`", object.id);
    let (message, hint) = match moment {
        Moment::PreInstall | Moment::PreUpgrade => (
            "failed, and nothing of the release was applied",
            "fix it and run `todo up` again: its hooks run again; `todo up --no-hooks` skips them",
        ),
        Moment::PreDelete => (
            "failed, and nothing was deleted",
            "fix it and run the same command again; with `--no-hooks` it skips the hooks",
        ),
        Moment::PostDelete => ("failed", "run the same command again; with `--no-hooks` it skips the hooks"),
        Moment::PreRollback | Moment::PostRollback => ("failed", "fix it, or run `todo up` to go forward"),
        Moment::PostInstall | Moment::PostUpgrade => {
            ("failed; what it belongs to runs", "fix it and run `todo up` again: the hooks run again")
        }
    };
    fault.context(format!("{name} {message}")).hint(hint)
}

async fn live(run: &Run, wire: &Wire, object: &Desired) -> fault::Result<Option<Value>> {
    let waiting = report_waiting(run, Step::Apply, &object.id.to_string());
    retry(waiting, || wire.get(&object.kind, object.namespace(), &object.id.name))
        .await
        .map_err(|failure| unreadable(failure, "cannot look for an earlier hook"))
}

async fn take_away(run: &Run, wire: &Wire, object: &Desired) -> fault::Result<()> {
    match live(run, wire, object).await?.filter(|live| stays(live).is_none()) {
        Some(live) => remove(run, wire, object, live).await,
        None => Ok(()),
    }
}

/// Why an object is not deleted, whatever its policy: deleting a CRD deletes every object of its kind.
fn stays(live: &Value) -> Option<&'static str> {
    if live["kind"] == "CustomResourceDefinition" { Some("it is a CRD") } else { keep_annotation(live) }
}

async fn remove(run: &Run, wire: &Wire, one: &Desired, live: Value) -> fault::Result<()> {
    let member = OwnedObject { kind: one.kind.clone(), object: live.into() };
    delete(run, wire, Step::Apply, BTreeMap::from([(one.id.clone(), member)])).await.map(drop)
}
