//! After a good rollout: objects that are no longer in the manifests are pruned, the inventory becomes exact, the
//! revision is recorded.
//!
//! Skipped after a run that failed, because the previous objects may be needed again. Also skipped after a run that
//! changed nothing.

use crate::cluster::applied::Applied;
use crate::cluster::applied::AppliedObject;
use crate::cluster::delete::delete;
use crate::cluster::delete::is_controlled;
use crate::cluster::delete::keep_annotation;
use crate::cluster::diff::meant;
use crate::cluster::inventory::Inventory;
use crate::cluster::inventory::InventoryEntry;
use crate::cluster::inventory::write::store;
use crate::cluster::kind;
use crate::cluster::lock;
use crate::cluster::request::AT_ONCE;
use crate::cluster::request::uid_of;
use crate::cluster::request::unreadable;
use crate::cluster::revision;
use crate::cluster::survey;
use crate::cluster::survey::owned::OwnedObject;
use crate::cluster::survey::recover;
use crate::cluster::target::Target;
use crate::cluster::wire::ApiKind;
use crate::cluster::wire::How;
use crate::cluster::wire::MANAGER;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault;
use crate::manifest;
use crate::manifest::ObjectId;
use crate::run::Run;
use futures::StreamExt;
use futures::stream;
use health::live;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// From this many prune candidates on, deleting most of the set needs confirmation.
const MANY: usize = 10;

/// The result of finalizing a good run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finalized {
    /// The objects that were pruned.
    pub pruned: Vec<ObjectId>,
    /// The objects that are no longer in the manifests but are kept, and why.
    pub kept: Vec<(ObjectId, String)>,
    /// The revision that was recorded, if anything was.
    pub revision: Option<u64>,
}

/// The prune candidates, and what to do with them.
pub(crate) struct Unwanted {
    pub(crate) go: BTreeMap<ObjectId, OwnedObject>,
    pub(crate) stay: Vec<(ObjectId, String)>,
}

/// Sorts the objects that carry our label but are not in the manifests.
pub(crate) fn prune_candidates(
    members: &BTreeMap<ObjectId, OwnedObject>,
    desired: &BTreeSet<ObjectId>,
    uids: &BTreeSet<&str>,
    inventory: Option<&Inventory>,
    prune_data: bool,
) -> Unwanted {
    let mut unwanted = Unwanted { go: BTreeMap::new(), stay: Vec::new() };
    for (id, member) in members {
        let object = &member.object;
        // The same object may be served by two groups.
        if desired.contains(id) || uids.contains(uid_of(object)) || is_controlled(object) {
            continue;
        }
        let adopted = inventory.and_then(|inventory| inventory.entry(id)).is_some_and(|entry| entry.adopted);
        let stays = if let Some(mark) = keep_annotation(object) {
            Some(format!("`{mark}` says so"))
        } else if let Some(why) = holds_data(object).filter(|_| !prune_data) {
            Some(why.to_owned())
        } else {
            (adopted && !prune_data).then(|| "it existed before the project".to_owned())
        };
        match stays {
            // A deletion that an earlier run has begun is waited for, so that what blocks it is named each time.
            None => drop(unwanted.go.insert(id.clone(), member.clone())),
            // Nothing keeps an object that another client deletes.
            Some(_) if live::is_terminating(object) => {}
            Some(why) => unwanted.stay.push((id.clone(), why)),
        }
    }
    unwanted
}

fn holds_data(object: &Value) -> Option<&'static str> {
    match object["kind"].as_str()? {
        "Namespace" => Some("it contains objects of others"),
        "PersistentVolumeClaim" | "PersistentVolume" => Some("its data would be lost"),
        "CustomResourceDefinition" => Some("all objects of its kind would be deleted"),
        "StatefulSet" if object["spec"]["volumeClaimTemplates"].as_array().is_some_and(|c| !c.is_empty()) => {
            Some("its volumes would be left without it")
        }
        _ => None,
    }
}

/// Ends a good run. Writes nothing if nothing has changed.
pub async fn finalize(run: &Run, target: &Target, applied: Applied) -> fault::Result<Finalized> {
    lock::scope(run, target, Box::pin(finalize_locked(run, target, &applied))).await
}

async fn finalize_locked(run: &Run, target: &Target, applied: &Applied) -> fault::Result<Finalized> {
    let desired: BTreeSet<ObjectId> = applied
        .objects
        .iter()
        .map(|object| object.id.clone())
        .chain(applied.expired.iter().cloned())
        .chain(applied.left.iter().map(manifest::Object::id))
        .collect();
    let uids: BTreeSet<&str> = applied.objects.iter().map(|object| object.uid.as_str()).collect();
    let inventory = applied.stored.as_ref().map(|stored| &stored.inventory);
    let candidates =
        prune_candidates(&applied.survey.members, &desired, &uids, inventory, applied.options.prune_data);
    for (id, why) in &candidates.stay {
        let item = run.sink.item(Step::Apply, id.to_string());
        item.finish(Outcome::Kept, Some(format!("would be pruned; kept because {why}")));
    }
    if is_exact(applied, inventory, &candidates) {
        return Ok(Finalized { kept: candidates.stay, ..Finalized::default() });
    }
    let wire = target.wire();
    lock::hold(run, target).await?;
    finish(run, target, &wire, applied, candidates).await
}

/// Whether the inventory already has everything that would be recorded.
fn is_exact(applied: &Applied, inventory: Option<&Inventory>, candidates: &Unwanted) -> bool {
    let Some(inventory) = inventory else { return false };
    let listed: BTreeSet<&ObjectId> = inventory.entries.iter().map(|entry| &entry.id).collect();
    let left: Vec<ObjectId> = applied.left.iter().map(manifest::Object::id).collect();
    let desired: BTreeSet<&ObjectId> = applied
        .objects
        .iter()
        .map(|object| &object.id)
        .chain(&applied.expired)
        .chain(left.iter().filter(|id| listed.contains(id)))
        .chain(candidates.stay.iter().map(|(id, _)| id))
        .collect();
    inventory.settled
        && candidates.go.is_empty()
        && listed == desired
        && applied.objects.iter().all(|object| object.recorded)
}

async fn finish(
    run: &Run,
    target: &Target,
    wire: &Wire,
    applied: &Applied,
    candidates: Unwanted,
) -> fault::Result<Finalized> {
    let options = applied.options;
    let total = candidates.go.len() + applied.objects.len();
    if candidates.go.len() > MANY && candidates.go.len() * 2 > total && !options.yes {
        let names: Vec<String> = candidates.go.keys().map(ToString::to_string).collect();
        return Err(Code::PruneMost
            .fault(
                fault::FaultKind::Apply,
                format!("{} of {total} objects would be pruned; nothing was deleted", names.len()),
            )
            .findings([Code::PruneMost
                .error("most of the project would be deleted")
                .evidence(names)
                .help("if this is intended: `todo up --yes`")])
            .hint("check that all manifests are there; if this is intended: `todo up --yes`"));
    }
    let pruned = delete(run, wire, Step::Apply, candidates.go).await?;

    // If there is no list yet, because this run had nothing to write, it is created here.
    let (mut inventory, before) = match &applied.stored {
        Some(stored) => (stored.inventory.clone(), Some(&stored.secret)),
        None => (
            Inventory::new()
                .map_err(|error| Code::InternalError.caused_by(fault::FaultKind::Internal, error))?,
            None,
        ),
    };
    let now = fresh(run, target, wire, applied).await?;
    let left: Vec<ObjectId> = applied.left.iter().map(manifest::Object::id).collect();
    let stay: BTreeSet<&ObjectId> =
        candidates.stay.iter().map(|(id, _)| id).chain(&applied.expired).chain(&left).collect();
    let mut entries: Vec<InventoryEntry> =
        inventory.entries.iter().filter(|entry| stay.contains(&entry.id)).cloned().collect();
    let recorded: Vec<InventoryEntry> = stream::iter(&applied.objects)
        .map(|object| record(wire, &inventory, object, now.get(&object.id)))
        .buffered(AT_ONCE)
        .collect()
        .await;
    entries.extend(recorded);
    entries.sort_by(|a, b| a.id.cmp(&b.id));
    // Writes of an earlier run that was not finalized are in no revision yet.
    let changed = !applied.is_unchanged() || !pruned.is_empty() || !inventory.settled;
    // Before the inventory is marked settled: after that no run would record the revision.
    inventory.entries = entries;
    let revision = revision::record(run, target, wire, &inventory, applied, changed).await?;
    inventory.settled = true;
    store(run, target, wire, inventory, before).await?;
    Ok(Finalized { pruned, kept: candidates.stay, revision })
}

/// The current state of the objects that this run or another client may have changed.
async fn fresh(
    run: &Run,
    target: &Target,
    wire: &Wire,
    applied: &Applied,
) -> fault::Result<BTreeMap<ObjectId, OwnedObject>> {
    let kinds: BTreeMap<_, ApiKind> = applied
        .objects
        .iter()
        .filter(|object| !object.recorded)
        .map(|object| {
            let id = &object.id;
            let kind = ApiKind { resource: object.resource.clone(), namespaced: id.namespace.is_some() };
            ((id.group.clone(), id.kind.clone(), id.namespace.clone()), kind)
        })
        .collect();
    let kinds = kinds.into_iter().map(|((.., namespace), kind)| (namespace, kind)).collect();
    survey::owned::list(wire, target, run, kinds)
        .await
        .map_err(|failure| unreadable(failure, "cannot read what is in the cluster"))
}

/// The inventory entry of an object that this run has applied.
async fn record(
    wire: &Wire,
    inventory: &Inventory,
    object: &AppliedObject,
    now: Option<&OwnedObject>,
) -> InventoryEntry {
    let known = inventory.entry(&object.id).cloned();
    let kind = ApiKind { resource: object.resource.clone(), namespaced: object.id.namespace.is_some() };
    let mut entry = known.unwrap_or_else(|| InventoryEntry::new(object.id.clone(), &kind));
    if object.recorded {
        return entry;
    }
    entry.uid = Some(object.uid.clone());
    entry.applied = Some(inventory.applied(&object.object.value));
    entry.kept = false;
    entry.fingerprint = match now {
        Some(now) if uid_of(&now.object) == object.uid => {
            // Controllers have written by now (a claim has its volume). If any other client has written, too, the API
            // server is queried whether the object still matches the manifest.
            let same = meant(&now.object) == meant(&object.after) || {
                let how = How { dry_run: true, force: false };
                let namespace = object.id.namespace.as_deref();
                let asked = wire.apply(&kind, namespace, MANAGER, &object.body, how).await;
                asked.is_ok_and(|asked| meant(&asked) == meant(&now.object))
            };
            same.then(|| inventory.fingerprint(&now.object))
        }
        _ => None,
    };
    entry
}

/// The project's inventory, for `status`; `None` if nothing of it is in the cluster.
pub async fn read_inventory(run: &Run, target: &Target) -> fault::Result<Option<Inventory>> {
    let wire = target.wire();
    let (kind, home, name) =
        (kind::core("Secret"), target.namespace.as_str(), crate::cluster::inventory::name(&target.project));
    let secret = wire
        .get(&kind, Some(home), &name)
        .await
        .map_err(|failure| unreadable(failure, "cannot read what the project has in the cluster"))?;
    let stored = recover::stored(run, &wire, target, secret).await?;
    Ok(stored.map(|stored| stored.inventory))
}

/// The finding about a damaged inventory that [`read_inventory`] has rebuilt.
#[must_use]
pub fn inventory_damage(target: &Target, inventory: &Inventory) -> Option<Finding> {
    recover::note(target, inventory)
}

#[cfg(test)]
mod tests {
    use super::prune_candidates;
    use crate::cluster::inventory::Inventory;
    use crate::cluster::inventory::InventoryEntry;
    use crate::cluster::kind;
    use crate::cluster::survey::owned::OwnedObject;
    use crate::cluster::survey::owned::id_of;
    use serde_json::Value;
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;

    fn members(objects: &[Value]) -> BTreeMap<crate::manifest::ObjectId, OwnedObject> {
        objects
            .iter()
            .map(|object| {
                (id_of(object), OwnedObject { kind: kind::core("ConfigMap"), object: object.clone().into() })
            })
            .collect()
    }

    #[test]
    fn data_adopted_objects_and_what_asks_to_stay_are_held_back() {
        let of = |kind: &str, name: &str| {
            json!({"apiVersion": "v1", "kind": kind,
            "metadata": {"name": name, "namespace": "a", "uid": name}})
        };
        let mut marked = of("ConfigMap", "marked");
        marked["metadata"]["annotations"]["helm.sh/resource-policy"] = json!("keep");
        let mut dying = of("ConfigMap", "dying");
        dying["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let mut dying_data = of("PersistentVolumeClaim", "dying-data");
        dying_data["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let objects = [
            of("ConfigMap", "old"),
            of("ConfigMap", "wanted"),
            of("ConfigMap", "moved"),
            of("ConfigMap", "adopted"),
            of("PersistentVolumeClaim", "data"),
            of("EndpointSlice", "slice"),
            marked,
            dying,
            dying_data,
        ];
        let mut inventory = Inventory::new().unwrap();
        let adopted = id_of(&objects[3]);
        inventory.extend([InventoryEntry {
            adopted: true,
            ..InventoryEntry::new(adopted, &kind::core("ConfigMap"))
        }]);
        let desired = BTreeSet::from([id_of(&objects[1])]);
        let names = |prune_data| {
            let found = prune_candidates(
                &members(&objects),
                &desired,
                &BTreeSet::from(["moved"]),
                Some(&inventory),
                prune_data,
            );
            let go: Vec<String> = found.go.keys().map(|id| id.name.clone()).collect();
            let stay: Vec<String> = found.stay.iter().map(|(id, _)| id.name.clone()).collect();
            (go.join(" "), stay.join(" "))
        };
        assert_eq!(names(false), ("dying old".to_owned(), "adopted marked data".to_owned()));
        assert_eq!(names(true), ("adopted dying old data dying-data".to_owned(), "marked".to_owned()));
    }
}
