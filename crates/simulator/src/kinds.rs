//! The kinds that every cluster serves, and where each is found.

/// A kind of Kubernetes' own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Served {
    /// Empty for the core group.
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) namespaced: bool,
    /// Where its objects are: `apis/apps/v1/deployments`.
    pub(crate) collection: &'static str,
}

macro_rules! served {
    ($($name:ident $group:literal $version:literal $kind:literal $plural:literal $namespaced:literal $collection:literal;)*) => {
        $(pub(crate) const $name: Served = Served {
            group: $group, version: $version, kind: $kind, plural: $plural, namespaced: $namespaced,
            collection: $collection,
        };)*
        /// All of them.
        pub(crate) const ALL: &[Served] = &[$($name),*];
    };
}

served! {
    CONFIG_MAP "" "v1" "ConfigMap" "configmaps" true "api/v1/configmaps";
    ENDPOINTS "" "v1" "Endpoints" "endpoints" true "api/v1/endpoints";
    EVENT "" "v1" "Event" "events" true "api/v1/events";
    LIMIT_RANGE "" "v1" "LimitRange" "limitranges" true "api/v1/limitranges";
    NAMESPACE "" "v1" "Namespace" "namespaces" false "api/v1/namespaces";
    NODE "" "v1" "Node" "nodes" false "api/v1/nodes";
    CLAIM "" "v1" "PersistentVolumeClaim" "persistentvolumeclaims" true "api/v1/persistentvolumeclaims";
    VOLUME "" "v1" "PersistentVolume" "persistentvolumes" false "api/v1/persistentvolumes";
    POD "" "v1" "Pod" "pods" true "api/v1/pods";
    POD_TEMPLATE "" "v1" "PodTemplate" "podtemplates" true "api/v1/podtemplates";
    REPLICATION_CONTROLLER "" "v1" "ReplicationController" "replicationcontrollers" true "api/v1/replicationcontrollers";
    QUOTA "" "v1" "ResourceQuota" "resourcequotas" true "api/v1/resourcequotas";
    SECRET "" "v1" "Secret" "secrets" true "api/v1/secrets";
    ACCOUNT "" "v1" "ServiceAccount" "serviceaccounts" true "api/v1/serviceaccounts";
    SERVICE "" "v1" "Service" "services" true "api/v1/services";
    MUTATING "admissionregistration.k8s.io" "v1" "MutatingWebhookConfiguration" "mutatingwebhookconfigurations" false "apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
    VALIDATING "admissionregistration.k8s.io" "v1" "ValidatingWebhookConfiguration" "validatingwebhookconfigurations" false "apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    CRD "apiextensions.k8s.io" "v1" "CustomResourceDefinition" "customresourcedefinitions" false "apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    API_SERVICE "apiregistration.k8s.io" "v1" "APIService" "apiservices" false "apis/apiregistration.k8s.io/v1/apiservices";
    REVISION "apps" "v1" "ControllerRevision" "controllerrevisions" true "apis/apps/v1/controllerrevisions";
    DAEMON_SET "apps" "v1" "DaemonSet" "daemonsets" true "apis/apps/v1/daemonsets";
    DEPLOYMENT "apps" "v1" "Deployment" "deployments" true "apis/apps/v1/deployments";
    REPLICA_SET "apps" "v1" "ReplicaSet" "replicasets" true "apis/apps/v1/replicasets";
    STATEFUL_SET "apps" "v1" "StatefulSet" "statefulsets" true "apis/apps/v1/statefulsets";
    AUTOSCALER "autoscaling" "v2" "HorizontalPodAutoscaler" "horizontalpodautoscalers" true "apis/autoscaling/v2/horizontalpodautoscalers";
    CRON_JOB "batch" "v1" "CronJob" "cronjobs" true "apis/batch/v1/cronjobs";
    JOB "batch" "v1" "Job" "jobs" true "apis/batch/v1/jobs";
    LEASE "coordination.k8s.io" "v1" "Lease" "leases" true "apis/coordination.k8s.io/v1/leases";
    SLICE "discovery.k8s.io" "v1" "EndpointSlice" "endpointslices" true "apis/discovery.k8s.io/v1/endpointslices";
    INGRESS_CLASS "networking.k8s.io" "v1" "IngressClass" "ingressclasses" false "apis/networking.k8s.io/v1/ingressclasses";
    INGRESS "networking.k8s.io" "v1" "Ingress" "ingresses" true "apis/networking.k8s.io/v1/ingresses";
    NETWORK_POLICY "networking.k8s.io" "v1" "NetworkPolicy" "networkpolicies" true "apis/networking.k8s.io/v1/networkpolicies";
    RUNTIME_CLASS "node.k8s.io" "v1" "RuntimeClass" "runtimeclasses" false "apis/node.k8s.io/v1/runtimeclasses";
    BUDGET "policy" "v1" "PodDisruptionBudget" "poddisruptionbudgets" true "apis/policy/v1/poddisruptionbudgets";
    CLUSTER_ROLE_BINDING "rbac.authorization.k8s.io" "v1" "ClusterRoleBinding" "clusterrolebindings" false "apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    CLUSTER_ROLE "rbac.authorization.k8s.io" "v1" "ClusterRole" "clusterroles" false "apis/rbac.authorization.k8s.io/v1/clusterroles";
    ROLE_BINDING "rbac.authorization.k8s.io" "v1" "RoleBinding" "rolebindings" true "apis/rbac.authorization.k8s.io/v1/rolebindings";
    ROLE "rbac.authorization.k8s.io" "v1" "Role" "roles" true "apis/rbac.authorization.k8s.io/v1/roles";
    PRIORITY_CLASS "scheduling.k8s.io" "v1" "PriorityClass" "priorityclasses" false "apis/scheduling.k8s.io/v1/priorityclasses";
    DRIVER "storage.k8s.io" "v1" "CSIDriver" "csidrivers" false "apis/storage.k8s.io/v1/csidrivers";
    CSI_NODE "storage.k8s.io" "v1" "CSINode" "csinodes" false "apis/storage.k8s.io/v1/csinodes";
    CLASS "storage.k8s.io" "v1" "StorageClass" "storageclasses" false "apis/storage.k8s.io/v1/storageclasses";
}

impl Served {
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// The kind whose objects are in `collection`.
pub(crate) fn served(collection: &str) -> Option<&'static Served> {
    ALL.iter().find(|served| served.collection == collection)
}

/// The kind of that name and API version.
pub(crate) fn named(api_version: &str, kind: &str) -> Option<&'static Served> {
    ALL.iter().find(|served| served.kind == kind && served.api_version() == api_version)
}

/// Whether objects of a collection count changes of their spec in `metadata.generation`. Most kinds of the core
/// group do not, nor do Leases and autoscalers.
pub(crate) fn counts_generations(collection: &str) -> bool {
    let core = collection.starts_with("api/v1/");
    let counts = ["api/v1/pods", "api/v1/replicationcontrollers"].contains(&collection);
    (!core || counts)
        && !collection.ends_with("/leases")
        && !collection.ends_with("/horizontalpodautoscalers")
}
