//! What limits others: disruption budgets, quotas, namespaces.

use crate::live;
use crate::status::Health;
use crate::status::HealthStatus;
use serde_json::Value;

pub(super) fn disruption_budget(object: &Value) -> HealthStatus {
    if object.get("status").is_none() {
        return HealthStatus::progressing("NotObserved", "its controller has not seen it yet");
    }
    let is_it = |entry: &&Value| live::text(entry, "/type") == "DisruptionAllowed";
    let mut all = live::list(object, "/status/conditions").iter().filter(is_it).map(live::read_condition);
    match all.clone().find(|allowed| allowed.reason == "SyncFailed").or_else(|| all.next()) {
        // Nothing waits for it: pods start and stop without one, too.
        Some(allowed) if allowed.reason == "SyncFailed" => {
            let why = if allowed.message.is_empty() { "its pods cannot be counted" } else { allowed.message };
            HealthStatus::progressing("SyncFailed", format!("it protects nothing: {why}")).non_blocking()
        }
        Some(allowed) if allowed.status == "False" => HealthStatus::ready("Observed", "it is there")
            .note("it allows no eviction now: draining a node waits for its pods"),
        _ => HealthStatus::ready("Observed", "it is there"),
    }
}

pub(super) fn quota(object: &Value) -> HealthStatus {
    if object.pointer("/spec/hard") == object.pointer("/status/hard") {
        HealthStatus::ready("Enforced", "it is enforced")
    } else {
        HealthStatus::progressing("NotEnforced", "the API server does not enforce it yet")
    }
}

pub(super) fn namespace(object: &Value) -> HealthStatus {
    match live::text(object, "/status/phase") {
        "Active" => HealthStatus::ready("Active", "it is there"),
        // The API server gives a namespace its phase as it makes it: this is a manifest.
        "" => HealthStatus::new(Health::Unknown, "NoStatus", "it has no status, as in a manifest"),
        phase => HealthStatus::progressing("NotActive", format!("its phase is `{phase}`")),
    }
}
