//! The addresses and ports of Services.

use crate::kinds;
use crate::memory::Memory;
use crate::refuse;
use crate::refuse::Cause;
use crate::request::ApiResponse;
use crate::request::Where;
use crate::request::text;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;

/// `--service-node-port-range`.
const PORTS: std::ops::Range<u64> = 30_000..32_768;

impl Memory {
    pub(super) fn allocate(
        &mut self,
        at: &Where,
        before: Option<&Value>,
        service: &mut Value,
    ) -> Result<(), ApiResponse> {
        if service["spec"]["type"] == "ExternalName" {
            return Ok(());
        }
        self.address(before, service);
        if service["spec"]["type"] == "ClusterIP" {
            for port in service["spec"]["ports"].as_array_mut().into_iter().flatten() {
                if let Some(fields) = port.as_object_mut() {
                    fields.remove("nodePort");
                }
            }
            return Ok(());
        }
        let taken = self.taken(at);
        let (mut ours, mut protocols) = (BTreeSet::new(), BTreeSet::new());
        let count = service["spec"]["ports"].as_array().map_or(0, Vec::len);
        for index in 0..count {
            let desired = service["spec"]["ports"][index]["nodePort"].as_u64().unwrap_or(0);
            let field = format!("spec.ports[{index}].nodePort");
            let protocol = text(&service["spec"]["ports"][index]["protocol"]);
            // The protocols of one Service may share a number.
            let repeated = !protocols.insert((desired, protocol));
            if desired != 0 && (taken.contains(&desired) || repeated) {
                let cause = Cause::invalid(field, &desired.to_string(), "provided port is already allocated");
                return Err(refuse::invalid(at, "Service", &[cause]));
            }
            if desired != 0 && !PORTS.contains(&desired) {
                let why = "provided port is not in the valid range. The range of valid ports is 30000-32767";
                return Err(refuse::invalid(
                    at,
                    "Service",
                    &[Cause::invalid(field, &desired.to_string(), why)],
                ));
            }
            let earlier = before
                .and_then(|before| before["spec"]["ports"][index]["nodePort"].as_u64())
                .filter(|port| !ours.contains(port));
            let port =
                if desired == 0 { earlier.unwrap_or_else(|| self.free(&taken, &ours)) } else { desired };
            ours.insert(port);
            service["spec"]["ports"][index]["nodePort"] = json!(port);
        }
        Ok(())
    }

    fn address(&mut self, before: Option<&Value>, service: &mut Value) {
        if text(&service["spec"]["clusterIP"]).is_empty() {
            let earlier = before.map(|before| text(&before["spec"]["clusterIP"])).unwrap_or_default();
            let address = if earlier.is_empty() {
                let number = self.rules.as_mut().map_or(2, |rules| rules.rng.between(2, 1 << 20));
                format!("10.{}.{}.{}", 96 + (number >> 16), (number >> 8) & 255, number & 255)
            } else {
                earlier
            };
            service["spec"]["clusterIP"] = json!(address);
        }
        if service["spec"]["clusterIPs"].is_null() {
            service["spec"]["clusterIPs"] = json!([service["spec"]["clusterIP"]]);
        }
    }

    /// The node ports of all other Services.
    fn taken(&self, at: &Where) -> BTreeSet<u64> {
        self.within(kinds::SERVICE.collection, None, "", "")
            .filter(|service| {
                service["metadata"]["name"] != at.name.as_str()
                    || service["metadata"]["namespace"] != at.namespace.as_str()
            })
            .flat_map(|service| service["spec"]["ports"].as_array().into_iter().flatten())
            .filter_map(|port| port["nodePort"].as_u64())
            .collect()
    }

    fn free(&mut self, taken: &BTreeSet<u64>, ours: &BTreeSet<u64>) -> u64 {
        let first = self.rules.as_mut().map_or(0, |rules| rules.rng.between(0, PORTS.end - PORTS.start));
        let all = PORTS.end - PORTS.start;
        (0..all)
            .map(|step| PORTS.start + (first + step) % all)
            .find(|port| !taken.contains(port) && !ours.contains(port))
            .unwrap_or(PORTS.start)
    }
}
