//! Fields of other managers that the API server refuses together with those of the manifest.
//!
//! The manifest is at fault only if the server also refuses it as a new object.

use crate::cluster::conflict::is_person;
use crate::cluster::decide::asking::Asking;
use crate::cluster::decide::asking::is_final;
use crate::cluster::decide::asking::preflight;
use crate::cluster::diff::names_secret;
use crate::cluster::leftover;
use crate::cluster::leftover::Leftover;
use crate::cluster::planned::PlannedAction;
use crate::cluster::planned::PlannedWrite;
use crate::event::Code;
use crate::event::Finding;
use kube::core::Status;
use serde_json::Value;
use serde_json::json;

/// The conflicting fields, if they are why the server refuses the object.
pub(super) async fn found(
    asking: &Asking<'_>,
    planned: &PlannedWrite,
    live: &Value,
    status: &Status,
) -> Option<Vec<Leftover>> {
    if status.code != 422 {
        return None;
    }
    let found = leftover::leftovers(&planned.body, live, status);
    if found.is_empty() {
        return None;
    }
    // A name that is taken is noticed only after the object was found to be valid.
    let (kind, namespace) = (&planned.desired.kind, planned.desired.namespace());
    let alone = asking.wire.create(kind, namespace, &preflight(&planned.body), true).await;
    alone.err().is_none_or(|failure| !is_final(&failure)).then_some(found)
}

/// Removes them with the write, or reports who owns them. A field that no manager owns is a default, and is removed
/// without confirmation.
pub(super) fn release(
    planned: &mut PlannedWrite,
    live: &Value,
    status: &Status,
    found: &[Leftover],
    force: bool,
) -> Result<(), Vec<Finding>> {
    let theirs = || found.iter().filter(|leftover| !leftover.managers.is_empty());
    if !force && theirs().next().is_some() {
        return Err(theirs().map(|leftover| describe(planned, leftover, status)).collect());
    }
    let object = &planned.desired.object;
    let notes: Vec<Finding> = theirs()
        .map(|leftover| {
            let message = format!("`{}` of {} is removed", leftover.field(), whose(leftover));
            let note = Code::FieldLeftover.note(message);
            note.about(object.id().to_string()).at(object.place_of(&leftover.beside).clone())
        })
        .collect();
    planned.notes.extend(notes);
    planned.migrate = leftover::claim(live, planned.migrate.as_ref(), found);
    planned.todo = PlannedAction::Change;
    Ok(())
}

fn whose(leftover: &Leftover) -> String {
    format!("`{}`", leftover.managers.join("`, `"))
}

fn describe(planned: &PlannedWrite, leftover: &Leftover, status: &Status) -> Finding {
    let object = &planned.desired.object;
    let field = leftover.field();
    let quiet = object.kind() == "Secret" || names_secret(&field);
    let conditions = status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .map(|cause| format!("`{}`: {}", cause.field, cause.message));
    let evidence: Vec<String> = if quiet { Vec::new() } else { conditions.collect() };
    Code::FieldLeftover
        .error(format!(
            "`{field}` was set by {}, and the API server refuses it together with what the manifest sets",
            whose(leftover)
        ))
        .about(object.id().to_string())
        .at(object.place_of(&leftover.beside).clone())
        .evidence(evidence)
        .help(format!(
            "remove it with `todo up --force-conflicts`, or by hand: `{}`",
            undo(planned, leftover)
        ))
}

/// The command that removes the field.
fn undo(planned: &PlannedWrite, leftover: &Leftover) -> String {
    let id = &planned.desired.id;
    let namespace = id.namespace.as_ref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
    let object = format!("{}/{}", id.kind.to_lowercase(), id.name);
    if let Some(variable) =
        leftover.variable().filter(|_| leftover.managers.iter().all(|manager| is_person(manager)))
    {
        return format!("kubectl{namespace} set env {object} {variable}-");
    }
    let patch = json!([{"op": "remove", "path": leftover.pointer()}]);
    format!("kubectl{namespace} patch {object} --type=json -p '{patch}'")
}
