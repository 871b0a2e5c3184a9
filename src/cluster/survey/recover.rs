//! The project's inventory, rebuilt where it is damaged or lost.
//!
//! Every object carries a label computed from the project's name and namespace (KEP-3659), so the list can be
//! rebuilt. The salt comes from the keys next to the damaged list or from the newest revision, so that the pods'
//! digests stay the same. Nothing is written here: the next write of the inventory first keeps the damaged one in a
//! Secret of its own.

use crate::cluster::delete::is_controlled;
use crate::cluster::inventory;
use crate::cluster::inventory::GENERATED;
use crate::cluster::inventory::Inventory;
use crate::cluster::inventory::InventoryEntry;
use crate::cluster::inventory::MADE_BY;
use crate::cluster::inventory::Stored;
use crate::cluster::inventory::Unreadable;
use crate::cluster::inventory::deployed::Beside;
use crate::cluster::inventory::deployed::Copy;
use crate::cluster::inventory::deployed::REVISION_OF;
use crate::cluster::namespace;
use crate::cluster::once;
use crate::cluster::refusal::annotation;
use crate::cluster::request::report_waiting;
use crate::cluster::request::unreadable;
use crate::cluster::retry::retry;
use crate::cluster::survey::owned::OwnedObject;
use crate::cluster::survey::owned::list;
use crate::cluster::target::Target;
use crate::cluster::wire::Propagation;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Step;
use crate::fault;
use crate::fault::Fault;
use crate::fault::OrFault;
use crate::manifest::ObjectId;
use crate::run::Run;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// The label of a damaged inventory that was kept: the project's name.
const DAMAGED_OF: &str = "todo.dev/damaged-inventory-of";

/// The inventory in `secret`; a rebuilt one if it is damaged, or if there is none though there are revisions.
///
/// # Errors
/// The Secret is not ours, or of a newer `todo`; or the objects in the cluster cannot be read.
pub(crate) async fn stored(
    run: &Run,
    wire: &Wire,
    target: &Target,
    secret: Option<Value>,
) -> fault::Result<Option<Stored>> {
    let found = secret.clone().map(|secret| inventory::parse(secret, &target.project, &target.namespace));
    match found {
        Some(Ok(stored)) => Ok(Some(stored)),
        Some(Err(Unreadable::Damaged(why))) => {
            Box::pin(rebuilt(run, wire, target, secret, why)).await.map(Some)
        }
        Some(Err(not_ours)) => Err(foreign(target, not_ours)),
        None => {
            let revisions = revisions(run, wire, target).await?;
            if revisions.is_empty() {
                return Ok(None);
            }
            Box::pin(rebuilt(run, wire, target, None, "it is gone".to_owned())).await.map(Some)
        }
    }
}

fn foreign(target: &Target, why: Unreadable) -> Fault {
    let (home, name) = (&target.namespace, inventory::name(&target.project));
    let newer = matches!(&why, Unreadable::NotOurs(why) if why.contains("newer"));
    let fault = Code::InventoryDamaged
        .caused_by(fault::FaultKind::Apply, why)
        .context("cannot read what the project has in the cluster");
    if newer {
        return fault.hint("use that version of `todo`, or a later one");
    }
    fault
        .hint(format!("see what it is: `kubectl -n {home} get secret {name} -o yaml`"))
        .hint("give the project another name in deploy.toml (`name = \"…\"`), or delete that Secret if it is not needed")
}

async fn rebuilt(
    run: &Run,
    wire: &Wire,
    target: &Target,
    secret: Option<Value>,
    why: String,
) -> fault::Result<Stored> {
    let beside = secret.as_ref().map(Beside::from_secret).unwrap_or_default();
    let mut copy = Copy::newest(&revisions(run, wire, target).await?).unwrap_or_default();
    if let Some(salt) = beside.salt {
        copy.salt = salt;
    }
    copy.deployed = beside.deployed.or(copy.deployed);
    let kinds = namespace::kinds(wire).await.into_iter().map(|kind| (None, kind)).collect();
    let mut members = list(wire, target, run, kinds)
        .await
        .map_err(|failure| unreadable(failure, "cannot look for what the project has in the cluster"))?;
    // EndpointSlices have the labels of their Services.
    members.retain(|_, member| !is_controlled(&member.object));
    let entries = entries(&members, &copy);
    let inventory = Inventory::rebuilt(copy, entries, why).or_fault(
        Code::InternalError,
        fault::FaultKind::Internal,
        || "cannot rebuild the inventory".to_owned(),
    )?;
    Ok(Stored { inventory, secret: secret.unwrap_or_default() })
}

/// The objects found by their label. The newest revision records what existed before the project; without one,
/// namespaces and CRDs that `todo` has not created count as such, because deleting them would delete objects of
/// others.
fn entries(members: &BTreeMap<ObjectId, OwnedObject>, copy: &Copy) -> Vec<InventoryEntry> {
    let is_data = |member: &OwnedObject| {
        matches!(member.object["kind"].as_str(), Some("PersistentVolumeClaim" | "PersistentVolume"))
            || annotation(&member.object, GENERATED).is_some()
    };
    // After `down` only the objects that it has kept remain.
    let kept = members.values().all(is_data);
    let entry = |(id, member): (&ObjectId, &OwnedObject)| {
        let shared = matches!(id.kind.as_str(), "Namespace" | "CustomResourceDefinition");
        let unknown = copy.deployed.is_none() && shared && annotation(&member.object, MADE_BY).is_none();
        InventoryEntry {
            uid: member.object["metadata"]["uid"].as_str().map(str::to_owned),
            adopted: unknown || copy.adopted.contains(id),
            kept,
            ..InventoryEntry::new(id.clone(), &member.kind)
        }
    };
    members.iter().map(entry).collect()
}

async fn revisions(run: &Run, wire: &Wire, target: &Target) -> fault::Result<Vec<Value>> {
    let selector = format!("{REVISION_OF}={}", target.project);
    let secrets = inventory::secrets();
    let waiting = report_waiting(run, Step::Apply, "revision");
    retry(waiting, || wire.list(&secrets, Some(target.namespace.as_str()), &selector))
        .await
        .map_err(|failure| unreadable(failure, "cannot read the revisions"))
}

/// The note about an inventory that was rebuilt.
pub(crate) fn note(target: &Target, inventory: &Inventory) -> Option<Finding> {
    let why = inventory.damage.as_ref()?;
    let (home, name) = (&target.namespace, inventory::name(&target.project));
    let count = inventory.entries.len();
    let objects = if count == 1 { "object" } else { "objects" };
    let message = format!(
        "the inventory of the project (Secret `{name}` in the namespace `{home}`) is damaged: {why}; {count} {objects} of the project were found by their label instead"
    );
    Some(Code::InventoryDamaged.warning(message).help(
        "the next `todo up` writes it again, and keeps the damaged one in another Secret; claims that a StatefulSet has made and a `todo down` has left carry no label: `kubectl get pvc`",
    ))
}

/// Keeps a damaged inventory in a Secret of its own, and reports its name.
pub(crate) async fn keep_aside(
    run: &Run,
    wire: &Wire,
    target: &Target,
    damaged: &Value,
) -> fault::Result<()> {
    if damaged.is_null() {
        return Ok(());
    }
    let digest = blake3::hash(damaged["data"].to_string().as_bytes()).to_hex();
    let name = format!("{}.damaged-{}", inventory::name(&target.project), &digest[..8]);
    let home = target.namespace.as_str();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "todo.dev/damaged-inventory.v1",
        "metadata": {"name": name, "namespace": home, "labels": {DAMAGED_OF: target.project.as_str()}},
        "data": damaged["data"],
    });
    let waiting = report_waiting(run, Step::Apply, "inventory");
    match once::put(wire, &inventory::secrets(), Some(home), &secret, waiting).await {
        Err(failure) if !failure.is_there() => {
            return Err(unreadable(failure, "cannot keep the damaged inventory"));
        }
        _ => {}
    }
    let message = format!("the damaged inventory is kept in the Secret `{name}` in the namespace `{home}`");
    run.sink.warn(Code::InventoryDamaged.warning(message).help(format!(
        "delete it when it is no longer needed: `kubectl -n {home} delete secret {name}`; `todo down` does it, too"
    )));
    Ok(())
}

/// Removes damaged inventories that were kept.
pub(crate) async fn forget(run: &Run, wire: &Wire, target: &Target) -> fault::Result<()> {
    let (secrets, home) = (inventory::secrets(), Some(target.namespace.as_str()));
    let selector = format!("{DAMAGED_OF}={}", target.project);
    let waiting = || report_waiting(run, Step::Remove, "inventory");
    let failed = |failure| unreadable(failure, "cannot remove a damaged inventory");
    let found = retry(waiting(), || wire.names(&secrets, home, &selector)).await.map_err(failed)?;
    for secret in found {
        let metadata = &secret["metadata"];
        let (name, uid) = (metadata["name"].as_str().unwrap_or_default(), metadata["uid"].as_str());
        let uid = uid.unwrap_or_default();
        retry(waiting(), || wire.delete(&secrets, home, name, uid, Propagation::Background))
            .await
            .map_err(failed)?;
    }
    Ok(())
}
