//! ReplicaSets and ReplicationControllers that are not a Deployment's.

use crate::live;
use crate::status::HealthStatus;
use crate::status::ready_of;
use crate::status::starting;
use serde_json::Value;

pub(super) fn compute(object: &Value) -> HealthStatus {
    let wanted = live::number(object, "/spec/replicas").unwrap_or(1);
    let existing = live::count(object, "/status/replicas");
    let ready = live::count(object, "/status/readyReplicas");
    let available = live::count(object, "/status/availableReplicas");
    let of = |health_status: HealthStatus| health_status.replicas(ready, wanted);
    if existing != wanted {
        return of(HealthStatus::progressing("Scaling", format!("{existing} of {wanted} pods exist")));
    }
    if ready < wanted || available < wanted {
        return of(HealthStatus::progressing("Starting", starting(ready, available, wanted)));
    }
    of(HealthStatus::ready("ReplicasReady", ready_of(ready, wanted)))
}
