//! A symptom → a finding: the cause in terms of the manifest, where it is written, the evidence, what to do.

mod code;
mod data;
mod placing;
mod refused;
mod running;
mod starting;

use crate::event::Finding;
use crate::manifest::Object;
use health::cause::Symptom;
use health::cause::failure_kind::FailureKind;
use health::cause::newest;
use health::cause::pod::is_mounted;
use health::cause::template;
use health::live;
use health::snapshot::Snapshot;
use serde_json::Value;

/// Everything besides the symptom that a finding is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CauseContext<'a> {
    /// The live object that has the problem.
    pub subject: &'a Value,
    /// The object as it was applied, if it was.
    pub applied: Option<&'a Object>,
    /// The pod that has the symptom, if one has.
    pub pod: Option<&'a Value>,
    /// The cluster around it.
    pub snapshot: &'a Snapshot,
    /// The last lines of the container that failed; `None` if its log is not known.
    pub tail: Option<&'a [String]>,
    /// The minikube profile that the cluster is of; `None` if it is none, or not known.
    pub profile: Option<&'a str>,
}

impl CauseContext<'_> {
    /// The advice by a command of minikube, where the cluster is known to be a minikube; else `otherwise`.
    fn by_minikube(&self, advice: impl FnOnce(&str) -> String, otherwise: &str) -> String {
        self.profile.map_or_else(|| otherwise.to_owned(), advice)
    }
}

/// The diagnosis of a symptom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Diagnosis {
    /// The cause, in the manifest's words.
    pub message: String,
    /// The field that is to blame.
    pub pointer: Option<String>,
    /// The evidence in addition to the log and the cluster's message.
    pub evidence: Vec<String>,
    /// What to do.
    pub help: String,
}

/// Lines of a log that a finding shows at most.
pub(crate) const TAIL: usize = 20;

/// The whole finding.
pub(crate) fn finding(symptom: &Symptom, inputs: &CauseContext<'_>) -> Finding {
    let diagnosis = diagnose(symptom, inputs);
    let mut finding = code::code(symptom, inputs)
        .error(diagnosis.message)
        .about(live::id(inputs.subject).to_string())
        .help(diagnosis.help)
        .data(data::data(symptom, inputs));
    if let Some(applied) = inputs.applied {
        finding = finding.at(applied.place_of(diagnosis.pointer.as_deref().unwrap_or_default()).clone());
    }
    let mut evidence: Vec<String> = Vec::new();
    if !symptom.message.is_empty() && !finding.message.contains(core(&symptom.message)) {
        evidence.push(format!("{}: {}", symptom.reason, symptom.message));
    }
    evidence.extend(diagnosis.evidence);
    if let Some(pod) = inputs.pod.filter(|pod| newest::is_old(inputs.subject, pod)) {
        let (name, namespace) = (live::name(pod), live::namespace(pod));
        evidence.push(format!(
            "pod {name} is of an older revision, and the set waits for it before it replaces it"
        ));
        finding = finding.help(format!(
            "delete the pod, so that the StatefulSet creates it again: `kubectl delete pod {name} -n {namespace}`"
        ));
    }
    let tail = inputs.tail.unwrap_or_default();
    evidence.extend(tail[tail.len().saturating_sub(TAIL)..].iter().cloned());
    for (reason, message) in quoted(inputs) {
        // `Error: ErrImagePull`, which repeats what the container's status already contains.
        let cause = message.split_once("\": ").map_or(message, |(_, cause)| cause);
        let repeats =
            evidence.iter().any(|shown| shown.contains(cause)) || finding.message.contains(core(message));
        if !message.starts_with("Error: ") && !repeats {
            evidence.push(format!("{reason}: {message}"));
        }
    }
    finding.evidence(evidence)
}

/// A refusal without the name of the pod that was refused: that differs from attempt to attempt.
fn core(message: &str) -> &str {
    message.split_once("is forbidden: ").map_or(message, |(_, core)| core)
}

/// The last warnings about the pod, without those that only repeat that it is restarted.
fn quoted<'a>(inputs: &CauseContext<'a>) -> Vec<(&'a str, &'a str)> {
    let of = inputs.pod.unwrap_or(inputs.subject);
    let all = inputs.snapshot.events(live::uid(of));
    let mounted = is_mounted(of);
    let mut warnings: Vec<(&str, &str)> = all
        .into_iter()
        .filter(|event| match event.reason.as_str() {
            "BackOff" | "FailedScheduling" => false,
            // Transient events: soon after a node's start its kubelet does not know ConfigMaps and Secrets yet.
            "FailedMount" | "FailedMapVolume" | "FailedAttachVolume" if mounted => false,
            // Normal events in which a node autoscaler reports what it does about the pod.
            "NotTriggerScaleUp" | "TriggeredScaleUp" => true,
            _ => event.warning,
        })
        .map(|event| (event.reason.as_str(), event.message.as_str()))
        .collect();
    warnings.dedup();
    warnings.split_off(warnings.len().saturating_sub(3))
}

/// The cause, the field and the next step.
pub(crate) fn diagnose(symptom: &Symptom, inputs: &CauseContext<'_>) -> Diagnosis {
    match symptom.signal {
        FailureKind::ImageName
        | FailureKind::ImageNever
        | FailureKind::ImageGone
        | FailureKind::ImageNotFound
        | FailureKind::ImageDenied
        | FailureKind::ImagePlatform
        | FailureKind::ImageNoHost
        | FailureKind::ImageUnreachable
        | FailureKind::ImageLimited
        | FailureKind::ImageUntrusted
        | FailureKind::ImageInspect
        | FailureKind::ImageSignature
        | FailureKind::ImagePull => starting::image(symptom, inputs),
        FailureKind::ConfigMissing | FailureKind::VolumeMissing => starting::missing(symptom, inputs),
        FailureKind::ConfigPending
        | FailureKind::RunsAsRoot
        | FailureKind::Config
        | FailureKind::CreatePending
        | FailureKind::Create
        | FailureKind::Command
        | FailureKind::Start => starting::starting(symptom, inputs),
        FailureKind::Crash
        | FailureKind::CrashCommand
        | FailureKind::OutOfMemory
        | FailureKind::Completed
        | FailureKind::Killed
        | FailureKind::NotReady
        | FailureKind::Initializing => running::running(symptom, inputs),
        FailureKind::ReadinessGate | FailureKind::SchedulingGate => placing::gated(symptom, inputs),
        FailureKind::NeverFits | FailureKind::Unschedulable | FailureKind::SchedulingPending => {
            placing::unplaced(symptom, inputs)
        }
        FailureKind::Mount
        | FailureKind::Attach
        | FailureKind::Sandbox
        | FailureKind::Evicted
        | FailureKind::Deadline => placing::node(symptom, inputs),
        FailureKind::NoClass | FailureKind::Provisioning | FailureKind::NoProvisioner => {
            placing::claim(symptom, inputs)
        }
        FailureKind::Quota | FailureKind::Refused | FailureKind::NoServiceAccount => {
            refused::creation(symptom, inputs)
        }
    }
}

impl CauseContext<'_> {
    /// The manifest: the applied object, else the live one.
    fn written(&self) -> &Value {
        self.applied.map_or(self.subject, |applied| &applied.value)
    }

    fn field(&self, symptom: &Symptom, fields: &[&str]) -> Option<String> {
        template::field(self.written(), symptom.container.as_deref()?, fields)
    }

    /// The container as its pod calls it.
    fn who(&self, symptom: &Symptom) -> String {
        let Some(name) = &symptom.container else { return "its pod".to_owned() };
        let init = format!("{}/initContainers", template::pod_spec(live::kind(self.written())));
        let init = live::list(self.written(), &init).iter().find(|init| live::text(init, "/name") == name);
        match init {
            Some(init) if live::text(init, "/restartPolicy") == "Always" => format!("sidecar `{name}`"),
            Some(_) => format!("init container `{name}`"),
            None => format!("container `{name}`"),
        }
    }

    fn text(&self, pointer: Option<&String>) -> &str {
        pointer.map_or("", |pointer| live::text(self.written(), pointer))
    }
}

fn diagnosis(message: impl Into<String>, pointer: Option<String>, help: impl Into<String>) -> Diagnosis {
    Diagnosis { message: message.into(), pointer, evidence: Vec::new(), help: help.into() }
}

#[cfg(test)]
mod tests;
