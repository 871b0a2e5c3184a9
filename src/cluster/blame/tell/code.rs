//! The finding code of a symptom.

use crate::cluster::blame::tell::CauseContext;
use crate::cluster::blame::tell::running::is_startup;
use crate::cluster::blame::tell::running::memory_limit;
use crate::event::Code;
use health::cause::Symptom;
use health::cause::config;
use health::cause::failure_kind::FailureKind;
use health::cause::scheduling;

pub(super) fn code(symptom: &Symptom, inputs: &CauseContext<'_>) -> Code {
    match symptom.signal {
        FailureKind::ImageName => Code::ImageNameInvalid,
        FailureKind::ImageNever | FailureKind::ImageGone => Code::ImageNotOnNode,
        FailureKind::ImageNotFound => Code::ImageNotFound,
        FailureKind::ImageDenied => Code::ImageAccessDenied,
        FailureKind::ImagePlatform => Code::ImagePlatformMismatch,
        FailureKind::ImageNoHost | FailureKind::ImageUnreachable => Code::RegistryUnreachable,
        FailureKind::ImageLimited => Code::RegistryRateLimited,
        FailureKind::ImageUntrusted => Code::RegistryUntrusted,
        FailureKind::ImageSignature => Code::ImageSignatureRejected,
        FailureKind::ImageInspect | FailureKind::ImagePull => Code::ImagePullFailed,
        FailureKind::ConfigMissing => missing(&symptom.message).unwrap_or(Code::ContainerStartFailed),
        FailureKind::VolumeMissing => missing(&symptom.message).unwrap_or(Code::VolumeMountFailed),
        FailureKind::ConfigPending | FailureKind::CreatePending => Code::ContainerNotCreated,
        FailureKind::RunsAsRoot => Code::RunsAsRoot,
        FailureKind::Config | FailureKind::Create | FailureKind::Start => Code::ContainerStartFailed,
        FailureKind::Command | FailureKind::CrashCommand => Code::CommandNotRunnable,
        FailureKind::OutOfMemory => Code::OutOfMemory,
        FailureKind::Crash if is_killed(symptom) && memory_limit(symptom, inputs).is_some() => {
            Code::OutOfMemory
        }
        FailureKind::Crash => Code::CrashLoop,
        FailureKind::Completed => Code::ContainerCompleted,
        FailureKind::NotReady | FailureKind::Killed if is_startup(symptom, inputs) => {
            Code::StartupProbeFailed
        }
        FailureKind::Killed => Code::LivenessProbeFailed,
        FailureKind::NotReady => Code::ReadinessProbeFailed,
        FailureKind::Initializing => Code::InitContainerRunning,
        FailureKind::ReadinessGate => Code::ReadinessGateUnmet,
        FailureKind::SchedulingGate => Code::SchedulingGated,
        FailureKind::NeverFits | FailureKind::Unschedulable | FailureKind::SchedulingPending => {
            unplaced(symptom, inputs)
        }
        FailureKind::Mount | FailureKind::Attach => Code::VolumeMountFailed,
        FailureKind::Sandbox => Code::PodSandboxFailed,
        FailureKind::Evicted => Code::PodEvicted,
        FailureKind::Deadline => Code::DeadlineExceeded,
        FailureKind::NoClass => Code::StorageClassMissing,
        FailureKind::Provisioning | FailureKind::NoProvisioner => Code::VolumeProvisioningFailed,
        FailureKind::Quota => Code::QuotaExceeded,
        FailureKind::Refused => Code::PodRefused,
        FailureKind::NoServiceAccount => Code::ServiceAccountMissing,
    }
}

fn is_killed(symptom: &Symptom) -> bool {
    symptom.exit.as_ref().is_some_and(|exit| exit.code == 137)
}

/// The object that a container or a volume needs and the cluster does not have.
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

fn unplaced(symptom: &Symptom, inputs: &CauseContext<'_>) -> Code {
    let pod = inputs.pod.unwrap_or(inputs.subject);
    match missing(&symptom.message) {
        Some(code) => code,
        None if scheduling::shortages(pod, &symptom.message, inputs.snapshot).is_empty() => {
            Code::Unschedulable
        }
        None => Code::InsufficientResources,
    }
}
