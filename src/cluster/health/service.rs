//! Services: there as soon as they are written, except for an address that somebody else gives.

use crate::cluster::health::Judgement;
use crate::cluster::live;
use serde_json::Value;

pub(super) fn judge(object: &Value) -> Judgement {
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
