//! Fields that cannot be changed, and which objects may be deleted and recreated because of them.
//!
//! Not for every refusal: the server must have reported that a field is immutable. A Job is a run, not state, so it
//! is recreated; other objects only if the manifest or the user requests it, and volumes, namespaces and CRDs never,
//! because their contents would be deleted.

use crate::cluster::refusal::annotation;
use crate::cluster::wire::Propagation;
use kube::core::Status;
use serde_json::Value;

/// The server's messages about such fields (rollout.md has the sources: one wording a validation).
const WORDS: [&str; 7] = [
    "field is immutable",
    "is immutable after creation",
    "may not change once set",
    "cannot change roleRef",
    "updates to statefulset spec for fields other than",
    "pod updates may not change fields other than",
    "updates to provisioner are forbidden",
];

/// Whether an object may be deleted and recreated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recreate {
    /// Yes, with this propagation policy for its dependents.
    Yes(Propagation),
    /// Only on request.
    OnRequest,
    /// Never.
    Never,
}

/// Whether every reason of a refusal is a field that cannot be changed.
pub(crate) fn is_immutable(status: &Status) -> bool {
    let causes: Vec<&str> = status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .map(|cause| cause.message.as_str())
        .collect();
    let immutable = |text: &str| WORDS.iter().any(|words| text.contains(words));
    status.code == 422
        && if causes.is_empty() { immutable(&status.message) } else { causes.into_iter().all(immutable) }
}

/// Decides. `asked` is the user's `--recreate`.
pub(crate) fn recreate(object: &Value, asked: bool) -> Recreate {
    let group = object["apiVersion"].as_str().and_then(|v| v.split_once('/')).map_or("", |(group, _)| group);
    let kind = object["kind"].as_str().unwrap_or_default();
    let annotated = annotation(object, "todo.dev/recreate") == Some("true")
        || annotation(object, "kustomize.toolkit.fluxcd.io/force") == Some("Enabled")
        || matches!(
            annotation(object, "kapp.k14s.io/update-strategy"),
            Some("fallback-on-replace" | "always-replace")
        );
    match (group, kind) {
        ("", "PersistentVolumeClaim" | "PersistentVolume" | "Namespace")
        | ("apiextensions.k8s.io", "CustomResourceDefinition") => Recreate::Never,
        ("batch", "Job") => Recreate::Yes(Propagation::Foreground),
        _ if !asked && !annotated => Recreate::OnRequest,
        // Its pods and volumes stay and are adopted by the new one.
        ("apps", "StatefulSet") => Recreate::Yes(Propagation::Orphan),
        _ => Recreate::Yes(Propagation::Foreground),
    }
}

#[cfg(test)]
mod tests {
    use super::Recreate;
    use super::is_immutable;
    use super::recreate;
    use crate::cluster::wire::Propagation;
    use kube::core::Status;
    use serde_json::json;

    #[test]
    fn only_the_servers_word_for_immutable_counts() {
        let of = |messages: &[&str]| -> Status {
            let causes: Vec<_> = messages
                .iter()
                .map(|m| json!({"reason": "FieldValueInvalid", "message": m, "field": "spec"}))
                .collect();
            serde_json::from_value(json!({"status": "Failure", "code": 422, "reason": "Invalid",
                "message": "is invalid", "details": {"causes": causes}}))
            .unwrap()
        };
        assert!(is_immutable(&of(&["Invalid value: {…}: field is immutable"])));
        assert!(is_immutable(&of(&[
            "Forbidden: updates to statefulset spec for fields other than 'replicas'"
        ])));
        assert!(!is_immutable(&of(&["Invalid value: {…}: field is immutable", "Required value"])));
        assert!(!is_immutable(&of(&["Invalid value: -1: must be greater than or equal to 0"])));
    }

    #[test]
    fn jobs_are_runs_and_volumes_are_sacred() {
        let of = |version: &str, kind: &str, annotated: bool| {
            let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"annotations": {}}});
            if annotated {
                object["metadata"]["annotations"]["todo.dev/recreate"] = json!("true");
            }
            object
        };
        let table = [
            ("batch/v1", "Job", false, false, Recreate::Yes(Propagation::Foreground)),
            ("apps/v1", "Deployment", false, false, Recreate::OnRequest),
            ("apps/v1", "Deployment", true, false, Recreate::Yes(Propagation::Foreground)),
            ("apps/v1", "StatefulSet", false, true, Recreate::Yes(Propagation::Orphan)),
            ("v1", "PersistentVolumeClaim", true, true, Recreate::Never),
            ("v1", "Namespace", true, true, Recreate::Never),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition", true, true, Recreate::Never),
        ];
        for (version, kind, annotated, asked, desired) in table {
            assert_eq!(recreate(&of(version, kind, annotated), asked), desired, "{kind} {annotated} {asked}");
        }
    }
}
