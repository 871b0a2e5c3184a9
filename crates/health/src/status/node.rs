//! Nodes: whether their kubelet answers, and which resources they lack.

use crate::live;
use crate::live::Condition;
use crate::status::HealthStatus;
use serde_json::Value;

/// Conditions of a node that mean trouble when they are True (`kubernetes: pkg/apis/core/types.go`).
const PRESSURES: [&str; 4] = ["DiskPressure", "MemoryPressure", "PIDPressure", "NetworkUnavailable"];

pub(super) fn compute(object: &Value) -> HealthStatus {
    let Some(ready) = live::condition(object, "Ready") else {
        return HealthStatus::progressing("NotReported", "its kubelet has not reported yet");
    };
    if !ready.holds() {
        let silent = ready.status == "Unknown";
        let otherwise =
            if silent { "its kubelet does not answer" } else { "its kubelet says that it is not ready" };
        return HealthStatus::failed(word(&ready, "NotReady"), sentence(&ready, otherwise));
    }
    let pressure = PRESSURES
        .iter()
        .find_map(|kind| Some((*kind, live::condition(object, kind).filter(Condition::holds)?)));
    if let Some((kind, pressure)) = pressure {
        return HealthStatus::progressing(
            kind,
            sentence(&pressure, &format!("its condition `{kind}` is True")),
        );
    }
    let health_status = HealthStatus::ready("Ready", "its kubelet is ready");
    if live::flag(object, "/spec/unschedulable") {
        return health_status.note("cordoned: it takes no new pods until `kubectl uncordon`");
    }
    health_status
}

fn word(condition: &Condition<'_>, otherwise: &str) -> String {
    if condition.reason.is_empty() { otherwise.to_owned() } else { condition.reason.to_owned() }
}

fn sentence(condition: &Condition<'_>, otherwise: &str) -> String {
    if condition.message.is_empty() { otherwise.to_owned() } else { condition.message.to_owned() }
}
