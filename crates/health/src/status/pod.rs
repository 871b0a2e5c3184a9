//! Pods without a controller, and any pod of a dump.

use crate::live;
use crate::live::Condition;
use crate::status::Context;
use crate::status::Health;
use crate::status::HealthStatus;
use serde_json::Value;

pub(super) fn compute(object: &Value, context: Context<'_>) -> HealthStatus {
    let reason = |otherwise: &str| {
        let own = live::text(object, "/status/reason");
        if own.is_empty() { otherwise.to_owned() } else { own.to_owned() }
    };
    match live::text(object, "/status/phase") {
        "Succeeded" => HealthStatus::ready(reason("Completed"), "it ran to its end"),
        "Failed" => {
            let message = live::text(object, "/status/message");
            HealthStatus::failed(
                reason("Failed"),
                if message.is_empty() { "its containers ended with an error" } else { message },
            )
        }
        "Running" if live::holds(object, "Ready") => {
            HealthStatus::ready("Ready", "running and ready").replicas(1, 1)
        }
        "Running" => {
            let health_status = match spoilt(object) {
                Some(container) => {
                    let message =
                        format!("container `{container}` ended with an error and is never started again");
                    HealthStatus::failed(reason("Error"), message)
                }
                None => not_ready(object, context, &reason("ContainersNotReady")),
            };
            health_status.replicas(0, 1)
        }
        "Unknown" => HealthStatus::new(Health::Unknown, reason("NodeLost"), "its node does not answer"),
        _ => pending(object, &reason("Pending")).replicas(0, 1),
    }
}

/// A container that ended with an error in a pod that starts none again: it can neither succeed nor become ready.
fn spoilt(object: &Value) -> Option<&str> {
    if live::text(object, "/spec/restartPolicy") != "Never" {
        return None;
    }
    live::list(object, "/status/containerStatuses")
        .iter()
        .filter(|status| {
            let name = live::text(status, "/name");
            // A container may have a policy of its own (KEP-5307).
            let own = live::list(object, "/spec/containers").iter().any(|written| {
                live::text(written, "/name") == name && written.get("restartPolicy").is_some()
            });
            !own && live::count(status, "/state/terminated/exitCode") != 0
        })
        .map(|status| live::text(status, "/name"))
        .next()
}

/// Why a pod that runs is not ready.
fn not_ready(object: &Value, context: Context<'_>, reason: &str) -> HealthStatus {
    if let Some(node) = silent_node(object, context) {
        return HealthStatus::progressing("NodeNotReady", format!("its node `{node}` does not answer"));
    }
    let statuses = live::list(object, "/status/containerStatuses");
    let ready = statuses.iter().filter(|status| live::flag(status, "/ready")).count();
    let sidecar = unready_sidecars(object).next();
    if ready < statuses.len() {
        return HealthStatus::progressing(reason, format!("{ready} of {} containers ready", statuses.len()));
    }
    if let Some(name) = sidecar {
        return HealthStatus::progressing(reason, format!("sidecar `{name}` is not ready"));
    }
    if let Some(gate) = unmet_gate(object) {
        return HealthStatus::progressing("ReadinessGatesNotReady", unmet(&gate));
    }
    let message = live::condition(object, "Ready").map_or("", |ready| ready.message);
    HealthStatus::progressing(
        reason,
        if message.is_empty() { "its containers are ready, it is not yet" } else { message },
    )
}

fn unready_sidecars(object: &Value) -> impl Iterator<Item = &str> {
    live::list(object, "/spec/initContainers")
        .iter()
        .filter(|written| live::text(written, "/restartPolicy") == "Always")
        .map(|written| live::text(written, "/name"))
        .filter(|name| {
            live::list(object, "/status/initContainerStatuses")
                .iter()
                .any(|status| live::text(status, "/name") == *name && !live::flag(status, "/ready"))
        })
}

fn silent_node<'a>(object: &Value, context: Context<'a>) -> Option<&'a str> {
    let node = live::text(object, "/spec/nodeName");
    let nodes = context.snapshot?.nodes.as_deref()?;
    let node = nodes.iter().find(|other| !node.is_empty() && live::name(other) == node)?;
    live::condition(node, "Ready").filter(|ready| !ready.holds()).map(|_| live::name(node))
}

/// A readiness gate of a pod that keeps it from being ready.
pub(crate) struct ReadinessGate<'a> {
    /// The type of its condition.
    pub(crate) name: &'a str,
    /// The condition, if anything has set it.
    pub(crate) condition: Option<Condition<'a>>,
}

/// The first condition that the pod's readiness gates require and that is not True.
pub(crate) fn unmet_gate(pod: &Value) -> Option<ReadinessGate<'_>> {
    let gates = live::list(pod, "/spec/readinessGates").iter();
    gates
        .map(|gate| live::text(gate, "/conditionType"))
        .map(|name| ReadinessGate { name, condition: live::condition(pod, name) })
        .find(|gate| !gate.condition.as_ref().is_some_and(Condition::holds))
}

fn unmet(gate: &ReadinessGate<'_>) -> String {
    let name = gate.name;
    let Some(condition) = &gate.condition else {
        return format!("it waits for its readiness gate `{name}`, which nothing has set");
    };
    let detail = if condition.message.is_empty() { condition.reason } else { condition.message };
    let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
    format!("it waits for its readiness gate `{name}`, which is {}{detail}", condition.status)
}

/// The gates that keep a pod from being scheduled, in backticks.
pub(crate) fn scheduling_gates(pod: &Value) -> Vec<String> {
    let gates = live::list(pod, "/spec/schedulingGates").iter();
    gates.map(|gate| format!("`{}`", live::text(gate, "/name"))).collect()
}

fn pending(object: &Value, reason: &str) -> HealthStatus {
    let scheduled = live::condition(object, "PodScheduled");
    if let Some(condition) = scheduled.filter(|condition| condition.status == "False") {
        let gates = scheduling_gates(object);
        if condition.reason == "SchedulingGated" || !gates.is_empty() {
            let gates = gates.join(", ");
            return HealthStatus::progressing(
                "SchedulingGated",
                format!("it is scheduled once its scheduling gates {gates} are removed"),
            );
        }
        if !condition.message.is_empty() {
            return HealthStatus::progressing(reason, condition.message);
        }
    }
    let waiting = live::list(object, "/status/initContainerStatuses")
        .iter()
        .chain(live::list(object, "/status/containerStatuses"))
        .map(|status| live::text(status, "/state/waiting/reason"))
        .find(|reason| !reason.is_empty());
    HealthStatus::progressing(reason, waiting.unwrap_or("waiting for a node"))
}
