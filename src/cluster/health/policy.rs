//! What limits others: disruption budgets, quotas, namespaces.

use crate::cluster::health::Judgement;
use crate::cluster::live;
use serde_json::Value;

pub(super) fn disruption_budget(object: &Value) -> Judgement {
    let judgement = Judgement::ready("Observed", "it is there");
    match live::condition(object, "DisruptionAllowed") {
        Some(allowed) if allowed.reason == "SyncFailed" => {
            judgement.note(format!("it protects nothing: {}", allowed.message))
        }
        _ => judgement,
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
        phase => Judgement::progressing("NotActive", format!("its phase is `{phase}`")),
    }
}
