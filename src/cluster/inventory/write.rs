//! The inventory written: before the first write of a run, and at its end.

use crate::cluster::inventory;
use crate::cluster::inventory::DeploymentRecord;
use crate::cluster::inventory::Inventory;
use crate::cluster::inventory::InventoryEntry;
use crate::cluster::inventory::PART_OF;
use crate::cluster::inventory::Stored;
use crate::cluster::inventory::made_by_us;
use crate::cluster::once;
use crate::cluster::request::report_waiting;
use crate::cluster::request::uid_of;
use crate::cluster::request::unreadable;
use crate::cluster::survey::Desired;
use crate::cluster::survey::Survey;
use crate::cluster::survey::recover;
use crate::cluster::target::Target;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Step;
use crate::fault;
use crate::fault::OrFault;
use crate::run::Run;
use serde_json::Value;
use serde_json::json;

/// The inventory of a project that has none yet. Created before anything is decided, because its salt is used in pod
/// templates.
pub(crate) fn empty_inventory() -> fault::Result<Inventory> {
    Inventory::new()
        .or_fault(Code::InternalError, fault::FaultKind::Internal, || "cannot begin an inventory".to_owned())
}

/// Records everything that this run may create, before it creates any of it.
pub(crate) async fn record_intended(
    run: &Run,
    target: &Target,
    wire: &Wire,
    survey: &Survey,
    first: Inventory,
    desired: &[Desired],
    charts: bool,
) -> fault::Result<Stored> {
    let (mut inventory, before) = match &survey.stored {
        Some(stored) => (stored.inventory.clone(), Some(stored.secret.clone())),
        None => (first, None),
    };
    let part_of = json!(target.part_of());
    inventory.extend(desired.iter().map(|desired| {
        let live = survey.live(&desired.id);
        InventoryEntry {
            uid: live.map(|live| uid_of(live).to_owned()),
            adopted: live.is_some_and(|live| live["metadata"]["labels"][PART_OF] != part_of)
                && !made_by_us(live),
            ..InventoryEntry::new(desired.id.clone(), &desired.kind)
        }
    }));
    // Members that are missing in the list are owned nevertheless.
    inventory.extend(survey.members.iter().map(|(id, member)| InventoryEntry {
        uid: Some(uid_of(&member.object).to_owned()),
        ..InventoryEntry::new(id.clone(), &member.kind)
    }));
    inventory.settled = false;
    inventory.charts |= charts;
    store(run, target, wire, inventory, before.as_ref()).await
}

/// Replaces the inventory that was read.
pub(crate) async fn store(
    run: &Run,
    target: &Target,
    wire: &Wire,
    mut inventory: Inventory,
    before: Option<&Value>,
) -> fault::Result<Stored> {
    let kind = inventory::secrets();
    let namespace = Some(target.namespace.as_str());
    if inventory.damage.take().is_some() {
        recover::keep_aside(run, wire, target, before.unwrap_or(&Value::Null)).await?;
    }
    let doing = || "cannot write the inventory".to_owned();
    let made = |inventory: &Inventory| {
        inventory.secret(&target.project, &target.namespace, before).or_fault(
            Code::InternalError,
            fault::FaultKind::Internal,
            doing,
        )
    };
    let mut secret = made(&inventory)?;
    let same_place = inventory.deployed.as_ref().is_some_and(|known| known.origin == *target.origin);
    // Unchanged content keeps the time of the last change: the server writes nothing then.
    if !same_place || before.is_none_or(|before| before["data"] != secret["data"]) {
        let deployed = DeploymentRecord::now(inventory.deployed.as_ref(), &target.origin, target.clock.now());
        inventory.deployed =
            Some(deployed.or_fault(Code::InternalError, fault::FaultKind::Internal, doing)?);
        secret = made(&inventory)?;
    }
    let waiting = report_waiting(run, Step::Apply, "inventory");
    let written = once::put(wire, &kind, namespace, &secret, waiting)
        .await
        .map_err(|failure| unreadable(failure, "cannot write the inventory"))?;
    Ok(Stored { inventory, secret: written })
}
