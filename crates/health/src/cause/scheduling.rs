//! A pod that no node takes: why, and with which numbers.
//!
//! The scheduler only reports how many nodes fail which test. Requests, the node's capacity and the pods that use it
//! are counted here, so that the reader can choose between requesting less and giving minikube more.

use crate::ObjectId;
use crate::cause::Symptom;
use crate::cause::failure_kind::FailureKind;
use crate::cause::quantity;
use crate::live;
use crate::snapshot::Snapshot;
use crate::status;
use crate::tenants::Tenants;
use crate::tenants::requests;
use serde_json::Value;

/// What keeps `pod` from getting a node, if anything.
pub fn symptom(pod: &Value, snapshot: &Snapshot) -> Option<Symptom> {
    let scheduled = live::condition(pod, "PodScheduled").filter(|scheduled| scheduled.status == "False")?;
    // The condition of a pod that has a node is a leftover.
    let has_node =
        !live::text(pod, "/spec/nodeName").is_empty() || live::text(pod, "/status/phase") == "Running";
    if has_node {
        return None;
    }
    if scheduled.reason == "SchedulingGated" {
        let gates = status::scheduling_gates(pod).join(", ");
        return Some(Symptom::new(FailureKind::SchedulingGate, scheduled.reason, gates));
    }
    if scheduled.reason != "Unschedulable" {
        return None;
    }
    let events = snapshot.events(live::uid(pod));
    let coming = !live::text(pod, "/status/nominatedNodeName").is_empty()
        || events.iter().any(|event| event.reason == "TriggeredScaleUp");
    let starting = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "no nodes available"]
        .iter()
        .any(|sign| scheduled.message.contains(sign));
    let signal = if coming || starting {
        FailureKind::SchedulingPending
    } else if too_big(pod, snapshot).is_some() {
        FailureKind::NeverFits
    } else {
        FailureKind::Unschedulable
    };
    Some(Symptom::new(signal, scheduled.reason, scheduled.message))
}

/// Which test of the scheduler the nodes fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A node has less of a resource than is requested.
    Resources,
    /// No node has the labels that are requested.
    Labels,
    /// A port of the node is taken.
    Ports,
    /// A claim has no volume, or its volume is elsewhere.
    Volume {
        /// Whether the scheduler speaks of claims.
        claim: bool,
    },
    /// The nodes are tainted.
    Taints,
    /// The nodes are cordoned.
    Cordoned,
    /// Another test.
    Other,
}

impl Refusal {
    /// Reads the scheduler's sentence (`kubernetes: pkg/scheduler/framework/plugins`).
    pub fn parse(message: &str) -> Refusal {
        let any = |signs: &[&str]| signs.iter().any(|sign| message.contains(sign));
        match () {
            () if any(&["Insufficient"]) => Refusal::Resources,
            () if any(&["node affinity/selector"]) => Refusal::Labels,
            () if any(&["free ports"]) => Refusal::Ports,
            () if any(&["PersistentVolumeClaim"]) => Refusal::Volume { claim: true },
            () if any(&["volume"]) => Refusal::Volume { claim: false },
            () if any(&["taint"]) => Refusal::Taints,
            () if any(&["cordoned", "unschedulable"]) => Refusal::Cordoned,
            () => Refusal::Other,
        }
    }
}

/// A claim that the pod uses and that has no volume, if its being unbound is known.
pub fn unbound<'a>(pod: &'a Value, snapshot: &Snapshot) -> Option<&'a str> {
    live::list(pod, "/spec/volumes")
        .iter()
        .map(|volume| live::text(volume, "/persistentVolumeClaim/claimName"))
        .filter(|name| !name.is_empty())
        .find(|name| {
            let id = ObjectId {
                group: String::new(),
                kind: "PersistentVolumeClaim".to_owned(),
                namespace: Some(live::namespace(pod).to_owned()).filter(|namespace| !namespace.is_empty()),
                name: (*name).to_owned(),
            };
            snapshot.get(&id).is_some_and(|claim| live::text(claim, "/status/phase") != "Bound")
        })
}

/// One resource of which a node has less than is requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// `memory`, `cpu`, ….
    pub resource: String,
    /// What the pod requests, in thousandths.
    pub asked: i128,
    /// What the node lets pods have, in thousandths.
    pub allocatable: i128,
    /// What pods on the node hold, in thousandths.
    pub taken: i128,
    /// The pods that use most of it, largest first: `namespace/pod` and thousandths.
    pub holders: Vec<(String, i128)>,
}

/// The resource of which the only node could never give what the pod requests; `None` if it fits an empty node, or if
/// there are several nodes, of which others may come.
pub fn too_big(pod: &Value, snapshot: &Snapshot) -> Option<String> {
    let [node] = snapshot.nodes.as_deref()? else { return None };
    requests(pod)
        .into_iter()
        .find(|(resource, asked)| *asked > allocatable(node, resource))
        .map(|(resource, _)| resource)
}

/// The resources that the scheduler reports as insufficient, counted for the node that has most left.
pub fn shortages(pod: &Value, message: &str, snapshot: &Snapshot) -> Vec<Shortage> {
    let Some(nodes) = snapshot.nodes.as_deref() else { return Vec::new() };
    let nobody = Tenants::default();
    let tenants = snapshot.tenants.as_ref().unwrap_or(&nobody);
    requests(pod)
        .into_iter()
        .filter(|(resource, _)| message.contains(&format!("Insufficient {resource}")))
        .filter_map(|(resource, asked)| {
            nodes
                .iter()
                .map(|node| {
                    let held = tenants.on(live::name(node), &resource);
                    Shortage {
                        asked,
                        allocatable: allocatable(node, &resource),
                        taken: held.map_or(0, |held| held.sum),
                        holders: held.map_or_else(Vec::new, |held| held.most.clone()),
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
