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
    // Only until every place names its own.
    Unnamed = "unnamed",
    BrowserNotOpened = "browser-not-opened",
    BuildContextMissing = "build-context-missing",
    BuildSecretMissing = "build-secret-missing",
    ChartValuesMissing = "chart-values-missing",
    CheckFailed = "check-failed",
    ClusterDnsNotReady = "cluster-dns-not-ready",
    ClusterUnreachable = "cluster-unreachable",
    ClusterUnreadable = "cluster-unreadable",
    ContainerNameTaken = "container-name-taken",
    ContainerRuntimeUnsupported = "container-runtime-unsupported",
    CrashLoop = "crash-loop",
    DeployTomlDuplicateKey = "deploy-toml-duplicate-key",
    DeployTomlIncomplete = "deploy-toml-incomplete",
    DeployTomlInvalid = "deploy-toml-invalid",
    DeployTomlInvalidValue = "deploy-toml-invalid-value",
    DeployTomlNotFound = "deploy-toml-not-found",
    DeployTomlSyntax = "deploy-toml-syntax",
    DeployTomlUnknownKey = "deploy-toml-unknown-key",
    DirectoryInaccessible = "directory-inaccessible",
    DirectoryNotWritable = "directory-not-writable",
    DiskSpaceLow = "disk-space-low",
    DnsLookupFailed = "dns-lookup-failed",
    DockerFound = "docker-found",
    DockerHostInvalid = "docker-host-invalid",
    DockerRequestFailed = "docker-request-failed",
    DockerTooSmall = "docker-too-small",
    DockerUnencrypted = "docker-unencrypted",
    DockerUnreachable = "docker-unreachable",
    DockerfileMissing = "dockerfile-missing",
    EnvDuplicateKey = "env-duplicate-key",
    EnvFileMissing = "env-file-missing",
    EnvKeyMissing = "env-key-missing",
    EnvNotExpanded = "env-not-expanded",
    EnvSyntax = "env-syntax",
    FileExists = "file-exists",
    FileIsLink = "file-is-link",
    FileNotWritable = "file-not-writable",
    FileUnreadable = "file-unreadable",
    ForwardArgumentInvalid = "forward-argument-invalid",
    HelmHookUnsupported = "helm-hook-unsupported",
    HelmReleaseKept = "helm-release-kept",
    HelmReleaseLeftover = "helm-release-leftover",
    HelmReleaseOwned = "helm-release-owned",
    HomeNotFound = "home-not-found",
    HostsFileLeftover = "hosts-file-leftover",
    HostsFileMissingEntry = "hosts-file-missing-entry",
    HostsFileNotWritable = "hosts-file-not-writable",
    ImageCleanupFailed = "image-cleanup-failed",
    ImageNotFound = "image-not-found",
    ImagePullFailed = "image-pull-failed",
    ImageTagMutable = "image-tag-mutable",
    IngressClassMissing = "ingress-class-missing",
    IngressControllerMissing = "ingress-controller-missing",
    IngressControllerNotReady = "ingress-controller-not-ready",
    InotifyLimitLow = "inotify-limit-low",
    InternalError = "internal-error",
    Interrupted = "interrupted",
    KubeconfigInvalid = "kubeconfig-invalid",
    KubeconfigNotWritable = "kubeconfig-not-writable",
    KubectlContextNotSet = "kubectl-context-not-set",
    KubeletNotReporting = "kubelet-not-reporting",
    ManifestsMissing = "manifests-missing",
    MinikubeAsRoot = "minikube-as-root",
    MinikubeClusterReset = "minikube-cluster-reset",
    MinikubeDeleteIncomplete = "minikube-delete-incomplete",
    MinikubeEnvironment = "minikube-environment",
    MinikubeFailed = "minikube-failed",
    MinikubeProfileBroken = "minikube-profile-broken",
    MinikubeResetPrevented = "minikube-reset-prevented",
    MinikubeVolumeReused = "minikube-volume-reused",
    MinikubeWarning = "minikube-warning",
    NoProxyIncomplete = "no-proxy-incomplete",
    NodeCommandFailed = "node-command-failed",
    NodeDnsBroken = "node-dns-broken",
    NodeStopped = "node-stopped",
    NotHealthy = "not-healthy",
    NotUtf8 = "not-utf8",
    NothingToDeploy = "nothing-to-deploy",
    ObjectsRefused = "objects-refused",
    ObjectsUnreadable = "objects-unreadable",
    OtherSourcesFound = "other-sources-found",
    OutOfMemory = "out-of-memory",
    OutputNotWritable = "output-not-writable",
    PortForwardEnded = "port-forward-ended",
    PortForwardFailed = "port-forward-failed",
    PortForwardNotEnded = "port-forward-not-ended",
    PortForwardNotFound = "port-forward-not-found",
    PortForwardNote = "port-forward-note",
    PortForwardsUnreadable = "port-forwards-unreadable",
    PortNotListening = "port-not-listening",
    PortNotPublished = "port-not-published",
    PostRenderArgumentInvalid = "post-render-argument-invalid",
    PrerequisiteMissing = "prerequisite-missing",
    ProfileNameInvalid = "profile-name-invalid",
    ProfileNotRunning = "profile-not-running",
    ProfileSettingsDiffer = "profile-settings-differ",
    ProgramFound = "program-found",
    ProgramNotFound = "program-not-found",
    ProgramNotRunnable = "program-not-runnable",
    ProgramTooOld = "program-too-old",
    ProgramVersionUnknown = "program-version-unknown",
    ProjectInvalid = "project-invalid",
    ProxyUnreachable = "proxy-unreachable",
    RehearsalFailed = "rehearsal-failed",
    RehearsalKilled = "rehearsal-killed",
    RehearsalNote = "rehearsal-note",
    RollbackFailed = "rollback-failed",
    RollingBack = "rolling-back",
    ScenarioInvalid = "scenario-invalid",
    SecretFileUnreadable = "secret-file-unreadable",
    SecretInGit = "secret-in-git",
    SecretPlaceholder = "secret-placeholder",
    SecretValueMissing = "secret-value-missing",
    SecretsUnreadable = "secrets-unreadable",
    ServiceNotDeclared = "service-not-declared",
    ServiceNotFound = "service-not-found",
    ServiceNote = "service-note",
    ServicePortNotFound = "service-port-not-found",
    ServiceUnreachable = "service-unreachable",
    SourceUnreadable = "source-unreadable",
    TargetNotMinikube = "target-not-minikube",
    TargetUnknown = "target-unknown",
    TargetWithoutRegistry = "target-without-registry",
    UrlNotAnswering = "url-not-answering",
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
