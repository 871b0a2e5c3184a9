//! Deletes everything that `up` created, except objects that hold data.
//!
//! Works from the inventory and the label alone; the manifests may be missing. A second run has nothing to delete,
//! and succeeds.

use crate::cluster::delete::delete;
use crate::cluster::delete::is_controlled;
use crate::cluster::delete::keep_annotation;
use crate::cluster::inventory;
pub use crate::cluster::inventory::GENERATED;
use crate::cluster::inventory::Inventory;
use crate::cluster::inventory::InventoryEntry;
use crate::cluster::inventory::MADE_BY;
use crate::cluster::inventory::PART_OF;
use crate::cluster::inventory::Stored;
use crate::cluster::inventory::write::store;
use crate::cluster::kind;
use crate::cluster::lock;
use crate::cluster::namespace;
use crate::cluster::owner;
use crate::cluster::owner::Doing;
use crate::cluster::owner::OwnerFacts;
use crate::cluster::refusal::annotation;
use crate::cluster::request::report_waiting;
use crate::cluster::request::uid_of;
use crate::cluster::request::unreadable;
use crate::cluster::retry::retry;
use crate::cluster::revision;
use crate::cluster::survey::owned::OwnedObject;
use crate::cluster::survey::owned::id_of;
use crate::cluster::survey::owned::list;
use crate::cluster::survey::recover;
use crate::cluster::target::Target;
use crate::cluster::wire::Failure;
use crate::cluster::wire::Propagation;
use crate::cluster::wire::Wire;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault;
use crate::manifest::ObjectId;
use crate::manifest::shared::Shared;
use crate::run::Run;
use health::live;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the user allows.
#[derive(Debug, Clone, Copy, Default)]
pub struct RemoveOptions {
    /// `--purge`: volumes and generated secrets, too.
    pub purge: bool,
    /// `--adopt`: also delete what another place has deployed under the same name.
    pub adopt: bool,
}

/// The objects that were deleted, and those that were not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// The deleted objects.
    pub removed: Vec<ObjectId>,
    /// The objects that were kept on purpose, and why.
    pub kept: Vec<(ObjectId, String)>,
}

/// Removes the project's objects and waits until they are gone.
pub async fn remove(run: &Run, target: &Target, options: &RemoveOptions) -> fault::Result<Removed> {
    run_all(run, target, *options, false).await
}

/// As [`remove`], but the namespaces stay for now, because hooks still have to run in them, and so does the
/// inventory: [`remove`] reports at the end which objects are kept.
pub async fn remove_keeping_namespaces(
    run: &Run,
    target: &Target,
    options: &RemoveOptions,
) -> fault::Result<Removed> {
    run_all(run, target, *options, true).await
}

async fn run_all(
    run: &Run,
    target: &Target,
    options: RemoveOptions,
    keep_namespaces: bool,
) -> fault::Result<Removed> {
    lock::scope(run, target, everything(run, target, options, keep_namespaces)).await
}

async fn everything(
    run: &Run,
    target: &Target,
    options: RemoveOptions,
    keep_namespaces: bool,
) -> fault::Result<Removed> {
    let wire = target.wire();
    let (stored, home) = load(run, &wire, target, options.adopt).await?;
    let mut sorted = sort(run, &wire, target, stored.as_ref(), home.as_ref(), options).await?;
    sorted.keep_prerequisites(keep_namespaces);
    let none = sorted.go.is_empty() && sorted.namespaces.is_empty();
    let nothing_recorded = stored.as_ref().is_none_or(|stored| !stored.inventory.is_deployed());
    if none && (keep_namespaces || nothing_recorded && !(options.purge && stored.is_some())) {
        // A run that was killed, or one that is about to create something, may hold the lock.
        let held = match &home {
            Some(_) if !keep_namespaces => lock::get(&wire, target).await.map_err(reading)?,
            _ => None,
        };
        if lock::wait(run, &wire, target, held.as_ref()).await? {
            return Box::pin(everything(run, target, options, keep_namespaces)).await;
        }
        return Ok(sorted.report(run, Vec::new(), keep_namespaces));
    }
    // Nothing new, including a lock, can be written to a namespace that is being deleted.
    if home.as_ref().is_some_and(|home| !live::is_terminating(home)) {
        lock::hold(run, target).await?;
        // Objects that the run before us has created are to be deleted, too.
        let (stored, home) = load(run, &wire, target, options.adopt).await?;
        sorted = sort(run, &wire, target, stored.as_ref(), home.as_ref(), options).await?;
        sorted.keep_prerequisites(keep_namespaces);
        remember(run, &wire, target, &mut sorted).await?;
    }
    let go = std::mem::take(&mut sorted.go);
    let mut removed = delete(run, &wire, Step::Remove, go).await?;

    let mut namespaces = BTreeMap::new();
    for (id, member) in std::mem::take(&mut sorted.namespaces) {
        if live::is_terminating(&member.object) {
            namespaces.insert(id, member);
            continue;
        }
        match namespace::why_it_stays(run, &wire, target, &member.object, &sorted.kept).await? {
            Some(why) => sorted.kept.push((id, why)),
            None => {
                namespaces.insert(id, member);
            }
        }
    }
    if keep_namespaces {
        return Ok(sorted.report(run, removed, true));
    }
    revision::forget(run, target, &wire).await?;
    let home_goes = namespaces.keys().any(|id| id.name == target.namespace.as_str());
    if !home_goes {
        forget(run, &wire, target, &sorted).await?;
    }
    // The Lease is in the namespace: once that is being deleted, the lock can no longer be renewed.
    target.lock.release().await;
    removed.extend(delete(run, &wire, Step::Remove, namespaces).await?);
    Ok(sorted.report(run, removed, false))
}

/// The inventory, and the namespace that it is in.
async fn load(
    run: &Run,
    wire: &Wire,
    target: &Target,
    adopt: bool,
) -> fault::Result<(Option<Stored>, Option<Value>)> {
    let waiting = || report_waiting(run, Step::Remove, "cluster");
    let (secrets, namespaces) = (inventory::secrets(), kind::core("Namespace"));
    let (home, name) = (target.namespace.as_str(), inventory::name(&target.project));
    let (secret, found) = tokio::try_join!(
        retry(waiting(), || wire.get(&secrets, Some(home), &name)),
        retry(waiting(), || wire.get(&namespaces, None, home)),
    )
    .map_err(reading)?;
    let stored = match found {
        Some(_) => recover::stored(run, wire, target, secret).await?,
        None => None,
    };
    if let Some(stored) = &stored {
        owner::permit(target, OwnerFacts::from_inventory(&stored.inventory), None, adopt, Doing::Down)?;
    }
    Ok((stored, found))
}

fn reading(failure: Failure) -> fault::Fault {
    unreadable(failure, "cannot read what is in the cluster")
}

/// The objects to delete, those to delete last, and those to keep.
#[derive(Debug, Default)]
struct Sorted {
    go: BTreeMap<ObjectId, OwnedObject>,
    namespaces: BTreeMap<ObjectId, OwnedObject>,
    kept: Vec<(ObjectId, String)>,
    data: BTreeMap<ObjectId, OwnedObject>,
    inventory: Option<Stored>,
}

impl Sorted {
    /// Leaves the namespaces out, if they are to stay for now.
    fn keep_prerequisites(&mut self, stays: bool) {
        if stays {
            self.namespaces.clear();
        }
    }

    fn report(self, run: &Run, removed: Vec<ObjectId>, quietly: bool) -> Removed {
        for (id, why) in self.kept.iter().filter(|_| !quietly) {
            run.sink.item(Step::Remove, id.to_string()).finish(Outcome::Kept, Some(why.clone()));
        }
        Removed { removed, kept: self.kept }
    }

    fn keep(&mut self, id: ObjectId, member: OwnedObject, why: impl Into<String>) {
        self.kept.push((id.clone(), why.into()));
        self.data.insert(id, member);
    }
}

async fn sort(
    run: &Run,
    wire: &Wire,
    target: &Target,
    stored: Option<&Stored>,
    home: Option<&Value>,
    options: RemoveOptions,
) -> fault::Result<Sorted> {
    let kinds = if let Some(stored) = stored {
        stored.inventory.kinds().into_iter().map(|((.., namespace), kind)| (namespace, kind)).collect()
    } else {
        // The list is lost: everything that there is is looked through.
        namespace::kinds(wire).await.into_iter().map(|kind| (None, kind)).collect()
    };
    let mut members = list(wire, target, run, kinds).await.map_err(reading)?;
    if let Some(home) = home {
        members
            .entry(id_of(&with_kind(home)))
            .or_insert_with(|| OwnedObject { kind: kind::core("Namespace"), object: with_kind(home).into() });
    }
    claims(run, wire, stored, &mut members).await?;

    let mut sorted = Sorted { inventory: stored.cloned(), ..Sorted::default() };
    for (id, member) in members {
        let object = &member.object;
        let entry = stored.and_then(|stored| stored.inventory.entry(&id));
        let adopted = entry.is_some_and(|entry| entry.adopted);
        if is_controlled(object) {
            continue;
        }
        // An object that is already being deleted is waited for, whichever client deletes it: the deletion cannot be
        // undone.
        if live::is_terminating(object) && id.kind != "Namespace" {
            sorted.go.insert(id, member);
            continue;
        }
        if let Some(mark) = keep_annotation(object) {
            sorted.keep(id, member, format!("`{mark}` says so"));
        } else if id.kind == "Namespace" && id.group.is_empty() {
            // Whichever project it was created for: the last project in it deletes it.
            let is_home = id.name == target.namespace.as_str();
            let maker = annotation(object, MADE_BY);
            let made = maker == Some(target.project.as_str())
                || is_home && maker.is_some()
                || entry.is_some() && !adopted && object["metadata"]["labels"][PART_OF] == target.part_of();
            if made {
                sorted.namespaces.insert(id, member);
            } else if object["metadata"]["labels"][PART_OF] == target.part_of() {
                sorted.kept.push((id, "it existed before the project".to_owned()));
            }
        } else if id.kind == "CustomResourceDefinition" && adopted {
            sorted.kept.push((id, "it existed before the project".to_owned()));
        } else if id.kind == "CustomResourceDefinition"
            && let Some(why) = namespace::others_use(wire, target, object).await
        {
            sorted.keep(id, member, why);
        } else if !options.purge
            && id.group.is_empty()
            && matches!(id.kind.as_str(), "PersistentVolumeClaim" | "PersistentVolume")
        {
            sorted.keep(id, member, "its data is kept; `todo down --purge` deletes it");
        } else if !options.purge && id.kind == "Secret" && annotation(object, GENERATED) == Some("true") {
            sorted.keep(id, member, "it belongs to the data; `todo down --purge` deletes it");
        } else {
            sorted.go.insert(id, member);
        }
    }
    Ok(sorted)
}

fn with_kind(namespace: &Value) -> Value {
    let mut namespace = namespace.clone();
    namespace["apiVersion"] = Value::from("v1");
    namespace["kind"] = Value::from("Namespace");
    namespace
}

/// Adds the claims that StatefulSets have created, and those that an earlier `down` has left. They carry no label of
/// ours.
async fn claims(
    run: &Run,
    wire: &Wire,
    stored: Option<&Stored>,
    members: &mut BTreeMap<ObjectId, OwnedObject>,
) -> fault::Result<()> {
    let claim = kind::core("PersistentVolumeClaim");
    let waiting = || report_waiting(run, Step::Remove, "cluster");
    let sets: Vec<Shared<Value>> =
        members.values().filter(|m| m.object["kind"] == "StatefulSet").map(|m| m.object.clone()).collect();
    for set in sets {
        let (name, namespace) = (&set["metadata"]["name"], set["metadata"]["namespace"].as_str());
        let prefixes: Vec<String> = set["spec"]["volumeClaimTemplates"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|template| {
                Some(format!("{}-{}-", template["metadata"]["name"].as_str()?, name.as_str()?))
            })
            .collect();
        if prefixes.is_empty() {
            continue;
        }
        for object in retry(waiting(), || wire.list(&claim, namespace, "")).await.map_err(reading)? {
            let found = object["metadata"]["name"].as_str().unwrap_or_default();
            let ordinal = prefixes.iter().find_map(|prefix| found.strip_prefix(prefix.as_str()));
            if ordinal.is_some_and(|ordinal| ordinal.parse::<u32>().is_ok()) {
                members.insert(id_of(&object), OwnedObject { kind: claim.clone(), object: object.into() });
            }
        }
    }
    for entry in stored.iter().flat_map(|stored| &stored.inventory.entries).filter(|entry| entry.kept) {
        if members.contains_key(&entry.id) {
            continue;
        }
        let kind = entry.kind();
        let found = retry(waiting(), || wire.get(&kind, entry.id.namespace.as_deref(), &entry.id.name)).await;
        if let Some(mut object) =
            found.map_err(reading)?.filter(|found| Some(uid_of(found)) == entry.uid.as_deref())
        {
            object["apiVersion"] = Value::from(kind.resource.api_version.clone());
            object["kind"] = Value::from(kind.resource.kind.clone());
            members.insert(entry.id.clone(), OwnedObject { kind, object: object.into() });
        }
    }
    Ok(())
}

/// Records the claims that StatefulSets have created, before the sets are deleted: they are found only through the
/// sets, so an interrupted run would leave them for good.
async fn remember(run: &Run, wire: &Wire, target: &Target, sorted: &mut Sorted) -> fault::Result<()> {
    let Some(stored) = &sorted.inventory else { return Ok(()) };
    let unlisted = |id: &ObjectId| {
        id.group.is_empty() && id.kind == "PersistentVolumeClaim" && stored.inventory.entry(id).is_none()
    };
    let found = sorted.go.iter().chain(&sorted.data).filter(|(id, _)| unlisted(id));
    let mut inventory = stored.inventory.clone();
    inventory.entries.extend(found.map(|(id, member)| InventoryEntry {
        uid: Some(uid_of(&member.object).to_owned()),
        kept: true,
        ..InventoryEntry::new(id.clone(), &member.kind)
    }));
    if inventory.entries.len() > stored.inventory.entries.len() {
        inventory.entries.sort_by(|a, b| a.id.cmp(&b.id));
        sorted.inventory = Some(store(run, target, wire, inventory, Some(&stored.secret)).await?);
    }
    Ok(())
}

/// Removes the inventory, or records the objects that were kept.
async fn forget(run: &Run, wire: &Wire, target: &Target, sorted: &Sorted) -> fault::Result<()> {
    if sorted.data.is_empty() {
        recover::forget(run, wire, target).await?;
    }
    let Some(stored) = &sorted.inventory else { return Ok(()) };
    let secret = &stored.secret;
    if sorted.data.is_empty() && secret.is_null() {
        return Ok(());
    }
    if sorted.data.is_empty() {
        let (kind, home) = (inventory::secrets(), Some(target.namespace.as_str()));
        let name = inventory::name(&target.project);
        retry(report_waiting(run, Step::Remove, "inventory"), || {
            wire.delete(&kind, home, &name, uid_of(secret), Propagation::Background)
        })
        .await
        .map_err(|failure| unreadable(failure, "cannot remove the inventory"))?;
        return Ok(());
    }
    let mut inventory: Inventory = stored.inventory.clone();
    inventory.entries = sorted
        .data
        .iter()
        .map(|(id, member)| InventoryEntry {
            uid: Some(uid_of(&member.object).to_owned()),
            adopted: stored.inventory.entry(id).is_some_and(|entry| entry.adopted),
            kept: true,
            ..InventoryEntry::new(id.clone(), &member.kind)
        })
        .collect();
    inventory.settled = true;
    store(run, target, wire, inventory, Some(secret)).await?;
    Ok(())
}
