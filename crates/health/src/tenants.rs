//! Resources of each node by pod: counted once, looked up for each unschedulable pod.

use crate::cause::quantity;
use crate::live;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::HashMap;

/// So many holders of a resource are named.
const NAMED: usize = 3;

/// What the pods of one node hold of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// All of it, in thousandths.
    pub sum: i128,
    /// The pods that use most of it, largest first: `namespace/pod` and thousandths.
    pub most: Vec<(String, i128)>,
}

/// What the pods of each node hold of each resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenants(HashMap<String, HashMap<String, Usage>>);

impl Tenants {
    /// Counts what `pods` hold.
    pub fn from_pods<'a>(pods: impl IntoIterator<Item = &'a Value>) -> Tenants {
        let mut tenants = Tenants::default();
        for pod in pods {
            let node = live::text(pod, "/spec/nodeName");
            if node.is_empty() || matches!(live::text(pod, "/status/phase"), "Succeeded" | "Failed") {
                continue;
            }
            let of_node = tenants.0.entry(node.to_owned()).or_default();
            for (resource, held) in requests(pod).into_iter().filter(|(_, held)| *held > 0) {
                let of_resource = of_node.entry(resource).or_default();
                of_resource.sum += held;
                of_resource.most.push((format!("{}/{}", live::namespace(pod), live::name(pod)), held));
                if of_resource.most.len() > NAMED {
                    of_resource.most.sort_by_key(|(_, held)| std::cmp::Reverse(*held));
                    of_resource.most.truncate(NAMED);
                }
            }
        }
        for held in tenants.0.values_mut().flat_map(HashMap::values_mut) {
            held.most.sort_by_key(|(_, held)| std::cmp::Reverse(*held));
        }
        tenants
    }

    /// The usage of `resource` on `node`.
    pub fn on(&self, node: &str, resource: &str) -> Option<&Usage> {
        self.0.get(node)?.get(resource)
    }
}

/// What a pod requests of a node (`kubernetes: pkg/api/v1/resource/helpers.go`): its containers and sidecars together,
/// or its largest init container if that is more, and the overhead.
pub fn requests(pod: &Value) -> BTreeMap<String, i128> {
    let mut together = BTreeMap::new();
    for container in live::list(pod, "/spec/containers") {
        add(&mut together, &asked(container));
    }
    let mut largest: BTreeMap<String, i128> = BTreeMap::new();
    for container in live::list(pod, "/spec/initContainers") {
        if live::text(container, "/restartPolicy") == "Always" {
            add(&mut together, &asked(container));
            continue;
        }
        for (resource, amount) in asked(container) {
            let most = largest.entry(resource).or_default();
            *most = amount.max(*most);
        }
    }
    for (resource, amount) in largest {
        let sum = together.entry(resource).or_default();
        *sum = amount.max(*sum);
    }
    if let Some(overhead) = pod.pointer("/spec/overhead") {
        add(&mut together, &amounts(overhead));
    }
    together
}

fn asked(container: &Value) -> BTreeMap<String, i128> {
    let mut asked = container.pointer("/resources/limits").map(amounts).unwrap_or_default();
    if let Some(requests) = container.pointer("/resources/requests") {
        asked.extend(amounts(requests));
    }
    asked
}

fn amounts(map: &Value) -> BTreeMap<String, i128> {
    let entries = map.as_object().into_iter().flatten();
    entries
        .filter_map(|(resource, amount)| {
            let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
            Some((resource.clone(), quantity::parse(&text)?))
        })
        .collect()
}

fn add(sum: &mut BTreeMap<String, i128>, amounts: &BTreeMap<String, i128>) {
    for (resource, amount) in amounts {
        *sum.entry(resource.clone()).or_default() += amount;
    }
}
