//! Objects that are being deleted, and what holds them.
//!
//! A namespace reports in its conditions what is left in it; the first of them that holds is the cause of those after
//! it (`kubernetes: pkg/controller/namespace/deletion/status_condition_utils.go`).

use crate::live;
use crate::live::Condition;
use crate::snapshot::Snapshot;
use crate::status::Context;
use crate::status::Health;
use crate::status::HealthStatus;
use serde_json::Value;

/// What holds a namespace, the cause first.
const HOLDS: [&str; 5] = [
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
    "NamespaceFinalizersRemaining",
    "NamespaceContentRemaining",
];

pub(super) fn compute(object: &Value, context: Context<'_>) -> HealthStatus {
    let finalizers: Vec<&str> =
        live::list(object, "/metadata/finalizers").iter().filter_map(Value::as_str).collect();
    let held =
        if finalizers.is_empty() { String::new() } else { format!("; held by {}", finalizers.join(", ")) };
    let of = |reason: &str, message: String| HealthStatus::new(Health::Terminating, reason, message);
    let holds =
        HOLDS.iter().find_map(|kind| Some((*kind, live::condition(object, kind).filter(Condition::holds)?)));
    let Some((kind, condition)) = holds else {
        return of("Terminating", format!("being deleted{held}"));
    };
    if kind == "NamespaceDeletionDiscoveryFailure"
        && let Some(service) = context.snapshot.and_then(|snapshot| dead_service(condition.message, snapshot))
    {
        return of("APIServiceUnavailable", unlisted(service)).help(format!(
            "restore its Service, or delete the API: `kubectl delete apiservice {}`",
            live::name(service)
        ));
    }
    let reason = if condition.reason.is_empty() { kind } else { condition.reason };
    let text = if condition.message.is_empty() { kind } else { condition.message };
    of(reason, format!("being deleted{held}; {text}"))
}

/// The aggregated API that does not answer, so that the contents of the namespace are unknown.
fn dead_service<'a>(message: &str, snapshot: &'a Snapshot) -> Option<&'a Value> {
    snapshot.kind("apiregistration.k8s.io", "APIService", "").find(|service| {
        let (group, version) = (live::text(service, "/spec/group"), live::text(service, "/spec/version"));
        !live::holds(service, "Available") && message.contains(&format!("{group}/{version}"))
    })
}

fn unlisted(service: &Value) -> String {
    let why = live::condition(service, "Available").map_or("", |available| available.message);
    let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
    let (namespace, name) =
        (live::text(service, "/spec/service/namespace"), live::text(service, "/spec/service/name"));
    format!(
        "being deleted; its content cannot be listed, because the API `{}/{}` of Service {namespace}/{name} does not answer{why}",
        live::text(service, "/spec/group"),
        live::text(service, "/spec/version"),
    )
}
