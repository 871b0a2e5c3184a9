//! Objects of API versions that Kubernetes no longer serves (`kubernetes.io/docs/reference/using-api/deprecation-guide`).

use super::Proposal;
use super::at;
use crate::manifest::Object;

/// An API version that is gone: its kinds (none: all), the release without it, and its replacement.
const REMOVED: [(&str, &[&str], &str, &str); 20] = [
    ("extensions/v1beta1", &["Ingress"], "1.22", "networking.k8s.io/v1"),
    ("extensions/v1beta1", &["NetworkPolicy"], "1.16", "networking.k8s.io/v1"),
    ("extensions/v1beta1", &["Deployment", "DaemonSet", "ReplicaSet"], "1.16", "apps/v1"),
    ("apps/v1beta1", &[], "1.16", "apps/v1"),
    ("apps/v1beta2", &[], "1.16", "apps/v1"),
    ("networking.k8s.io/v1beta1", &["Ingress", "IngressClass"], "1.22", "networking.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", &[], "1.22", "rbac.authorization.k8s.io/v1"),
    ("apiextensions.k8s.io/v1beta1", &[], "1.22", "apiextensions.k8s.io/v1"),
    (
        "admissionregistration.k8s.io/v1beta1",
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
        "1.22",
        "admissionregistration.k8s.io/v1",
    ),
    ("apiregistration.k8s.io/v1beta1", &[], "1.22", "apiregistration.k8s.io/v1"),
    ("scheduling.k8s.io/v1beta1", &["PriorityClass"], "1.22", "scheduling.k8s.io/v1"),
    ("coordination.k8s.io/v1beta1", &["Lease"], "1.22", "coordination.k8s.io/v1"),
    (
        "storage.k8s.io/v1beta1",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
        "1.22",
        "storage.k8s.io/v1",
    ),
    ("batch/v2alpha1", &["CronJob"], "1.21", "batch/v1"),
    ("batch/v1beta1", &["CronJob"], "1.25", "batch/v1"),
    ("policy/v1beta1", &["PodDisruptionBudget"], "1.25", "policy/v1"),
    ("discovery.k8s.io/v1beta1", &["EndpointSlice"], "1.25", "discovery.k8s.io/v1"),
    ("node.k8s.io/v1beta1", &["RuntimeClass"], "1.25", "node.k8s.io/v1"),
    ("autoscaling/v2beta1", &[], "1.25", "autoscaling/v2"),
    ("autoscaling/v2beta2", &[], "1.26", "autoscaling/v2"),
];

/// Reports the objects that no current cluster accepts.
pub(super) fn propose(objects: &[Object], proposal: &mut Proposal) {
    for (version, kinds, since, now) in REMOVED {
        let mut gone = objects.iter().filter(|object| {
            object.value["apiVersion"] == version && (kinds.is_empty() || kinds.contains(&object.kind()))
        });
        let Some(first) = gone.next() else { continue };
        let others = match gone.count() {
            0 => String::new(),
            1 => " and 1 more".to_owned(),
            count => format!(" and {count} more"),
        };
        let (id, place) = (first.id(), at(&first.place));
        let message = format!("{id} ({place}){others}: Kubernetes has no `{version}` from {since} on");
        let help = format!("write `apiVersion: {now}` at {place}, with the fields that it has there");
        proposal.first.push(help.clone());
        proposal.notes.push((message, help));
    }
}

#[cfg(test)]
mod tests {
    use super::propose;
    use crate::discover::proposal::Proposal;
    use crate::manifest::read::objects;

    #[test]
    fn versions_that_no_cluster_has_any_more_are_told() {
        for (version, kind, expected) in [
            ("extensions/v1beta1", "Ingress", 1),
            ("apps/v1beta2", "StatefulSet", 1),
            ("autoscaling/v2beta2", "HorizontalPodAutoscaler", 1),
            ("networking.k8s.io/v1", "Ingress", 0),
            ("batch/v1", "CronJob", 0),
            ("example.com/v1beta1", "Ingress", 0),
        ] {
            let mut proposal = Proposal::default();
            let one = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n");
            propose(&objects(&format!("{one}---\n{}", one.replace("name: a", "name: b"))), &mut proposal);
            assert_eq!(
                (proposal.notes.len(), proposal.first.len()),
                (expected, expected),
                "{version} {kind}"
            );
        }
    }
}
