//! ReplicaSets and ReplicationControllers that are not a Deployment's.

use crate::live;
use crate::status::HealthStatus;
use crate::status::ready_of;
use crate::status::starting;
use serde_json::Value;

pub(super) fn compute(object: &Value) -> HealthStatus {
    let desired = live::number(object, "/spec/replicas").unwrap_or(1);
    let existing = live::count(object, "/status/replicas");
    let ready = live::count(object, "/status/readyReplicas");
    let available = live::count(object, "/status/availableReplicas");
    let of = |health_status: HealthStatus| health_status.replicas(ready, desired);
    if existing != desired {
        return of(HealthStatus::progressing("Scaling", format!("{existing} of {desired} pods exist")));
    }
    if ready < desired || available < desired {
        return of(HealthStatus::progressing("Starting", starting(ready, available, desired)));
    }
    of(HealthStatus::ready("ReplicasReady", ready_of(ready, desired)))
}
