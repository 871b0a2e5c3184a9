//! The data of a finding for programs: the numbers and names of its cause, by the keys that docs/findings.md lists.

use crate::cluster::blame::tell::CauseContext;
use crate::cluster::blame::tell::refused;
use crate::cluster::blame::tell::running::is_startup;
use crate::cluster::blame::tell::running::memory_limit;
use crate::event::Data;
use health::cause::Symptom;
use health::cause::claim;
use health::cause::config;
use health::cause::failure_kind::FailureKind;
use health::cause::scheduling;
use health::cause::template;
use health::live;
use serde_json::Value;
use serde_json::json;

/// The data of a symptom. `container` and `reason`, the cluster's own word, are included wherever they are known.
pub(super) fn data(symptom: &Symptom, inputs: &CauseContext<'_>) -> Data {
    let data =
        Data::default().some("container", symptom.container.as_deref()).text("reason", &symptom.reason);
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
        | FailureKind::ImagePull => {
            let image = inputs.field(symptom, &["image"]);
            data.text("image", inputs.text(image.as_ref())).text("answer", &symptom.message)
        }
        FailureKind::ConfigMissing | FailureKind::VolumeMissing => missing(data, symptom, inputs),
        FailureKind::ConfigPending
        | FailureKind::RunsAsRoot
        | FailureKind::Config
        | FailureKind::CreatePending
        | FailureKind::Create
        | FailureKind::Command
        | FailureKind::Start
        | FailureKind::Sandbox
        | FailureKind::Evicted
        | FailureKind::Refused => data.text("answer", &symptom.message),
        FailureKind::Crash
        | FailureKind::CrashCommand
        | FailureKind::OutOfMemory
        | FailureKind::Completed => ended(data, symptom, inputs),
        FailureKind::Killed => probe(ended(data, symptom, inputs), symptom, inputs),
        FailureKind::NotReady => probe(data, symptom, inputs).text("answer", &symptom.message),
        FailureKind::Initializing => data,
        FailureKind::ReadinessGate => data.with("gates", vec![symptom.message.clone()]),
        FailureKind::SchedulingGate => {
            data.with("gates", symptom.message.split(", ").map(str::to_owned).collect::<Vec<_>>())
        }
        FailureKind::NeverFits | FailureKind::Unschedulable | FailureKind::SchedulingPending => {
            unplaced(data, symptom, inputs)
        }
        FailureKind::Mount | FailureKind::Attach => {
            let volume =
                symptom.message.split_once("for volume \"").and_then(|(_, rest)| rest.split('"').next());
            data.some("volume", volume).text("answer", &symptom.message)
        }
        FailureKind::Deadline => {
            let spec = template::pod_spec(live::kind(inputs.written()));
            data.some("seconds", live::number(inputs.written(), &format!("{spec}/activeDeadlineSeconds")))
        }
        FailureKind::NoClass | FailureKind::Provisioning | FailureKind::NoProvisioner => data
            .text("storage-class", live::text(inputs.written(), "/spec/storageClassName"))
            .some("provisioner", claim::provisioner(&symptom.message))
            .text("answer", &symptom.message),
        FailureKind::Quota => match refused::Exceeded::parse(&symptom.message) {
            Some(exceeded) => data
                .text("quota", exceeded.name)
                .text("resource", exceeded.resource)
                .text("requested", exceeded.requested)
                .text("used", exceeded.used)
                .text("limit", exceeded.limited),
            None => data.text("answer", &symptom.message),
        },
        FailureKind::NoServiceAccount => {
            let spec = template::pod_spec(live::kind(inputs.written()));
            data.text("name", live::text(inputs.written(), &format!("{spec}/serviceAccountName")))
        }
    }
}

/// The missing object, or its missing key, and the variable that references it.
fn missing(data: Data, symptom: &Symptom, inputs: &CauseContext<'_>) -> Data {
    let Some(missing) = config::missing(&symptom.message) else {
        return data.text("answer", &symptom.message);
    };
    let reference = template::reference(inputs.written(), symptom.container.as_deref(), &missing);
    let name = reference.as_ref().map(|reference| reference.name.clone()).or(missing.name);
    data.some("name", name)
        .some("key", missing.key)
        .some("variable", reference.and_then(|reference| reference.variable))
}

/// How the last run ended, and the memory that it was allowed.
fn ended(data: Data, symptom: &Symptom, inputs: &CauseContext<'_>) -> Data {
    let limit = memory_limit(symptom, inputs);
    let is_memory = symptom.signal == FailureKind::OutOfMemory
        || symptom.signal == FailureKind::Crash && symptom.exit.as_ref().is_some_and(|exit| exit.code == 137);
    let data = match limit.filter(|_| is_memory) {
        Some(at) => data.text("limit", inputs.text(Some(&at))),
        None => data,
    };
    let Some(exit) = &symptom.exit else { return data };
    data.with("exit-code", exit.code).some("signal", exit.signal).with("restarts", exit.restarts)
}

/// The failing probe and its handler, as written in the manifest.
fn probe(data: Data, symptom: &Symptom, inputs: &CauseContext<'_>) -> Data {
    let name = match symptom.signal {
        _ if is_startup(symptom, inputs) => "startupProbe",
        FailureKind::Killed => "livenessProbe",
        _ => "readinessProbe",
    };
    let at = symptom.container.as_deref().and_then(|name| template::container(inputs.written(), name));
    let field = |field: &str| {
        let ways = ["httpGet", "tcpSocket", "grpc"];
        let at = at.as_ref()?;
        ways.iter().find_map(|way| inputs.written().pointer(&format!("{at}/{name}/{way}/{field}"))).cloned()
    };
    data.text("probe", name).some("port", field("port")).some("path", field("path"))
}

/// The requests of the pod, in Kubernetes' quantities without a unit, and what the best node lacks, or the claim that
/// is missing or waits for its volume.
fn unplaced(data: Data, symptom: &Symptom, inputs: &CauseContext<'_>) -> Data {
    let data = data.text("answer", &symptom.message);
    if let Some(missing) = config::missing(&symptom.message) {
        return data.some("name", missing.name);
    }
    let pod = inputs.pod.unwrap_or(inputs.subject);
    let shortages = scheduling::shortages(pod, &symptom.message, inputs.snapshot);
    if shortages.is_empty() {
        return data.some("claim", scheduling::unbound(pod, inputs.snapshot));
    }
    let one = |shortage: &scheduling::Shortage| -> Value {
        let show = |thousandths: i128| match thousandths % 1_000 {
            0 => (thousandths / 1_000).to_string(),
            _ => format!("{thousandths}m"),
        };
        json!({
            "resource": shortage.resource,
            "requested": show(shortage.asked),
            "allocatable": show(shortage.allocatable),
            "used": show(shortage.taken),
        })
    };
    data.with("shortages", shortages.iter().map(one).collect::<Vec<_>>())
}
