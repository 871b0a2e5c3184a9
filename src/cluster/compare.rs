//! The changes that `up` would make to the cluster, without making them.

use crate::cluster::applied::ApplyOptions;
use crate::cluster::decide::decide;
pub(crate) use crate::cluster::diff::FieldChange;
use crate::cluster::diff::changes;
use crate::cluster::finalize::prune_candidates;
use crate::cluster::gone;
use crate::cluster::inventory::write::empty_inventory;
use crate::cluster::planned::Allowed;
use crate::cluster::planned::PlannedAction;
use crate::cluster::request::uid_of;
use crate::cluster::survey;
use crate::cluster::survey::Prepared;
use crate::cluster::target::Target;
use crate::cluster::unified::Sides;
use crate::event::Finding;
use crate::event::Place;
use crate::event::Severity;
use crate::fault;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::run::Run;
use health::live;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// The change to one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectDifference {
    /// Which object.
    pub id: ObjectId,
    /// Where it is written, if it still is.
    pub place: Option<Place>,
    /// The action.
    pub action: Action,
    /// In which fields, where it would change; values of Secrets are masked.
    pub fields: Vec<FieldChange>,
    /// Why, where that is not obvious; `the server cannot say what would change` among them.
    pub why: Option<String>,
    /// The object before and after, if it would change and the server could return the result.
    #[serde(skip)]
    pub sides: Option<Sides>,
}

/// What would be done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing: it is as it should be.
    Unchanged,
    /// It would be created.
    Create,
    /// It would be changed.
    Change,
    /// It would be deleted and recreated.
    Recreate,
    /// It is no longer in the manifests, and would be deleted after a good rollout.
    Prune,
    /// It is no longer in the manifests, but would be kept.
    Keep,
}

/// The changes that would be made, and those that would be refused.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// Every object, in the order of the phases; objects that are no longer in the manifests last.
    pub differences: Vec<ObjectDifference>,
    /// The changes that the server would refuse.
    pub refused: Vec<Finding>,
    /// Notes: fields that would be taken over, or left to other managers.
    pub notes: Vec<Finding>,
}

/// Compares the cluster with `objects`. Writes nothing.
pub async fn compare(
    run: &Run,
    target: &Target,
    objects: Vec<Object>,
    options: &ApplyOptions,
) -> fault::Result<Comparison> {
    let Prepared { desired, later } = survey::prepare(run, target, objects).await?;
    let mut survey = survey::inspect(run, target, &desired).await?;
    survey::permit(target, &mut survey, &desired, options.adopt)?;
    let desired = survey::followed(&desired, &survey, &empty_inventory()?);
    let allowed = Allowed { force: options.force_conflicts, recreate: options.recreate };
    let ids: BTreeSet<ObjectId> = desired.iter().map(|desired| desired.id.clone()).collect();
    let (planned, refused) = decide(run, target, desired, &survey, allowed).await;
    let home = survey.namespace.as_ref().filter(|home| live::is_terminating(home)).map(going);
    let notes = survey.permit.note.iter().cloned().chain(home).collect();
    let mut comparison = Comparison { refused, notes, ..Comparison::default() };
    for item in planned {
        comparison.notes.extend(item.notes);
        let action = match item.todo {
            PlannedAction::Keep { .. } | PlannedAction::Expired => Action::Unchanged,
            PlannedAction::Create => Action::Create,
            PlannedAction::Change => Action::Change,
            PlannedAction::Recreate(_) => Action::Recreate,
        };
        let (fields, why) = match (&item.live, &item.after) {
            _ if matches!(action, Action::Unchanged | Action::Create) => (Vec::new(), None),
            (Some(live), Some(after)) => {
                let fields = changes(live, after);
                let why = (fields.is_empty() && item.migrate.is_some())
                    .then(|| "its fields are taken over from `kubectl apply`".to_owned());
                (fields, why)
            }
            _ if action == Action::Recreate => {
                (Vec::new(), Some("it differs in a field that cannot be changed".to_owned()))
            }
            _ => (Vec::new(), Some("the server cannot say what would change".to_owned())),
        };
        let place = Some(item.desired.object.place.clone());
        let sides = match (action, item.live, item.after) {
            (Action::Create, _, after) => {
                Some(Sides { before: None, after: Some(after.map_or(item.body, Into::into)) })
            }
            (Action::Change | Action::Recreate, Some(live), Some(after)) => {
                Some(Sides { before: Some(live), after: Some(after.into()) })
            }
            _ => None,
        };
        comparison.differences.push(ObjectDifference {
            id: item.desired.id,
            place,
            action,
            fields,
            why,
            sides,
        });
    }
    comparison.differences.extend(later.into_iter().map(|object| ObjectDifference {
        id: object.id(),
        sides: Some(Sides { before: None, after: Some(object.value) }),
        place: Some(object.place),
        action: Action::Create,
        fields: Vec::new(),
        why: Some("once its CRD is registered".to_owned()),
    }));
    let uids: BTreeSet<&str> = ids.iter().filter_map(|id| survey.live(id)).map(uid_of).collect();
    let inventory = survey.stored.as_ref().map(|stored| &stored.inventory);
    let unwanted = prune_candidates(&survey.members, &ids, &uids, inventory, options.prune_data);
    let of = |id: ObjectId, action, why| ObjectDifference {
        id,
        place: None,
        action,
        fields: Vec::new(),
        why,
        sides: None,
    };
    let go = unwanted.go.into_iter().map(|(id, member)| {
        let sides = Some(Sides { before: Some(member.object), after: None });
        let why = Some("it is no longer in the manifests".to_owned());
        ObjectDifference { sides, ..of(id, Action::Prune, why) }
    });
    let stay = unwanted.stay.into_iter().map(|(id, why)| of(id, Action::Keep, Some(why)));
    comparison.differences.extend(go.chain(stay));
    Ok(comparison)
}

/// A namespace that is being deleted, which a run waits for, and what blocks its deletion.
fn going(namespace: &Value) -> Finding {
    let id = ObjectId {
        group: String::new(),
        kind: "Namespace".to_owned(),
        namespace: None,
        name: live::name(namespace).to_owned(),
    };
    Finding { severity: Severity::Warning, ..gone::stuck(&id, namespace) }
}
