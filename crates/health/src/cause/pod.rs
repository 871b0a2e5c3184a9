//! One pod → everything that keeps it from being ready.

use crate::cause::Symptom;
use crate::cause::config;
use crate::cause::container;
use crate::cause::container::Purpose;
use crate::cause::failure_kind::FailureKind;
use crate::cause::scheduling;
use crate::live;
use crate::snapshot::KubeEvent;
use crate::snapshot::Snapshot;
use crate::status;
use serde_json::Value;

/// Everything that keeps `pod` from being ready, worst last named first by container order.
pub fn symptoms(pod: &Value, snapshot: &Snapshot) -> Vec<Symptom> {
    if live::is_terminating(pod) || live::text(pod, "/status/phase") == "Succeeded" {
        return Vec::new();
    }
    if live::text(pod, "/status/phase") == "Failed"
        && let Some(symptom) = evicted(pod)
    {
        return vec![symptom];
    }
    if let Some(symptom) = scheduling::symptom(pod, snapshot) {
        return vec![symptom];
    }
    let events = snapshot.events(live::uid(pod));
    let mut symptoms: Vec<Symptom> = containers(pod)
        .filter_map(|(status, purpose)| container::symptom(status, purpose, &events))
        .collect();
    if symptoms.is_empty() {
        symptoms.extend(before_containers(pod, &events));
    }
    if symptoms.is_empty() {
        symptoms.extend(not_ready(pod, &events).or_else(|| initializing(pod)).or_else(|| gate(pod)));
    }
    symptoms
}

/// The containers whose last run a probe let the kubelet end, and that are ready again.
pub fn killed(pod: &Value, snapshot: &Snapshot) -> Vec<Symptom> {
    let events = snapshot.events(live::uid(pod));
    containers(pod)
        .filter(|(status, _)| live::flag(status, "/ready"))
        .filter_map(|(status, purpose)| container::killed(status, purpose, &events))
        .collect()
}

/// Every container's status with what it is for: init containers first, as they run.
pub fn containers(pod: &Value) -> impl Iterator<Item = (&Value, Purpose)> {
    let main = purpose(pod);
    init_containers(pod)
        .chain(live::list(pod, "/status/containerStatuses").iter().map(move |status| (status, main)))
}

fn init_containers(pod: &Value) -> impl Iterator<Item = (&Value, Purpose)> {
    live::list(pod, "/status/initContainerStatuses").iter().map(move |status| {
        // An init container that is always restarted is a sidecar (KEP-753).
        let sidecar = live::list(pod, "/spec/initContainers").iter().any(|written| {
            live::text(written, "/name") == live::text(status, "/name")
                && live::text(written, "/restartPolicy") == "Always"
        });
        (status, if sidecar { Purpose::Serve } else { Purpose::Finish })
    })
}

/// What the containers of a pod are for, its init containers aside.
pub fn purpose(pod: &Value) -> Purpose {
    match live::text(pod, "/spec/restartPolicy") {
        "" | "Always" => Purpose::Serve,
        _ => Purpose::Finish,
    }
}

/// Pods that their controller replaces: their end does not indicate a fault of their containers.
pub fn is_thrown_out(pod: &Value) -> bool {
    matches!(
        live::text(pod, "/status/reason"),
        "Evicted"
            | "Preempting"
            | "NodeLost"
            | "NodeShutdown"
            | "Shutdown"
            | "Terminated"
            | "UnexpectedAdmissionError"
            | "NodeAffinity"
    ) || live::text(pod, "/status/reason").starts_with("OutOf")
}

fn evicted(pod: &Value) -> Option<Symptom> {
    let reason = live::text(pod, "/status/reason");
    let message = live::text(pod, "/status/message");
    if reason == "DeadlineExceeded" {
        return Some(Symptom::new(FailureKind::Deadline, reason, message));
    }
    is_thrown_out(pod).then(|| Symptom::new(FailureKind::Evicted, reason, message))
}

/// Whether its volumes are mounted. The kubelet does that before it fetches an image or starts anything (`kubernetes:
/// pkg/kubelet/kubelet.go`, `SyncPod`), so a container that has got further shows it.
pub fn is_mounted(pod: &Value) -> bool {
    containers(pod).any(|(status, _)| match live::text(status, "/state/waiting/reason") {
        "" => ["/state/running", "/state/terminated"].iter().any(|state| status.pointer(state).is_some()),
        reason => !matches!(reason, "ContainerCreating" | "PodInitializing"),
    })
}

/// Failures before any container exists: volumes and the sandbox. Only events report them.
fn before_containers(pod: &Value, events: &[&KubeEvent]) -> Option<Symptom> {
    let waiting = containers(pod).any(|(status, _)| {
        matches!(live::text(status, "/state/waiting/reason"), "ContainerCreating" | "PodInitializing")
    });
    let made = live::list(pod, "/status/initContainerStatuses").iter().any(|status| {
        status.pointer("/state/running").is_some() || status.pointer("/state/terminated").is_some()
    });
    if !waiting || made || live::text(pod, "/spec/nodeName").is_empty() {
        return None;
    }
    let last = events.iter().rev().find(|event| event.warning)?;
    let signal = match last.reason.as_str() {
        "FailedMount" | "FailedMapVolume" if config::missing(&last.message).is_some() => {
            FailureKind::VolumeMissing
        }
        "FailedMount" | "FailedMapVolume" if last.message.contains("failed to sync") => {
            FailureKind::ConfigPending
        }
        "FailedMount" | "FailedMapVolume" if is_slow(&last.message) => FailureKind::Attach,
        "FailedMount" | "FailedMapVolume" => FailureKind::Mount,
        "FailedAttachVolume" => FailureKind::Attach,
        "FailedCreatePodSandBox" | "FailedCreatePodContainer" => FailureKind::Sandbox,
        _ => return None,
    };
    Some(Symptom::new(signal, &last.reason, &last.message))
}

fn is_slow(message: &str) -> bool {
    message.contains("timed out waiting for the condition") || message.contains("deadline exceeded")
}

/// Running, but not ready: the last result of its readiness probe, or the startup probe of a sidecar, for which the
/// containers after it wait.
fn not_ready(pod: &Value, events: &[&KubeEvent]) -> Option<Symptom> {
    let is_sidecar = |purpose: Purpose| purpose == Purpose::Serve;
    let sidecars = init_containers(pod).filter(|(_, purpose)| is_sidecar(*purpose)).map(|(status, _)| status);
    let unready = sidecars
        .chain(live::list(pod, "/status/containerStatuses"))
        .filter(|status| status.pointer("/state/running").is_some() && !live::flag(status, "/ready"));
    unready.map(|status| live::text(status, "/name")).find_map(|name| {
        // A failing liveness probe ends the container; it does not keep it from being ready.
        let probe = events.iter().rev().find(|event| {
            event.reason == "Unhealthy"
                && event.is_of(name)
                && !event.message.starts_with("Liveness probe failed")
        })?;
        Some(Symptom::new(FailureKind::NotReady, &probe.reason, &probe.message).within(name))
    })
}

/// An init container that runs: the containers after it wait until it has ended.
fn initializing(pod: &Value) -> Option<Symptom> {
    let (status, _) = init_containers(pod).find(|(status, purpose)| {
        *purpose == Purpose::Finish && status.pointer("/state/running").is_some()
    })?;
    Some(Symptom::new(FailureKind::Initializing, "PodInitializing", "").within(live::text(status, "/name")))
}

/// A readiness gate whose condition nothing has set. One that is False was set by its controller.
fn gate(pod: &Value) -> Option<Symptom> {
    if !live::holds(pod, "ContainersReady") {
        return None;
    }
    let gate = status::unmet_gate(pod).filter(|gate| gate.condition.is_none())?;
    Some(Symptom::new(FailureKind::ReadinessGate, "ReadinessGatesNotReady", gate.name))
}
