//! Services: there as soon as they are written, except for an address that somebody else gives.

use crate::live;
use crate::status::Judgement;
use crate::status::Known;
use serde_json::Value;

pub(super) fn judge(object: &Value, known: Known<'_>) -> Judgement {
    let judgement = by_address(object);
    if leads_nowhere(object, known) { judgement.note("none of its endpoints is ready") } else { judgement }
}

/// Whether its EndpointSlices are known, and no endpoint in them is ready. One that does not say so is (KEP-752).
fn leads_nowhere(object: &Value, known: Known<'_>) -> bool {
    let Some(snapshot) = known.snapshot else { return false };
    let mut slices = snapshot.owned("discovery.k8s.io", "EndpointSlice", live::uid(object)).peekable();
    let ready = |endpoint: &Value| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false));
    slices.peek().is_some() && !slices.any(|slice| live::list(slice, "/endpoints").iter().any(ready))
}

fn by_address(object: &Value) -> Judgement {
    if live::text(object, "/spec/type") != "LoadBalancer" {
        return Judgement::ready("Exists", "it is there");
    }
    let given = live::list(object, "/status/loadBalancer/ingress").iter().find_map(|entry| {
        [live::text(entry, "/hostname"), live::text(entry, "/ip")].into_iter().find(|text| !text.is_empty())
    });
    let own = live::list(object, "/spec/externalIPs").iter().find_map(Value::as_str);
    match given.or(own) {
        Some(address) => Judgement::ready("HasAddress", format!("reached at {address}")),
        None => Judgement::progressing("NoAddress", "no load balancer has given it an address").soft(),
    }
}
