//! Services: healthy as soon as they are written, except for an address that another controller assigns.

use crate::live;
use crate::status::Context;
use crate::status::HealthStatus;
use serde_json::Value;

pub(super) fn compute(object: &Value, context: Context<'_>) -> HealthStatus {
    let health_status = by_address(object);
    if leads_nowhere(object, context) {
        health_status.note("none of its endpoints is ready")
    } else {
        health_status
    }
}

/// Whether its EndpointSlices are known, and no endpoint in them is ready. An endpoint without the `ready` condition is
/// ready (KEP-752).
fn leads_nowhere(object: &Value, context: Context<'_>) -> bool {
    let Some(snapshot) = context.snapshot else { return false };
    let mut slices = snapshot.owned("discovery.k8s.io", "EndpointSlice", live::uid(object)).peekable();
    let ready = |endpoint: &Value| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false));
    slices.peek().is_some() && !slices.any(|slice| live::list(slice, "/endpoints").iter().any(ready))
}

fn by_address(object: &Value) -> HealthStatus {
    if live::text(object, "/spec/type") != "LoadBalancer" {
        return HealthStatus::ready("Exists", "it is there");
    }
    let given = live::list(object, "/status/loadBalancer/ingress").iter().find_map(|entry| {
        [live::text(entry, "/hostname"), live::text(entry, "/ip")].into_iter().find(|text| !text.is_empty())
    });
    let own = live::list(object, "/spec/externalIPs").iter().find_map(Value::as_str);
    match given.or(own) {
        Some(address) => HealthStatus::ready("HasAddress", format!("reached at {address}")),
        None => {
            HealthStatus::progressing("NoAddress", "no load balancer has given it an address").non_blocking()
        }
    }
}
