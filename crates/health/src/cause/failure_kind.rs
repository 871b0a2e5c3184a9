//! What can be seen of a pod, a claim or a controller that does not get on.

use serde::Deserialize;
use serde::Serialize;

/// One kind of failure. Each has its own tolerance (`grace`) and its own message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The image reference cannot be parsed.
    ImageName,
    /// The node lacks the image and may not pull it.
    ImageNever,
    /// The node lacks an image that `todo` has built, which a run brings back before it looks at the pods.
    ImageGone,
    /// The registry has no such image.
    ImageNotFound,
    /// The registry wants a login, or refuses this one.
    ImageDenied,
    /// The image is not made for the node's CPU.
    ImagePlatform,
    /// The registry's host has no address: a wrong name, or a node that is offline.
    ImageNoHost,
    /// The registry could not be reached.
    ImageUnreachable,
    /// The registry gives no more pulls for now.
    ImageLimited,
    /// The node does not trust the registry's certificate, or it speaks plain HTTP.
    ImageUntrusted,
    /// The runtime cannot look into the image.
    ImageInspect,
    /// A policy refuses the image's signature.
    ImageSignature,
    /// The image cannot be pulled, for a reason that we do not know.
    ImagePull,
    /// A Secret, a ConfigMap or a key of one is missing.
    ConfigMissing,
    /// The kubelet has not got the configuration yet.
    ConfigPending,
    /// `runAsNonRoot` and an image that runs as root.
    RunsAsRoot,
    /// The container cannot be configured, for another reason.
    Config,
    /// The runtime is busy with the container.
    CreatePending,
    /// The runtime cannot make the container.
    Create,
    /// The command is not there, or is not a program.
    Command,
    /// The runtime cannot start the container, for another reason.
    Start,
    /// It ended with an error.
    Crash,
    /// It ended with 126 or 127: a shell did not find or could not run its command.
    CrashCommand,
    /// The kernel ended it: its memory limit.
    OutOfMemory,
    /// It ended well, but is meant to run for ever.
    Completed,
    /// The kubelet ended it: its liveness or startup probe failed.
    Killed,
    /// It runs, and its readiness probe fails.
    NotReady,
    /// An init container runs and has not ended.
    Initializing,
    /// Its containers are ready, and nothing has set the condition of a readiness gate.
    ReadinessGate,
    /// It has scheduling gates.
    SchedulingGate,
    /// No node can ever take the pod: it requests more than the only node has.
    NeverFits,
    /// No node takes the pod.
    Unschedulable,
    /// No node takes the pod yet: nodes are starting, or something frees capacity.
    SchedulingPending,
    /// A volume's Secret, ConfigMap, claim or key is missing.
    VolumeMissing,
    /// A volume cannot be mounted.
    Mount,
    /// A volume cannot be attached yet.
    Attach,
    /// The runtime cannot make the pod's sandbox.
    Sandbox,
    /// The node threw the pod out; its controller makes another.
    Evicted,
    /// It ran longer than `activeDeadlineSeconds` allows.
    Deadline,
    /// A claim for which no volume will come.
    NoClass,
    /// A claim whose volume cannot be made.
    Provisioning,
    /// A claim whose provisioner, which is not a part of Kubernetes, does not make its volume.
    NoProvisioner,
    /// A quota forbids the pod.
    Quota,
    /// A policy or validation forbids the pod.
    Refused,
    /// The pod's ServiceAccount is missing.
    NoServiceAccount,
}

impl FailureKind {
    /// Whether it is what every start looks like for a while, so that time alone proves nothing.
    pub const fn is_a_start(self) -> bool {
        matches!(self, FailureKind::NotReady | FailureKind::Initializing)
    }
}
