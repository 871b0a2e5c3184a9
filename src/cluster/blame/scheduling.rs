//! A pod that no node takes: why, and with which numbers.
//!
//! The scheduler only says how many nodes fail which test. What is asked, what a node has and who holds it is counted
//! here, so that the reader can choose between asking for less and giving minikube more.

use crate::cluster::blame::Symptom;
use crate::cluster::blame::quantity;
use crate::cluster::blame::signal::Signal;
use crate::cluster::live;
use crate::cluster::snapshot::Snapshot;
use serde_json::Value;
use std::collections::BTreeMap;

/// What keeps `pod` from getting a node, if anything.
pub fn symptom(pod: &Value, around: &Snapshot) -> Option<Symptom> {
    let scheduled = live::condition(pod, "PodScheduled").filter(|scheduled| scheduled.status == "False")?;
    if scheduled.reason != "Unschedulable" {
        return None;
    }
    let happenings = around.happenings(live::uid(pod));
    let coming = !live::text(pod, "/status/nominatedNodeName").is_empty()
        || happenings.iter().any(|happening| happening.reason == "TriggeredScaleUp");
    let starting = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "no nodes available"]
        .iter()
        .any(|sign| scheduled.message.contains(sign));
    let signal = if coming || starting {
        Signal::SchedulingPending
    } else if too_big(pod, around).is_some() {
        Signal::NeverFits
    } else {
        Signal::Unschedulable
    };
    Some(Symptom::new(signal, scheduled.reason, scheduled.message))
}

/// A claim that the pod uses and that has no volume, if its being unbound is known.
pub fn unbound<'a>(pod: &'a Value, around: &Snapshot) -> Option<&'a str> {
    live::list(pod, "/spec/volumes")
        .iter()
        .map(|volume| live::text(volume, "/persistentVolumeClaim/claimName"))
        .filter(|name| !name.is_empty())
        .find(|name| {
            around
                .kind("", "PersistentVolumeClaim", live::namespace(pod))
                .any(|claim| live::name(claim) == *name && live::text(claim, "/status/phase") != "Bound")
        })
}

/// One resource of which a node has less than is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// `memory`, `cpu`, ….
    pub resource: String,
    /// What the pod asks, in thousandths.
    pub asked: i128,
    /// What the node lets pods have, in thousandths.
    pub allocatable: i128,
    /// What pods on the node hold, in thousandths.
    pub taken: i128,
    /// Who holds most of it, largest first: `namespace/pod` and thousandths.
    pub holders: Vec<(String, i128)>,
}

/// The resource of which the only node could never give what the pod asks; `None` if it fits an empty node, or if
/// there are several nodes, of which others may come.
pub fn too_big(pod: &Value, around: &Snapshot) -> Option<String> {
    let [node] = around.nodes.as_deref()? else { return None };
    requests(pod)
        .into_iter()
        .find(|(resource, asked)| *asked > allocatable(node, resource))
        .map(|(resource, _)| resource)
}

/// The resources that the scheduler says are missing, counted for the node that has most left.
pub fn shortages(pod: &Value, message: &str, around: &Snapshot) -> Vec<Shortage> {
    let Some(nodes) = around.nodes.as_deref() else { return Vec::new() };
    let tenants = around.tenants.as_deref().unwrap_or_default();
    requests(pod)
        .into_iter()
        .filter(|(resource, _)| message.contains(&format!("Insufficient {resource}")))
        .filter_map(|(resource, asked)| {
            nodes
                .iter()
                .map(|node| {
                    let holders = holders(node, &resource, tenants);
                    Shortage {
                        asked,
                        allocatable: allocatable(node, &resource),
                        taken: holders.iter().map(|(_, held)| held).sum(),
                        holders,
                        resource: resource.clone(),
                    }
                })
                .max_by_key(|shortage| shortage.allocatable - shortage.taken)
        })
        .collect()
}

fn allocatable(node: &Value, resource: &str) -> i128 {
    node["status"]["allocatable"][resource].as_str().and_then(quantity::parse).unwrap_or(0)
}

fn holders(node: &Value, resource: &str, tenants: &[Value]) -> Vec<(String, i128)> {
    let mut holders: Vec<(String, i128)> = tenants
        .iter()
        .filter(|pod| live::text(pod, "/spec/nodeName") == live::name(node))
        .filter(|pod| !matches!(live::text(pod, "/status/phase"), "Succeeded" | "Failed"))
        .filter_map(|pod| {
            let held = *requests(pod).get(resource)?;
            (held > 0).then(|| (format!("{}/{}", live::namespace(pod), live::name(pod)), held))
        })
        .collect();
    holders.sort_by_key(|(_, held)| std::cmp::Reverse(*held));
    holders
}

/// What a pod asks of a node (`kubernetes: pkg/api/v1/resource/helpers.go`): its containers and sidecars together, or
/// its largest init container if that is more, and the overhead.
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
