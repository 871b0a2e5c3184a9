//! Which resource serves a kind, and whether it is namespaced.
//!
//! Not a discovery of everything: kinds that every cluster has come from a table, kinds that the set's own CRDs
//! define come from these, and only the rest is requested, one group version each, so that a broken APIService of
//! another application has no effect.

use crate::cluster::wire::ApiKind;
use crate::cluster::wire::Failure;
use crate::cluster::wire::Wire;
use crate::manifest::Object;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;
use kube::discovery::Scope;
use std::collections::BTreeMap;

/// Group, kind, plural, namespaced: the kinds that Kubernetes itself serves and that occur in manifests.
const WELL_KNOWN: &[(&str, &str, &str, bool)] = &[
    ("", "ConfigMap", "configmaps", true),
    ("", "Endpoints", "endpoints", true),
    ("", "LimitRange", "limitranges", true),
    ("", "Namespace", "namespaces", false),
    ("", "PersistentVolume", "persistentvolumes", false),
    ("", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("", "Pod", "pods", true),
    ("", "ReplicationController", "replicationcontrollers", true),
    ("", "ResourceQuota", "resourcequotas", true),
    ("", "Secret", "secrets", true),
    ("", "Service", "services", true),
    ("", "ServiceAccount", "serviceaccounts", true),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", false),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        false,
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", false),
    ("apiregistration.k8s.io", "APIService", "apiservices", false),
    ("apps", "ControllerRevision", "controllerrevisions", true),
    ("apps", "DaemonSet", "daemonsets", true),
    ("apps", "Deployment", "deployments", true),
    ("apps", "ReplicaSet", "replicasets", true),
    ("apps", "StatefulSet", "statefulsets", true),
    ("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
    ("batch", "CronJob", "cronjobs", true),
    ("batch", "Job", "jobs", true),
    ("coordination.k8s.io", "Lease", "leases", true),
    ("discovery.k8s.io", "EndpointSlice", "endpointslices", true),
    ("networking.k8s.io", "Ingress", "ingresses", true),
    ("networking.k8s.io", "IngressClass", "ingressclasses", false),
    ("networking.k8s.io", "NetworkPolicy", "networkpolicies", true),
    ("node.k8s.io", "RuntimeClass", "runtimeclasses", false),
    ("policy", "PodDisruptionBudget", "poddisruptionbudgets", true),
    ("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", false),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", false),
    ("rbac.authorization.k8s.io", "Role", "roles", true),
    ("rbac.authorization.k8s.io", "RoleBinding", "rolebindings", true),
    ("scheduling.k8s.io", "PriorityClass", "priorityclasses", false),
    ("storage.k8s.io", "CSIDriver", "csidrivers", false),
    ("storage.k8s.io", "StorageClass", "storageclasses", false),
];

/// A kind of the table, in the given version.
pub(crate) fn well_known(group: &str, version: &str, kind: &str) -> Option<ApiKind> {
    WELL_KNOWN
        .iter()
        .find(|(g, k, ..)| *g == group && *k == kind)
        .map(|(.., plural, namespaced)| made(group, version, kind, plural, *namespaced))
}

/// Every kind of the table that does not belong to a controller, in the version that clusters serve.
pub(crate) fn all() -> Vec<ApiKind> {
    WELL_KNOWN
        .iter()
        .filter(|(_, kind, ..)| {
            !matches!(*kind, "Endpoints" | "EndpointSlice" | "ControllerRevision" | "Lease")
        })
        .map(|(group, kind, plural, namespaced)| {
            let version = if *group == "autoscaling" { "v2" } else { "v1" };
            made(group, version, kind, plural, *namespaced)
        })
        .collect()
}

/// A kind of the core group that the table has for certain.
pub(crate) fn core(kind: &str) -> ApiKind {
    well_known("", "v1", kind).unwrap_or_else(|| made("", "v1", kind, &kind.to_lowercase(), true))
}

/// A kind of which everything is known.
pub(crate) fn made(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> ApiKind {
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version,
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    ApiKind { resource, namespaced }
}

/// The kinds that the CRDs among `objects` define.
pub(crate) fn defined(objects: &[Object]) -> Vec<ApiKind> {
    let crds = objects.iter().filter(|object| {
        object.group() == "apiextensions.k8s.io" && object.kind() == "CustomResourceDefinition"
    });
    crds.flat_map(|crd| {
        let spec = &crd.value["spec"];
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let (group, kind, plural) =
            (text(&spec["group"]), text(&spec["names"]["kind"]), text(&spec["names"]["plural"]));
        let namespaced = spec["scope"] != "Cluster";
        let versions = spec["versions"].as_array().cloned().unwrap_or_default();
        versions
            .into_iter()
            .filter(|version| version["served"] != false)
            .map(move |version| made(&group, &text(&version["name"]), &kind, &plural, namespaced))
            .collect::<Vec<_>>()
    })
    .collect()
}

/// How the kinds of a set are served. A kind that is not served is `Ok(None)`.
pub(crate) struct Kinds {
    found: BTreeMap<(String, String), Option<ApiKind>>,
}

impl Kinds {
    /// Looks up the kinds of `objects`.
    pub(crate) async fn discover(wire: &Wire, objects: &[Object]) -> Result<Kinds, Failure> {
        let defined = defined(objects);
        let mut found = BTreeMap::new();
        for object in objects {
            let key = (object.api_version().to_owned(), object.kind().to_owned());
            if found.contains_key(&key) {
                continue;
            }
            let version = object.api_version().rsplit('/').next().unwrap_or_default();
            let kind = match well_known(object.group(), version, object.kind()) {
                Some(kind) => Some(kind),
                None => {
                    match defined.iter().find(|k| k.resource.api_version == key.0 && k.resource.kind == key.1)
                    {
                        Some(kind) => Some(kind.clone()),
                        None => discover(wire, object.group(), version, object.kind()).await?,
                    }
                }
            };
            found.insert(key, kind);
        }
        Ok(Kinds { found })
    }

    /// How an object's kind is served.
    pub(crate) fn get(&self, object: &Object) -> Option<&ApiKind> {
        self.found.get(&(object.api_version().to_owned(), object.kind().to_owned()))?.as_ref()
    }
}

/// Requests one kind from the server.
pub(crate) async fn discover(
    wire: &Wire,
    group: &str,
    version: &str,
    kind: &str,
) -> Result<Option<ApiKind>, Failure> {
    let gvk = GroupVersionKind::gvk(group, version, kind);
    match kube::discovery::pinned_kind(wire.client(), &gvk).await {
        Ok((resource, capabilities)) => {
            Ok(Some(ApiKind { resource, namespaced: capabilities.scope == Scope::Namespaced }))
        }
        Err(kube::Error::Discovery(_)) => Ok(None),
        Err(error) => {
            let failure = Failure::from(error);
            if failure.is_absent() { Ok(None) } else { Err(failure) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::defined;
    use super::well_known;
    use crate::event::Place;
    use crate::manifest::Object;
    use serde_json::json;

    #[test]
    fn scope_and_plural_come_from_the_table_or_the_sets_own_crd() {
        let ingress = well_known("networking.k8s.io", "v1", "Ingress").unwrap();
        assert_eq!((ingress.resource.plural.as_str(), ingress.namespaced), ("ingresses", true));
        assert_eq!(well_known("extensions", "v1beta1", "Ingress"), None);
        let crd = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "mice.zoo.io"},
            "spec": {"group": "zoo.io", "scope": "Cluster", "names": {"kind": "Mouse", "plural": "mice"},
                "versions": [{"name": "v1", "served": true}, {"name": "v0", "served": false}]},
        });
        let kinds = defined(&[Object::made(crd, Place::file("crd.yaml"))]);
        assert_eq!(kinds.len(), 1);
        assert_eq!(
            (kinds[0].resource.api_version.as_str(), kinds[0].resource.plural.as_str(), kinds[0].namespaced),
            ("zoo.io/v1", "mice", false)
        );
    }
}
