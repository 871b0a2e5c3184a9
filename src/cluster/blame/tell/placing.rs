//! Problems with placing a pod: its node and its volumes.

use crate::cluster::blame::tell::CauseContext;
use crate::cluster::blame::tell::Diagnosis;
use crate::cluster::blame::tell::diagnosis;
use crate::pointer;
use health::cause::Symptom;
use health::cause::claim;
use health::cause::config;
use health::cause::failure_kind::FailureKind;
use health::cause::quantity;
use health::cause::scheduling;
use health::cause::scheduling::Refusal;
use health::cause::template;
use health::live;
use serde_json::Value;

pub(super) fn unplaced(symptom: &Symptom, inputs: &CauseContext<'_>) -> Diagnosis {
    let spec = template::pod_spec(live::kind(inputs.written()));
    let message = symptom.message.as_str();
    if let Some(claim) = config::missing(message) {
        let reference = template::reference(inputs.written(), None, &claim);
        let name = claim.name.unwrap_or_default();
        return diagnosis(
            format!("a volume needs PersistentVolumeClaim `{name}`, which does not exist"),
            reference.map(|reference| reference.pointer),
            "add the claim to the manifests, or correct its name",
        );
    }
    let pod = inputs.pod.unwrap_or(inputs.subject);
    let shortages = scheduling::shortages(pod, message, inputs.snapshot);
    if let Some(first) = shortages.first() {
        let show = |amount| quantity::show(&first.resource, amount);
        let why = if first.asked > first.allocatable {
            format!("the whole node has {}", show(first.allocatable))
        } else {
            format!(
                "the node has {} left of {}",
                show(first.allocatable - first.taken),
                show(first.allocatable)
            )
        };
        let mut result = diagnosis(
            format!("no node can take its pod: it asks for {}, {why}", show(first.asked)),
            asking(inputs.written(), &first.resource),
            if first.asked > first.allocatable {
                "ask for less, or give minikube more in `[minikube]` of deploy.toml"
            } else {
                "ask for less, stop what you do not need, or give minikube more in `[minikube]` of deploy.toml"
            },
        );
        for shortage in &shortages {
            let holders: Vec<String> = shortage
                .holders
                .iter()
                .take(3)
                .map(|(name, held)| format!("{name} {}", quantity::show(&shortage.resource, *held)))
                .collect();
            result.evidence.push(format!(
                "{}: asked {}, allocatable {}, taken {}{}",
                shortage.resource,
                quantity::show(&shortage.resource, shortage.asked),
                quantity::show(&shortage.resource, shortage.allocatable),
                quantity::show(&shortage.resource, shortage.taken),
                if holders.is_empty() { String::new() } else { format!(" ({})", holders.join(", ")) },
            ));
        }
        return result;
    }
    let written = |field: &str| {
        let at = format!("{spec}/{field}");
        inputs.written().pointer(&at).is_some().then_some(at)
    };
    let waits_for = |claim: &str| {
        diagnosis(
            format!("its pod waits for PersistentVolumeClaim `{claim}`, which has no volume"),
            claimed(inputs.written(), spec, claim).or_else(|| written("volumes")),
            "see what is said of the claim",
        )
    };
    match Refusal::parse(message) {
        Refusal::Labels => selected(inputs, written("nodeSelector"), written("affinity")),
        Refusal::Ports => diagnosis(
            "its `hostPort` is taken on every node",
            written("containers"),
            "drop `hostPort`: a Service reaches pods without it",
        ),
        Refusal::Volume { .. } => match scheduling::unbound(pod, inputs.snapshot) {
            Some(claim) => waits_for(claim),
            None => diagnosis(
                "no node can take its pod: its volume is not there",
                written("volumes"),
                "the scheduler's message says what is missing",
            ),
        },
        Refusal::Taints => diagnosis(
            "all nodes have taints that its pod does not tolerate",
            written("tolerations"),
            "add `tolerations`, or see with `kubectl describe nodes` why the node is tainted",
        ),
        Refusal::Cordoned => diagnosis("all nodes are cordoned", None, "open it with `kubectl uncordon`"),
        Refusal::Resources | Refusal::Other => diagnosis(
            "no node can take its pod",
            None,
            "the scheduler's message says which test each node fails",
        ),
    }
}

/// No node has the requested labels: which label, and what the nodes have instead.
fn selected(inputs: &CauseContext<'_>, selector: Option<String>, affinity: Option<String>) -> Diagnosis {
    let nodes = inputs.snapshot.nodes.as_deref().unwrap_or_default();
    let asked = selector.as_ref().and_then(|at| inputs.written().pointer(at)).and_then(Value::as_object);
    let missing = asked.into_iter().flatten().find_map(|(key, value)| {
        let value = value.as_str()?;
        let lacking = !nodes.is_empty() && nodes.iter().all(|node| live::label(node, key) != value);
        lacking.then_some((key, value))
    });
    let Some((key, value)) = missing else {
        return diagnosis(
            "no node has the labels that its `nodeSelector` or `affinity` asks for",
            selector.or(affinity),
            "compare with `kubectl get nodes --show-labels`",
        );
    };
    let first = nodes.first().map_or("", live::name);
    let mut result = diagnosis(
        format!("no node has the label `{key}={value}`, which its `nodeSelector` asks for"),
        selector.map(|at| pointer::below(&at, key)),
        format!("correct the selector, or give a node the label: `kubectl label node {first} {key}={value}`"),
    );
    result.evidence.extend(nodes.iter().take(3).map(|node| match live::label(node, key) {
        "" => format!("node {} has no label `{key}`", live::name(node)),
        other => format!("node {} has `{key}={other}`", live::name(node)),
    }));
    result
}

/// Where the pod names its claim.
fn claimed(written: &Value, spec: &str, claim: &str) -> Option<String> {
    let at = format!("{spec}/volumes");
    let index = live::list(written, &at)
        .iter()
        .position(|volume| live::text(volume, "/persistentVolumeClaim/claimName") == claim)?;
    Some(format!("{at}/{index}/persistentVolumeClaim/claimName"))
}

/// Where the resource is requested: the first container that does.
pub(super) fn asking(written: &Value, resource: &str) -> Option<String> {
    let spec = template::pod_spec(live::kind(written));
    ["containers", "initContainers"].iter().find_map(|group| {
        (0..live::list(written, &format!("{spec}/{group}")).len()).find_map(|index| {
            ["requests", "limits"]
                .iter()
                .map(|part| format!("{spec}/{group}/{index}/resources/{part}/{resource}"))
                .find(|at| written.pointer(at).is_some())
        })
    })
}

/// A scheduling gate that no controller removes.
pub(super) fn gated(symptom: &Symptom, inputs: &CauseContext<'_>) -> Diagnosis {
    let spec = template::pod_spec(live::kind(inputs.written()));
    let written = |field: &str| {
        let at = format!("{spec}/{field}");
        inputs.written().pointer(&at).is_some().then_some(at)
    };
    let gates = &symptom.message;
    if symptom.signal == FailureKind::SchedulingGate {
        return diagnosis(
            format!("its pod is not scheduled before something removes its scheduling gates {gates}"),
            written("schedulingGates"),
            "see whether the controller that removes them runs, or remove `schedulingGates`",
        );
    }
    diagnosis(
        format!("its pod waits for its readiness gate `{gates}`, which nothing has set"),
        written("readinessGates"),
        "see whether the controller that sets this condition runs, or remove `readinessGates`",
    )
}

pub(super) fn node(symptom: &Symptom, inputs: &CauseContext<'_>) -> Diagnosis {
    let spec = template::pod_spec(live::kind(inputs.written()));
    match symptom.signal {
        FailureKind::Mount | FailureKind::Attach => {
            let volume =
                symptom.message.split_once("for volume \"").and_then(|(_, rest)| rest.split('"').next());
            let at = format!("{spec}/volumes");
            let index = live::list(inputs.written(), &at)
                .iter()
                .position(|entry| Some(live::text(entry, "/name")) == volume);
            let named = volume.map_or_else(|| "a volume".to_owned(), |name| format!("volume `{name}`"));
            if let Some(index) = index
                && symptom.message.contains("hostPath type check failed")
            {
                return host_path(inputs, &named, &format!("{at}/{index}/hostPath"));
            }
            diagnosis(
                format!("{named} cannot be mounted"),
                index.map(|index| format!("{at}/{index}")),
                "the node's message names what it lacks: a path, a driver, a server",
            )
        }
        FailureKind::Sandbox => {
            diagnosis("the node cannot make its pod's network or sandbox", None, restart_node(inputs))
        }
        FailureKind::Deadline => diagnosis(
            "its pod ran longer than `activeDeadlineSeconds` allows",
            Some(format!("{spec}/activeDeadlineSeconds")),
            "allow more, or see in the log what takes so long",
        ),
        _ => diagnosis(
            format!("pods were evicted: {}", symptom.reason),
            None,
            "see what the node is short of: `kubectl describe nodes`",
        ),
    }
}

/// What helps a node whose container runtime or kubelet fails.
pub(super) fn restart_node(inputs: &CauseContext<'_>) -> String {
    let advice = |profile: &str| format!("restart the node: `minikube stop -p {profile}`, then `todo up`");
    inputs.by_minikube(advice, "restart the node")
}

/// A `hostPath` whose type forbids creating a missing path.
fn host_path(inputs: &CauseContext<'_>, named: &str, at: &str) -> Diagnosis {
    let written = inputs.written();
    let path = live::text(written, &format!("{at}/path"));
    let kind = live::text(written, &format!("{at}/type"));
    let help = match kind {
        "Directory" | "File" => format!(
            "a `hostPath` is a path of the node, not of this machine: make it there, or write `type: {kind}OrCreate`, or use a claim"
        ),
        _ => inputs.by_minikube(
            |profile| format!("a `hostPath` is a path of the node, not of this machine: look there with `minikube ssh -p {profile}`"),
            "a `hostPath` is a path of the node, not of this machine: look there",
        ),
    };
    diagnosis(
        format!("{named} asks for `{path}` of the node to be a {kind}, which it is not"),
        Some(format!("{at}/path")),
        help,
    )
}

/// The provisioner of minikube's default class, and its pod (`minikube: deploy/addons/storage-provisioner`).
const MINIKUBE: (&str, &str) = ("k8s.io/minikube-hostpath", "storage-provisioner");

fn unprovisioned(symptom: &Symptom, inputs: &CauseContext<'_>, pointer: Option<String>) -> Diagnosis {
    let provisioner = claim::provisioner(&symptom.message).unwrap_or_default();
    let (known, pod) = MINIKUBE;
    if provisioner != known {
        return diagnosis(
            format!("its volume has to be made by the provisioner `{provisioner}`, which does not answer"),
            pointer,
            "see whether the provisioner's pods run, and what they log",
        );
    }
    let mut system = inputs.snapshot.kind("", "Pod", "kube-system").peekable();
    let listed = system.peek().is_some();
    let state = match system.find(|other| live::name(other) == pod) {
        Some(found) if live::holds(found, "Ready") => "is ready and does not answer",
        Some(_) => "is not ready",
        None if listed => "is not there",
        None => "is not there or does not answer",
    };
    diagnosis(
        format!(
            "its volume must be provisioned by `{provisioner}`; the provisioner's pod kube-system/{pod} {state}"
        ),
        pointer,
        format!(
            "`minikube addons enable {pod}{}` brings the pod back; `kubectl logs -n kube-system {pod}` shows what it does",
            inputs.profile.map(|profile| format!(" -p {profile}")).unwrap_or_default()
        ),
    )
}

pub(super) fn claim(symptom: &Symptom, inputs: &CauseContext<'_>) -> Diagnosis {
    let written = inputs.written();
    let pointer =
        written.pointer("/spec/storageClassName").is_some().then(|| "/spec/storageClassName".to_owned());
    match (symptom.signal, written.pointer("/spec/storageClassName").and_then(Value::as_str)) {
        (FailureKind::NoProvisioner, _) => unprovisioned(symptom, inputs, pointer),
        (FailureKind::NoClass, Some(class)) => diagnosis(
            format!("no PersistentVolume can be provisioned: StorageClass `{class}` does not exist"),
            pointer,
            "use a class of `kubectl get storageclass`, or leave `storageClassName` out for the default",
        ),
        (FailureKind::NoClass, None) => diagnosis(
            "no PersistentVolume can be provisioned: no StorageClass is named and none is the default",
            pointer,
            inputs.by_minikube(
                |profile| format!("enable one with `minikube addons enable default-storageclass -p {profile}`, or name one"),
                "name one, or make one of the cluster the default",
            ),
        ),
        _ => diagnosis("its volume cannot be made", pointer, "the provisioner's message says why"),
    }
}
