//! The owner of a deployed project: this directory, or another one of the same name in the same namespace.
//!
//! The name and the namespace alone do not identify it: many repositories have the same ones. So nothing is written,
//! pruned or removed before the place from which the project was deployed has been compared with this one. Pure,
//! except for checking whether a file still exists.

use crate::cluster::inventory::DeploymentRecord;
use crate::cluster::inventory::Inventory;
use crate::cluster::inventory::InventoryEntry;
use crate::cluster::target::Target;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::fault;
use crate::fault::Fault;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::project::origin::Doubt;
use crate::project::origin::Kinship;
use std::collections::BTreeSet;
use std::path::Path;

/// How many objects are named.
const NAMED: usize = 4;

/// The desired objects of a project, in whatever namespace.
#[derive(Debug, Clone, Default)]
pub struct Wants {
    /// Group, kind and name.
    names: BTreeSet<(String, String, String)>,
    /// The name prefixes of the claims that its StatefulSets create.
    claims: BTreeSet<String>,
}

impl Wants {
    /// Of these objects.
    #[must_use]
    pub fn from_objects<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Wants {
        let mut desired = Wants::default();
        for object in objects {
            desired.add(object.group(), object.kind(), object.name());
            if object.kind() == "StatefulSet" {
                let templates = object.value["spec"]["volumeClaimTemplates"].as_array();
                let templates = templates.into_iter().flatten();
                let names = templates.filter_map(|template| template["metadata"]["name"].as_str());
                desired.claims.extend(names.map(|name| format!("{name}-{}-", object.name())));
            }
        }
        desired
    }

    /// One more.
    pub fn add(&mut self, group: &str, kind: &str, name: &str) {
        self.names.insert((group.to_owned(), kind.to_owned(), name.to_owned()));
    }

    fn has(&self, id: &ObjectId) -> bool {
        let ordinal = |prefix: &String| id.name.strip_prefix(prefix.as_str())?.parse::<u32>().ok();
        self.names.contains(&(id.group.clone(), id.kind.clone(), id.name.clone()))
            || id.kind == "PersistentVolumeClaim"
                && self.claims.iter().any(|prefix| ordinal(prefix).is_some())
    }
}

/// The owner of a project in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// This directory's.
    Us {
        /// Whether the record must be written even if nothing else is.
        record: bool,
        /// The note for the user about it.
        note: Option<Finding>,
    },
    /// It depends on the objects that the project wants.
    Undecided,
    /// Another place's.
    Others,
}

/// The known facts about a project in the cluster.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnerFacts<'a> {
    pub(crate) deployed: Option<&'a DeploymentRecord>,
    pub(crate) entries: &'a [InventoryEntry],
    /// Whether there may be Helm releases in addition to the objects.
    pub(crate) charts: bool,
}

impl<'a> OwnerFacts<'a> {
    pub(crate) fn from_inventory(inventory: &'a Inventory) -> OwnerFacts<'a> {
        let charts = inventory.charts;
        OwnerFacts { deployed: inventory.deployed.as_ref(), entries: &inventory.entries, charts }
    }

    /// The objects that carry the project's label, where there is no inventory.
    pub(crate) fn labelled(entries: &'a [InventoryEntry]) -> OwnerFacts<'a> {
        OwnerFacts { deployed: None, entries, charts: false }
    }
}

/// The owner of an inventory's project, by `owner`.
#[must_use]
pub fn project_owner(target: &Target, inventory: &Inventory, wants: Option<&Wants>) -> Owner {
    owner(target, OwnerFacts::from_inventory(inventory), wants)
}

/// The owner; `desired` is `None` where the desired objects were not read.
pub(crate) fn owner(target: &Target, known: OwnerFacts<'_>, desired: Option<&Wants>) -> Owner {
    let us = |record, note: Option<Finding>| Owner::Us { record, note };
    if known.entries.is_empty() && !known.charts {
        return us(false, None);
    }
    let by_objects = |record, note| match desired {
        None => Owner::Undecided,
        Some(desired) if is_mostly(known.entries, desired) => us(record, note),
        Some(_) => Owner::Others,
    };
    let Some(deployed) = known.deployed else { return by_objects(true, None) };
    let note = |why| Some(from_now_on(target, known, why));
    match deployed.origin.kinship(&target.origin, &|file: &Path| file.is_file()) {
        // A directory that has become a repository, or has another remote, is recorded: its clones are recognized by
        // that.
        Kinship::Same => us(deployed.origin != *target.origin, None),
        Kinship::Clone => us(false, note("another clone or worktree of the same repository")),
        Kinship::Doubtful(Doubt::Moved) => by_objects(true, note("the project is no longer there")),
        Kinship::Doubtful(Doubt::OtherFile) => by_objects(false, note("another file of the same directory")),
        Kinship::Other => Owner::Others,
    }
}

/// The note where a project continues from another place.
fn from_now_on(target: &Target, known: OwnerFacts<'_>, why: &str) -> Finding {
    let message = format!(
        "until now the project was deployed from {}, from now on from {}: {why}",
        from(known),
        target.origin
    );
    Code::ProjectOfAnotherOwner.note(message)
}

/// Whether at least half of the existing objects are desired. The namespace itself does not count: others may also
/// have it.
fn is_mostly(entries: &[InventoryEntry], desired: &Wants) -> bool {
    let counted = || entries.iter().filter(|entry| entry.id.kind != "Namespace");
    let all = counted().count();
    2 * counted().filter(|entry| desired.has(&entry.id)).count() >= all
}

/// The intended operation on a project that may belong to another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// `up`, or a plan of it.
    Up,
    /// `down`.
    Down,
    /// Anything else.
    Using,
}

/// The permission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Permit {
    /// Whether the place must be recorded even if nothing else is written.
    pub(crate) record: bool,
    /// The note for the user about it.
    pub(crate) note: Option<Finding>,
}

/// Allows the operation on a project, or reports its owner. `adopt` takes it over.
///
/// # Errors
/// [`fault::FaultKind::Apply`]: it belongs to another place, or its owner is unknown.
pub(crate) fn permit(
    target: &Target,
    known: OwnerFacts<'_>,
    desired: Option<&Wants>,
    adopt: bool,
    doing: Doing,
) -> fault::Result<Permit> {
    match owner(target, known, desired) {
        Owner::Us { record, note } => Ok(Permit { record, note }),
        Owner::Undecided | Owner::Others if adopt => {
            Ok(Permit { record: true, note: Some(from_now_on(target, known, "it is taken over")) })
        }
        Owner::Undecided | Owner::Others => Err(refused(target, known, doing)),
    }
}

/// Reports the owner of an inventory's project, and what can be done.
#[must_use]
pub fn refused_by(target: &Target, inventory: &Inventory, doing: Doing) -> Fault {
    refused(target, OwnerFacts::from_inventory(inventory), doing)
}

fn refused(target: &Target, known: OwnerFacts<'_>, doing: Doing) -> Fault {
    let (project, home) = (&target.project, &target.namespace);
    let done = match doing {
        Doing::Up => "nothing was changed",
        Doing::Down => "nothing was removed",
        Doing::Using => "it is not this one",
    };
    let fault = Code::ProjectOfAnotherOwner
        .fault(
            fault::FaultKind::Apply,
            format!("another project is deployed as `{project}` in the namespace `{home}`; {done}"),
        )
        .findings([Code::ProjectOfAnotherOwner
            .error(format!(
                "`{project}` in the namespace `{home}` was deployed from {}, and this is {}",
                from(known),
                target.origin
            ))
            .at(Place::file(&target.origin.file))
            .evidence(evidence(known))
            .help(format!("give this project its own name: `name = \"{}\"`", another_name(target)))])
        .hint(
            "two projects of different names can be in one namespace; another `namespace` keeps them apart",
        );
    match doing {
        Doing::Up => fault.hint(
            "if it is the same project in another place: `todo up --adopt` takes it over, and `todo plan --adopt` says what that would change",
        ),
        Doing::Down => fault.hint(
            "to remove the other one, run `todo down` in its directory; if it is the same project in another place: `todo down --adopt`",
        ),
        Doing::Using => fault
            .hint("if it is the same project in another place: `todo up --adopt` takes it over first"),
    }
}

/// The place from which it was deployed, if known.
fn from(known: OwnerFacts<'_>) -> String {
    match known.deployed {
        Some(deployed) => deployed.origin.to_string(),
        None => "an unknown directory (deployed by an earlier `todo`)".to_owned(),
    }
}

fn evidence(known: OwnerFacts<'_>) -> Vec<String> {
    let names: Vec<String> = known.entries.iter().take(NAMED).map(|entry| entry.id.to_string()).collect();
    let more = match known.entries.len() - names.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let kept = known.entries.iter().all(|entry| entry.kept);
    let there = if kept { "kept there by `todo down`" } else { "deployed there" };
    let when = known
        .deployed
        .map(|deployed| format!("last written {}", deployed.last.strftime("%Y-%m-%d %H:%M:%S UTC")));
    when.into_iter().chain([format!("{there}: {}{more}", names.join(", "))]).collect()
}

/// Another name for this project, after its directory.
fn another_name(target: &Target) -> String {
    let folder = target.origin.folder.rsplit('/').next().unwrap_or_default().to_lowercase();
    let label: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let label = label.trim_matches('-');
    let label: String = label.chars().take(60).collect();
    match label.trim_matches('-') {
        "" => format!("{}-2", target.project),
        label if label == target.project.as_str() => format!("{label}-2"),
        label => label.to_owned(),
    }
}

#[cfg(test)]
mod tests;
