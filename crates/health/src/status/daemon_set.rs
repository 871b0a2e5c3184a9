//! DaemonSets.

use crate::live;
use crate::status::Context;
use crate::status::HealthStatus;
use crate::status::on_delete;
use crate::status::ready_of;
use crate::status::starting;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn compute(object: &Value, context: Context<'_>) -> HealthStatus {
    let Some(desired) = live::number(object, "/status/desiredNumberScheduled") else {
        return HealthStatus::progressing("Scheduling", "its controller has not counted the nodes yet");
    };
    let ready = live::count(object, "/status/numberReady");
    let of = |health_status: HealthStatus| health_status.replicas(ready, desired);
    if desired == 0 {
        return of(HealthStatus::ready("NoNodes", "no node asks for it").note("no node matches its selector"));
    }
    if live::text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return of(if ready >= desired {
            let updated = live::count(object, "/status/updatedNumberScheduled");
            HealthStatus::ready("OnDelete", ready_of(ready, desired)).note(on_delete(updated, desired))
        } else {
            HealthStatus::progressing("Starting", ready_of(ready, desired))
        });
    }
    let updated = live::count(object, "/status/updatedNumberScheduled");
    if updated < desired {
        return of(HealthStatus::progressing("Updating", format!("{updated} of {desired} pods updated")));
    }
    if ready < desired || live::count(object, "/status/numberAvailable") < desired {
        let away = away(object, context);
        let missing = desired - ready.min(live::count(object, "/status/numberAvailable"));
        if !away.is_empty() && i64::try_from(away.len()).is_ok_and(|away| away >= missing) {
            return of(HealthStatus::ready("OtherNodesReady", ready_of(ready, desired))
                .note(format!("not waited for on nodes that are not ready: {}", away.join(", "))));
        }
        let available = live::count(object, "/status/numberAvailable");
        return of(HealthStatus::progressing("Starting", starting(ready, available, desired)));
    }
    of(HealthStatus::ready("AllNodesReady", ready_of(ready, desired)))
}

/// The nodes that are not ready and whose pod of this set is not either: nothing that is deployed fixes them.
fn away<'a>(object: &Value, context: Context<'a>) -> Vec<&'a str> {
    let Some(snapshot) = context.snapshot else { return Vec::new() };
    let nodes = snapshot.nodes.as_deref().unwrap_or_default();
    let pods = snapshot.kind("", "Pod", live::namespace(object)).filter(|pod| {
        live::controller_uid(pod) == live::uid(object)
            && !live::uid(object).is_empty()
            && !live::holds(pod, "Ready")
    });
    let homes: BTreeSet<&str> = pods.map(|pod| live::text(pod, "/spec/nodeName")).collect();
    let asleep = nodes.iter().filter(|node| !live::holds(node, "Ready")).map(live::name);
    asleep.filter(|node| homes.contains(node)).collect()
}
