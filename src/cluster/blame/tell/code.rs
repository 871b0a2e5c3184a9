//! What the finding of a symptom is called.

use crate::cluster::blame::tell::Inputs;
use crate::cluster::blame::tell::running::is_startup;
use crate::cluster::blame::tell::running::memory_limit;
use crate::event::Code;
use health::cause::Symptom;
use health::cause::config;
use health::cause::scheduling;
use health::cause::signal::Signal;

pub(super) fn code(symptom: &Symptom, inputs: &Inputs<'_>) -> Code {
    match symptom.signal {
        Signal::ImageName => Code::ImageNameInvalid,
        Signal::ImageNever | Signal::ImageGone => Code::ImageNotOnNode,
        Signal::ImageNotFound => Code::ImageNotFound,
        Signal::ImageDenied => Code::ImageAccessDenied,
        Signal::ImagePlatform => Code::ImagePlatformMismatch,
        Signal::ImageNoHost | Signal::ImageUnreachable => Code::RegistryUnreachable,
        Signal::ImageLimited => Code::RegistryRateLimited,
        Signal::ImageUntrusted => Code::RegistryUntrusted,
        Signal::ImageSignature => Code::ImageSignatureRejected,
        Signal::ImageInspect | Signal::ImagePull => Code::ImagePullFailed,
        Signal::ConfigMissing => missing(&symptom.message).unwrap_or(Code::ContainerStartFailed),
        Signal::VolumeMissing => missing(&symptom.message).unwrap_or(Code::VolumeMountFailed),
        Signal::ConfigPending | Signal::CreatePending => Code::ContainerNotCreated,
        Signal::RunsAsRoot => Code::RunsAsRoot,
        Signal::Config | Signal::Create | Signal::Start => Code::ContainerStartFailed,
        Signal::Command | Signal::CrashCommand => Code::CommandNotRunnable,
        Signal::OutOfMemory => Code::OutOfMemory,
        Signal::Crash if is_killed(symptom) && memory_limit(symptom, inputs).is_some() => Code::OutOfMemory,
        Signal::Crash => Code::CrashLoop,
        Signal::Completed => Code::ContainerCompleted,
        Signal::NotReady | Signal::Killed if is_startup(symptom, inputs) => Code::StartupProbeFailed,
        Signal::Killed => Code::LivenessProbeFailed,
        Signal::NotReady => Code::ReadinessProbeFailed,
        Signal::Initializing => Code::InitContainerRunning,
        Signal::ReadinessGate => Code::ReadinessGateUnmet,
        Signal::SchedulingGate => Code::SchedulingGated,
        Signal::NeverFits | Signal::Unschedulable | Signal::SchedulingPending => unplaced(symptom, inputs),
        Signal::Mount | Signal::Attach => Code::VolumeMountFailed,
        Signal::Sandbox => Code::PodSandboxFailed,
        Signal::Evicted => Code::PodEvicted,
        Signal::Deadline => Code::DeadlineExceeded,
        Signal::NoClass => Code::StorageClassMissing,
        Signal::Provisioning | Signal::NoProvisioner => Code::VolumeProvisioningFailed,
        Signal::Quota => Code::QuotaExceeded,
        Signal::Refused => Code::PodRefused,
        Signal::NoServiceAccount => Code::ServiceAccountMissing,
    }
}

fn is_killed(symptom: &Symptom) -> bool {
    symptom.exit.as_ref().is_some_and(|exit| exit.code == 137)
}

/// What a container or a volume needs and the cluster has not.
fn missing(message: &str) -> Option<Code> {
    let missing = config::missing(message)?;
    Some(match (missing.kind, missing.key) {
        ("Secret", Some(_)) => Code::SecretKeyMissing,
        ("Secret", None) => Code::SecretMissing,
        ("ConfigMap", Some(_)) => Code::ConfigMapKeyMissing,
        ("ConfigMap", None) => Code::ConfigMapMissing,
        _ => Code::ClaimMissing,
    })
}

fn unplaced(symptom: &Symptom, inputs: &Inputs<'_>) -> Code {
    let pod = inputs.pod.unwrap_or(inputs.subject);
    match missing(&symptom.message) {
        Some(code) => code,
        None if scheduling::shortages(pod, &symptom.message, inputs.snapshot).is_empty() => {
            Code::Unschedulable
        }
        None => Code::InsufficientResources,
    }
}
