//! The order in which objects are written; deletion is in reverse.
//!
//! Not a graph: within a phase everything is written at once. Webhooks and APIServices come last, because a webhook
//! without endpoints whose failure policy is `Fail` blocks everything after it, our own rollback included.

use serde::Deserialize;
use serde::Serialize;

/// When an object is written; small ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// CRDs and namespaces: prerequisites of other objects.
    Prerequisites,
    /// Classes of priority, storage, runtime and ingress.
    Classes,
    /// Quotas, limits, network policies, disruption budgets: rules that apply to the others.
    Rules,
    /// Service accounts, Secrets, ConfigMaps, volumes: what pods use.
    Config,
    /// Roles.
    Roles,
    /// Bindings of roles, which must exist first.
    Bindings,
    /// Services.
    Services,
    /// Objects that create pods.
    Workloads,
    /// Autoscalers, routes, and every kind that we do not know.
    Rest,
    /// Webhooks and APIServices.
    Admission,
}

/// The phase of a kind.
#[must_use]
pub fn phase(group: &str, kind: &str) -> Phase {
    match (group, kind) {
        ("apiextensions.k8s.io", "CustomResourceDefinition") | ("", "Namespace") => Phase::Prerequisites,
        ("scheduling.k8s.io", "PriorityClass")
        | ("node.k8s.io", "RuntimeClass")
        | ("storage.k8s.io", "StorageClass" | "CSIDriver")
        | ("snapshot.storage.k8s.io", "VolumeSnapshotClass")
        | ("networking.k8s.io", "IngressClass")
        | ("gateway.networking.k8s.io", "GatewayClass") => Phase::Classes,
        // A token Secret is deleted at once if its account does not exist (`tokens_controller.go: syncSecret`).
        ("", "ResourceQuota" | "LimitRange" | "ServiceAccount")
        | ("networking.k8s.io", "NetworkPolicy")
        | ("policy", "PodDisruptionBudget") => Phase::Rules,
        ("", "Secret" | "ConfigMap" | "PersistentVolume" | "PersistentVolumeClaim") => Phase::Config,
        ("rbac.authorization.k8s.io", "ClusterRole" | "Role") => Phase::Roles,
        ("rbac.authorization.k8s.io", "ClusterRoleBinding" | "RoleBinding") => Phase::Bindings,
        ("", "Service" | "Endpoints") | ("discovery.k8s.io", "EndpointSlice") => Phase::Services,
        ("apps", "DaemonSet" | "Deployment" | "StatefulSet" | "ReplicaSet")
        | ("", "ReplicationController" | "Pod")
        | ("batch", "Job" | "CronJob") => Phase::Workloads,
        ("apiregistration.k8s.io", "APIService")
        | (
            "admissionregistration.k8s.io",
            "MutatingWebhookConfiguration"
            | "ValidatingWebhookConfiguration"
            | "ValidatingAdmissionPolicy"
            | "ValidatingAdmissionPolicyBinding",
        ) => Phase::Admission,
        _ => Phase::Rest,
    }
}

/// Whether deletion waits for the object's dependents: then "gone" means that its pods are gone.
#[must_use]
pub fn owns_pods(group: &str, kind: &str) -> bool {
    phase(group, kind) == Phase::Workloads && kind != "Pod"
}

#[cfg(test)]
mod tests {
    use super::Phase;
    use super::phase;

    #[test]
    fn what_is_needed_comes_before_what_needs_it() {
        let order = [
            ("", "Namespace"),
            ("storage.k8s.io", "StorageClass"),
            ("", "ResourceQuota"),
            ("", "Secret"),
            ("rbac.authorization.k8s.io", "Role"),
            ("rbac.authorization.k8s.io", "RoleBinding"),
            ("", "Service"),
            ("apps", "Deployment"),
            ("autoscaling", "HorizontalPodAutoscaler"),
            ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ];
        for pair in order.windows(2) {
            assert!(phase(pair[0].0, pair[0].1) < phase(pair[1].0, pair[1].1), "{pair:?}");
        }
    }

    #[test]
    fn a_custom_resource_named_like_a_service_is_not_one() {
        assert_eq!(phase("serving.knative.dev", "Service"), Phase::Rest);
    }
}
