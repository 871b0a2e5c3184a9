//! StatefulSets.
//!
//! The API server writes `partition: 0` where nothing is written, so kubectl and kstatus take the branch for canaries
//! and never compare revisions. Here 0 means the whole set.

use crate::live;
use crate::status::HealthStatus;
use crate::status::on_delete;
use crate::status::ready_of;
use crate::status::starting;
use serde_json::Value;

pub(super) fn compute(object: &Value) -> HealthStatus {
    let desired = live::number(object, "/spec/replicas").unwrap_or(1);
    let existing = live::count(object, "/status/replicas");
    let ready = live::count(object, "/status/readyReplicas");
    let updated = live::count(object, "/status/updatedReplicas");
    let of = |health_status: HealthStatus| health_status.replicas(ready, desired);

    if live::text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return of(if ready >= desired {
            let same =
                live::text(object, "/status/currentRevision") == live::text(object, "/status/updateRevision");
            let new = if same { desired } else { updated };
            HealthStatus::ready("OnDelete", ready_of(ready, desired)).note(on_delete(new, desired))
        } else {
            HealthStatus::progressing("Starting", ready_of(ready, desired))
        });
    }
    if existing != desired {
        return of(HealthStatus::progressing("Scaling", format!("{existing} of {desired} pods exist")));
    }
    if ready < desired {
        return of(HealthStatus::progressing("Starting", ready_of(ready, desired)));
    }
    let available = live::number(object, "/status/availableReplicas");
    let slow = live::count(object, "/spec/minReadySeconds") > 0;
    if available.is_some_and(|available| available < desired) || (slow && available.is_none()) {
        return of(HealthStatus::progressing("Starting", starting(ready, available.unwrap_or(0), desired)));
    }
    let partition = live::count(object, "/spec/updateStrategy/rollingUpdate/partition");
    let same = live::text(object, "/status/currentRevision") == live::text(object, "/status/updateRevision");
    // Old controllers leave updatedReplicas out while nothing is being updated.
    let idle = same && live::count(object, "/status/currentReplicas") >= desired;
    let to_update = (desired - partition).max(0);
    if updated < to_update && !idle {
        return of(HealthStatus::progressing("Updating", format!("{updated} of {to_update} pods updated")));
    }
    if partition == 0 && !same {
        return of(HealthStatus::progressing("Updating", "its controller is finishing the rollout"));
    }
    let health_status = of(HealthStatus::ready("RevisionReady", ready_of(ready, desired)));
    if partition > 0 {
        health_status.note(format!("canary: {to_update} of {desired} pods updated"))
    } else {
        health_status
    }
}
