//! What limits others: disruption budgets, quotas, namespaces.

use crate::live;
use crate::status::Health;
use crate::status::Judgement;
use serde_json::Value;

pub(super) fn disruption_budget(object: &Value) -> Judgement {
    if object.get("status").is_none() {
        return Judgement::progressing("NotObserved", "its controller has not seen it yet");
    }
    let said = |entry: &&Value| live::text(entry, "/type") == "DisruptionAllowed";
    let mut all = live::list(object, "/status/conditions").iter().filter(said).map(live::read_condition);
    match all.clone().find(|allowed| allowed.reason == "SyncFailed").or_else(|| all.next()) {
        // Nothing waits for it: pods start and stop without one, too.
        Some(allowed) if allowed.reason == "SyncFailed" => {
            let why = if allowed.message.is_empty() { "its pods cannot be counted" } else { allowed.message };
            Judgement::progressing("SyncFailed", format!("it protects nothing: {why}")).soft()
        }
        Some(allowed) if allowed.status == "False" => Judgement::ready("Observed", "it is there")
            .note("it allows no eviction now: draining a node waits for its pods"),
        _ => Judgement::ready("Observed", "it is there"),
    }
}

pub(super) fn quota(object: &Value) -> Judgement {
    if object.pointer("/spec/hard") == object.pointer("/status/hard") {
        Judgement::ready("Enforced", "it is enforced")
    } else {
        Judgement::progressing("NotEnforced", "the API server does not enforce it yet")
    }
}

pub(super) fn namespace(object: &Value) -> Judgement {
    match live::text(object, "/status/phase") {
        "Active" => Judgement::ready("Active", "it is there"),
        // The API server gives a namespace its phase as it makes it: this is a manifest.
        "" => Judgement::new(Health::Unknown, "NoStatus", "it has no status, as in a manifest"),
        phase => Judgement::progressing("NotActive", format!("its phase is `{phase}`")),
    }
}
