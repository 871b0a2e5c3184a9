//! What limits and scales others: autoscalers, disruption budgets, quotas, namespaces.

use crate::cluster::health::Judgement;
use crate::cluster::live;
use serde_json::Value;

pub(super) fn autoscaler(object: &Value) -> Judgement {
    let judgement = Judgement::ready("Exists", "it is there");
    match live::condition(object, "ScalingActive") {
        // A metric that has not come yet is normal in the first minutes (krane knows the same exception).
        Some(active)
            if active.status == "False"
                && active.reason != "ScalingDisabled"
                && !active.reason.starts_with("FailedGet") =>
        {
            judgement.note(format!("it does not scale: {}", active.message))
        }
        _ => judgement,
    }
}

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
