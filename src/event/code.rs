//! What a finding or a failure is called: a stable word that people search for and scripts compare.
//!
//! One code stands for one thing that people do differently, not for one sentence. `docs/findings.md` has a section for
//! each, which `todo help CODE` prints. A code is a public interface: it is never reused for something else.

use serde::Deserialize;
use serde::Serialize;
use std::fmt;

macro_rules! codes {
    ($($name:ident = $text:literal,)*) => {
        /// What a finding or a failure is called.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $(
                #[doc = concat!("`", $text, "`, see docs/findings.md.")]
                #[serde(rename = $text)]
                $name,
            )*
        }

        impl Code {
            /// Every code, in alphabetical order.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The word itself: `crash-loop`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Code::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    AdmissionDenied = "admission-denied",
    AllowedOriginMissing = "allowed-origin-missing",
    AnnotationInvalid = "annotation-invalid",
    ArgumentInvalid = "argument-invalid",
    AutoscalerTargetMissing = "autoscaler-target-missing",
    BaseImageFailed = "base-image-failed",
    BindingUnused = "binding-unused",
    BrowserNotOpened = "browser-not-opened",
    BuildArgUndeclared = "build-arg-undeclared",
    BuildContextLarge = "build-context-large",
    BuildContextMissing = "build-context-missing",
    BuildNeedsGit = "build-needs-git",
    BuildSecretMissing = "build-secret-missing",
    BuildSecretUnused = "build-secret-unused",
    BuildTimeVariable = "build-time-variable",
    BuildkitMissing = "buildkit-missing",
    CertificateNotChecked = "certificate-not-checked",
    ChartDependencyMissing = "chart-dependency-missing",
    ChartLooksUpCluster = "chart-looks-up-cluster",
    ChartRandomValue = "chart-random-value",
    ChartValuesInvalid = "chart-values-invalid",
    CheckFailed = "check-failed",
    CheckInvalid = "check-invalid",
    CheckUnreachable = "check-unreachable",
    ClaimMissing = "claim-missing",
    ClusterCapacityLow = "cluster-capacity-low",
    ClusterDnsNotReady = "cluster-dns-not-ready",
    ClusterRequestFailed = "cluster-request-failed",
    ClusterUnreachable = "cluster-unreachable",
    CommandNotRunnable = "command-not-runnable",
    ConfigMapKeyMissing = "config-map-key-missing",
    ConfigMapMissing = "config-map-missing",
    ConnectionClosed = "connection-closed",
    ContainerCompleted = "container-completed",
    ContainerNameTaken = "container-name-taken",
    ContainerNotCreated = "container-not-created",
    ContainerPortUndeclared = "container-port-undeclared",
    ContainerRuntimeUnsupported = "container-runtime-unsupported",
    ContainerStartFailed = "container-start-failed",
    ContextNotFound = "context-not-found",
    ContextNotLocal = "context-not-local",
    CopySourceMissing = "copy-source-missing",
    CrashLoop = "crash-loop",
    CrdNotEstablished = "crd-not-established",
    DataTooLarge = "data-too-large",
    DeadlineExceeded = "deadline-exceeded",
    DeletionFailed = "deletion-failed",
    DeletionStuck = "deletion-stuck",
    DependsOnCycle = "depends-on-cycle",
    DependsOnInvalid = "depends-on-invalid",
    DeployTomlIncomplete = "deploy-toml-incomplete",
    DeployTomlInvalidValue = "deploy-toml-invalid-value",
    DeployTomlNotFound = "deploy-toml-not-found",
    DeployTomlSyntax = "deploy-toml-syntax",
    DeployTomlUnknownKey = "deploy-toml-unknown-key",
    DiskSpaceLow = "disk-space-low",
    DnsLookupFailed = "dns-lookup-failed",
    DockerHostInvalid = "docker-host-invalid",
    DockerRequestFailed = "docker-request-failed",
    DockerTooSmall = "docker-too-small",
    DockerUnencrypted = "docker-unencrypted",
    DockerUnreachable = "docker-unreachable",
    DockerfileInvalid = "dockerfile-invalid",
    DockerfileMissing = "dockerfile-missing",
    DockerfileSyntaxDirective = "dockerfile-syntax-directive",
    DockerignoreInvalid = "dockerignore-invalid",
    DumpCutOff = "dump-cut-off",
    EndpointsNotReady = "endpoints-not-ready",
    EnvFileMissing = "env-file-missing",
    EnvKeyMissing = "env-key-missing",
    EnvNotExpanded = "env-not-expanded",
    EnvSyntax = "env-syntax",
    FieldConflict = "field-conflict",
    FieldInvalid = "field-invalid",
    FieldLeftover = "field-leftover",
    FieldUnknown = "field-unknown",
    FileChanging = "file-changing",
    FileDockerignored = "file-dockerignored",
    FileExists = "file-exists",
    FileNotWritable = "file-not-writable",
    FileOutsideContext = "file-outside-context",
    FileUnreadable = "file-unreadable",
    FsGroupMissing = "fs-group-missing",
    HelmFailed = "helm-failed",
    HelmHookInvalid = "helm-hook-invalid",
    HelmHookUnsupported = "helm-hook-unsupported",
    HelmReleaseDuplicate = "helm-release-duplicate",
    HelmReleaseLeftover = "helm-release-leftover",
    HelmReleaseOwned = "helm-release-owned",
    HomeNotFound = "home-not-found",
    HostPathDangerous = "host-path-dangerous",
    HostPathNotKept = "host-path-not-kept",
    HostsFileLeftover = "hosts-file-leftover",
    HostsFileMissingEntry = "hosts-file-missing-entry",
    HostsFileNotWritable = "hosts-file-not-writable",
    ImageAccessDenied = "image-access-denied",
    ImageBuildFailed = "image-build-failed",
    ImageCleanupFailed = "image-cleanup-failed",
    ImageCycle = "image-cycle",
    ImageNameInvalid = "image-name-invalid",
    ImageNameMismatch = "image-name-mismatch",
    ImageNameTaken = "image-name-taken",
    ImageNotFound = "image-not-found",
    ImageNotOnNode = "image-not-on-node",
    ImagePlatformMismatch = "image-platform-mismatch",
    ImagePullFailed = "image-pull-failed",
    ImagePushFailed = "image-push-failed",
    ImageRunsAsRoot = "image-runs-as-root",
    ImageSignatureRejected = "image-signature-rejected",
    ImageTagMutable = "image-tag-mutable",
    ImageTooLarge = "image-too-large",
    ImageTransferFailed = "image-transfer-failed",
    ImageUnused = "image-unused",
    IngressBypassed = "ingress-bypassed",
    IngressClassMissing = "ingress-class-missing",
    IngressControllerMissing = "ingress-controller-missing",
    IngressControllerNotReady = "ingress-controller-not-ready",
    InotifyLimitLow = "inotify-limit-low",
    InsufficientResources = "insufficient-resources",
    InternalError = "internal-error",
    Interrupted = "interrupted",
    InventoryDamaged = "inventory-damaged",
    KindUnknown = "kind-unknown",
    KubeconfigInvalid = "kubeconfig-invalid",
    KubectlContextNotSet = "kubectl-context-not-set",
    KubeletNotReporting = "kubelet-not-reporting",
    LivenessProbeFailed = "liveness-probe-failed",
    LocalPortTaken = "local-port-taken",
    LockHeld = "lock-held",
    LockLost = "lock-lost",
    LogUnavailable = "log-unavailable",
    ManifestInvalid = "manifest-invalid",
    ManifestsMissing = "manifests-missing",
    ManifestsUnrenderable = "manifests-unrenderable",
    MetricsServerMissing = "metrics-server-missing",
    MinikubeAsRoot = "minikube-as-root",
    MinikubeClusterReset = "minikube-cluster-reset",
    MinikubeDeleteIncomplete = "minikube-delete-incomplete",
    MinikubeEnvironment = "minikube-environment",
    MinikubeFailed = "minikube-failed",
    MinikubeProfileBroken = "minikube-profile-broken",
    MinikubeResetPrevented = "minikube-reset-prevented",
    MinikubeVolumeReused = "minikube-volume-reused",
    MinikubeWarning = "minikube-warning",
    NameDuplicate = "name-duplicate",
    NamespaceInvalid = "namespace-invalid",
    NamespaceTerminating = "namespace-terminating",
    NoProxyIncomplete = "no-proxy-incomplete",
    NodeCommandFailed = "node-command-failed",
    NodeDnsBroken = "node-dns-broken",
    NodePortTaken = "node-port-taken",
    NodeStopped = "node-stopped",
    NodeUnreachable = "node-unreachable",
    NotHealthy = "not-healthy",
    NotUtf8 = "not-utf8",
    NothingDeployed = "nothing-deployed",
    NothingToDeploy = "nothing-to-deploy",
    ObjectDeleted = "object-deleted",
    ObjectDuplicate = "object-duplicate",
    ObjectNameInvalid = "object-name-invalid",
    ObjectNote = "object-note",
    ObjectOfAnotherOwner = "object-of-another-owner",
    ObjectsRefused = "objects-refused",
    OtherSourcesFound = "other-sources-found",
    OutOfMemory = "out-of-memory",
    OutputNotWritable = "output-not-writable",
    PermissionDenied = "permission-denied",
    PodEvicted = "pod-evicted",
    PodRefused = "pod-refused",
    PodSandboxFailed = "pod-sandbox-failed",
    PodSecurityViolation = "pod-security-violation",
    PortForwardEnded = "port-forward-ended",
    PortForwardFailed = "port-forward-failed",
    PortForwardNotEnded = "port-forward-not-ended",
    PortForwardNotFound = "port-forward-not-found",
    PortForwardUsed = "port-forward-used",
    PortNotListening = "port-not-listening",
    PortNotPublished = "port-not-published",
    PrerequisiteMissing = "prerequisite-missing",
    ProfileNotRunning = "profile-not-running",
    ProfileSettingsDiffer = "profile-settings-differ",
    ProgramFound = "program-found",
    ProgramNotFound = "program-not-found",
    ProgramNotRunnable = "program-not-runnable",
    ProgramTooOld = "program-too-old",
    ProgramVersionUnknown = "program-version-unknown",
    ProjectInvalid = "project-invalid",
    ProjectOfAnotherOwner = "project-of-another-owner",
    ProtocolMismatch = "protocol-mismatch",
    ProxyUnreachable = "proxy-unreachable",
    PruneMost = "prune-most",
    PullPolicyReplaced = "pull-policy-replaced",
    QuantityInvalid = "quantity-invalid",
    QuotaExceeded = "quota-exceeded",
    ReadinessProbeFailed = "readiness-probe-failed",
    RegistryUnreachable = "registry-unreachable",
    RehearsalFailed = "rehearsal-failed",
    RehearsalNote = "rehearsal-note",
    ReplaceFailed = "replace-failed",
    RequestExceedsLimit = "request-exceeds-limit",
    RequestTimeout = "request-timeout",
    RevisionDamaged = "revision-damaged",
    RevisionNotFound = "revision-not-found",
    RevisionNotRecorded = "revision-not-recorded",
    RollbackFailed = "rollback-failed",
    RollingBack = "rolling-back",
    RolloutTimeout = "rollout-timeout",
    RunsAsRoot = "runs-as-root",
    ScenarioInvalid = "scenario-invalid",
    SecretFileUnreadable = "secret-file-unreadable",
    SecretInGit = "secret-in-git",
    SecretInHelmArgument = "secret-in-helm-argument",
    SecretInImage = "secret-in-image",
    SecretInManifest = "secret-in-manifest",
    SecretKeyMissing = "secret-key-missing",
    SecretMissing = "secret-missing",
    SecretNotBase64 = "secret-not-base64",
    SecretPlaceholder = "secret-placeholder",
    SecretValueMissing = "secret-value-missing",
    SecretsUnreadable = "secrets-unreadable",
    SelectorMismatch = "selector-mismatch",
    ServiceAccountMissing = "service-account-missing",
    ServiceNotDeclared = "service-not-declared",
    ServiceNotFound = "service-not-found",
    ServicePortNotFound = "service-port-not-found",
    ServiceUnreachable = "service-unreachable",
    SpecialFileIgnored = "special-file-ignored",
    SqliteShared = "sqlite-shared",
    SshAgentNotForwarded = "ssh-agent-not-forwarded",
    StorageClassMissing = "storage-class-missing",
    TargetUnknown = "target-unknown",
    TargetWithoutRegistry = "target-without-registry",
    TlsHandshakeFailed = "tls-handshake-failed",
    Unauthenticated = "unauthenticated",
    UnexpectedContent = "unexpected-content",
    UnexpectedStatus = "unexpected-status",
    Unschedulable = "unschedulable",
    UrlNotAnswering = "url-not-answering",
    ValueNotString = "value-not-string",
    VolumeMissing = "volume-missing",
    VolumeMountFailed = "volume-mount-failed",
    VolumeProvisioningFailed = "volume-provisioning-failed",
    VolumeResizeRefused = "volume-resize-refused",
    WebhookNotReady = "webhook-not-ready",
    WorkloadNotFound = "workload-not-found",
    WorkloadPaused = "workload-paused",
    YamlSyntax = "yaml-syntax",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_a_kebab_case_word_of_its_own() {
        let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for word in words {
            let is_kebab = word.split('-').all(|part| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            });
            assert!(is_kebab, "{word}");
        }
    }
}
