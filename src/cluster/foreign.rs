//! Objects that belong to another project, or to another tool's ApplySet: their label has the set's ID, and the
//! Secret with the same ID names the owner.
//!
//! The one object that two projects may share is their common namespace: repositories created from one template all
//! have it in their manifests. It stays as the first project has written it, because both write under one field
//! manager, and each would remove the fields that the other sets.

use crate::cluster::inventory;
use crate::cluster::inventory::DeploymentRecord;
use crate::cluster::inventory::ID;
use crate::cluster::inventory::Inventory;
use crate::cluster::inventory::PART_OF;
use crate::cluster::inventory::TOOLING;
use crate::cluster::inventory::deployed::Beside;
use crate::cluster::survey;
use crate::cluster::survey::Desired;
use crate::cluster::survey::Survey;
use crate::cluster::target::Target;
use crate::event::Code;
use crate::event::Finding;
use crate::fault;
use crate::manifest::Object;
use crate::run::Run;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The other sets that own desired objects, by their IDs.
#[derive(Debug, Default)]
pub(crate) struct Sets(BTreeMap<String, Set>);

/// Another set.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Set {
    /// In the words of a message.
    Known(String),
    /// The set no longer exists.
    Gone,
    /// The owner cannot be read.
    Unknown,
}

impl Sets {
    /// Reads the owners of the existing objects that carry another label than ours.
    pub(crate) async fn load(target: &Target, desired: &[Desired], survey: &Survey) -> Sets {
        let ids: BTreeSet<&str> =
            desired.iter().filter_map(|item| another(target, survey.live(&item.id)?)).collect();
        let mut sets = BTreeMap::new();
        for id in ids {
            sets.insert(id.to_owned(), load_set(target, id).await);
        }
        Sets(sets)
    }

    /// The finding against taking over an object that another set owns.
    pub(crate) fn conflict(&self, target: &Target, desired: &Desired, live: &Value) -> Option<Finding> {
        let id = another(target, live)?;
        let (whose, help) = match self.0.get(id) {
            Some(Set::Gone) if is_namespace(desired) => return None,
            Some(Set::Known(whose)) => (
                whose.clone(),
                "remove it from the manifests, or rename it here or there; `todo up --force-conflicts` takes it over",
            ),
            Some(Set::Gone) => (
                format!("a set that is no longer there (`{id}`)"),
                "take it over: `todo up --force-conflicts`; or give it another name",
            ),
            Some(Set::Unknown) | None => (
                format!("another set (`{id}`)"),
                "give it another name or namespace, or take it over: `todo up --force-conflicts`",
            ),
        };
        let place = desired.object.place.clone();
        Some(
            Code::ObjectOfAnotherOwner
                .error(format!("it belongs to {whose}"))
                .about(desired.id.to_string())
                .at(place)
                .help(help),
        )
    }

    /// Whether it is the namespace that another project also has; if so, the note about it, if it is new.
    pub(crate) fn shared(
        &self,
        target: &Target,
        desired: &Desired,
        live: &Value,
        inventory: Option<&Inventory>,
    ) -> Option<Vec<Finding>> {
        let whose = match self.0.get(another(target, live)?) {
            Some(Set::Known(whose)) if is_namespace(desired) => whose,
            _ => return None,
        };
        let known = inventory.is_some_and(|inventory| inventory.entry(&desired.id).is_some());
        let message =
            format!("it belongs to {whose}, and stays as it is: two projects may be in one namespace");
        let note = Code::ObjectOfAnotherOwner.note(message);
        let note = note.about(desired.id.to_string()).at(desired.object.place.clone());
        Some(if known { Vec::new() } else { vec![note] })
    }
}

fn is_namespace(desired: &Desired) -> bool {
    desired.id.group.is_empty() && desired.id.kind == "Namespace"
}

/// The ID of an object's set, if that is another one.
fn another<'a>(target: &Target, live: &'a Value) -> Option<&'a str> {
    live["metadata"]["labels"][PART_OF].as_str().filter(|id| *id != target.part_of())
}

async fn load_set(target: &Target, id: &str) -> Set {
    let (wire, selector) = (target.wire(), format!("{ID}={id}"));
    match wire.list(&inventory::secrets(), None, &selector).await {
        Ok(secrets) => secrets.first().map_or(Set::Gone, |secret| Set::Known(whose(secret))),
        Err(_) => Set::Unknown,
    }
}

fn whose(secret: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, namespace) = (text(&secret["metadata"]["name"]), text(&secret["metadata"]["namespace"]));
    let tooling = text(&secret["metadata"]["annotations"][TOOLING]);
    match name.strip_prefix("todo.").filter(|_| tooling.starts_with("todo/")) {
        None => format!("the ApplySet `Secret/{name}` in the namespace `{namespace}` ({tooling})"),
        Some(project) => {
            let from = Beside::from_secret(secret)
                .deployed
                .map(|DeploymentRecord { origin, .. }| format!(", deployed from {origin}"))
                .unwrap_or_default();
            format!("the project `{project}` in the namespace `{namespace}`{from}")
        }
    }
}

/// Fails if another set owns a desired object, before anything is written or built.
///
/// # Errors
/// [`fault::FaultKind::Apply`], with a finding for each object.
pub async fn check_ownership(run: &Run, target: &Target, objects: &[Object]) -> fault::Result<()> {
    let prepared = survey::prepare(run, target, objects.to_vec()).await?;
    let survey = survey::inspect(run, target, &prepared.desired).await?;
    let sets = Sets::load(target, &prepared.desired, &survey).await;
    let conflict = |object: &Desired| {
        let live = survey.live(&object.id)?;
        if sets.shared(target, object, live, None).is_some() {
            None
        } else {
            sets.conflict(target, object, live)
        }
    };
    let findings: Vec<Finding> = prepared.desired.iter().filter_map(conflict).collect();
    if findings.is_empty() {
        return Ok(());
    }
    let message = "objects of this project belong to another one; nothing was changed";
    Err(Code::ObjectOfAnotherOwner.fault(fault::FaultKind::Apply, message).findings(findings))
}
