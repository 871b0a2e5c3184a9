//! Fields that the manifest and another manager both set: left, taken over, or for the user to decide.

use crate::cluster::conflict;
use crate::cluster::conflict::Conflict;
use crate::cluster::diff::names_secret;
use crate::cluster::field;
use crate::cluster::planned::PlannedWrite;
use crate::cluster::refusal;
use crate::event::Code;
use crate::event::Finding;
use serde_json::Value;

pub(super) fn resolve(
    planned: &mut PlannedWrite,
    conflicts: Vec<Conflict>,
    live: &Value,
    autoscaled: bool,
    force: bool,
) -> Result<(), Vec<Finding>> {
    let decision = conflict::decide(conflicts, autoscaled, force);
    let object = &planned.desired.object;
    let at = |field: &str| object.place_of(&field::pointer(&object.value, field)).clone();
    if !decision.stop.is_empty() {
        return Err(decision
            .stop
            .iter()
            .map(|conflict| {
                let shown = |value: &Value| {
                    let found = value.pointer(&field::pointer(value, &conflict.field));
                    found.map_or("nothing".to_owned(), |found| refusal::masked(object, &found.to_string()))
                };
                let secret = object.kind() == "Secret"
                    || conflict.field.contains("env[") && names_secret(&conflict.field);
                let values = if secret {
                    Vec::new()
                } else {
                    vec![format!("now: {}", shown(live)), format!("wanted: {}", shown(&object.value))]
                };
                Code::FieldConflict
                    .error(format!("`{}` belongs to `{}`", conflict.field, conflict.manager))
                    .about(object.id().to_string())
                    .at(at(&conflict.field))
                    .evidence(values)
                    .help("remove the field from the manifest, or take ownership of it: `todo up --force-conflicts`")
            })
            .collect());
    }
    for conflict in &decision.leave {
        field::remove(&mut planned.body, &conflict.field);
    }
    // Force applies to the whole request, so the fields left to other managers are removed first.
    planned.force = decision.leave.is_empty() && !decision.take.is_empty() || planned.force;
    let note = |conflict: &Conflict, what: &str| {
        let mut note =
            Code::FieldConflict.warning(format!("`{}` {what} `{}`", conflict.field, conflict.manager));
        note.severity = crate::event::Severity::Note;
        note.about(object.id().to_string()).at(at(&conflict.field))
    };
    let left = decision.leave.iter().map(|conflict| note(conflict, "is left to"));
    let taken: Vec<Finding> = if decision.leave.is_empty() {
        decision.take.iter().map(|conflict| note(conflict, "is taken over from")).collect()
    } else {
        // The remaining conflicts are reported again in the next round.
        Vec::new()
    };
    let notes: Vec<Finding> = left.chain(taken).collect();
    planned.notes.extend(notes);
    Ok(())
}
