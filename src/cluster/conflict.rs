//! Field ownership: what to do when another manager owns a field that the manifests set.
//!
//! Neither always force (that resets what an autoscaler decided) nor never (then an old `kubectl edit` ends every
//! run): fields of people's tools are taken over, fields of controllers are not, and a number of replicas that an
//! autoscaler owns stays its own.

use kube::core::Status;

/// One field that another manager owns with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The manager that owns it.
    pub(crate) manager: String,
    /// Through which subresource, if any: `scale`.
    pub(crate) subresource: Option<String>,
    /// The field, as the server writes it: `.spec.replicas`.
    pub(crate) field: String,
}

/// What to do about each conflict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ConflictDecision {
    /// Fields to omit from the applied object.
    pub(crate) leave: Vec<Conflict>,
    /// Fields to take.
    pub(crate) take: Vec<Conflict>,
    /// Fields about which the user must decide.
    pub(crate) stop: Vec<Conflict>,
}

/// Field managers that stand for people, and for interactive tools.
const PEOPLE: [&str; 9] =
    ["kubectl", "helm", "k9s", "rancher", "before-first-apply", "dashboard", "Mozilla", "node-fetch", "todo"];

/// The conflicts that a refusal lists; empty for any other refusal.
///
/// apimachinery: `pkg/util/managedfields/internal/conflict.go`.
pub(crate) fn conflicts(status: &Status) -> Vec<Conflict> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| {
            let quoted = |after: &str| {
                let rest = cause.message.split_once(after)?.1.strip_prefix('"')?;
                Some(rest.split_once('"')?.0.to_owned())
            };
            Conflict {
                manager: quoted("conflict with ").unwrap_or_default(),
                subresource: quoted("with subresource "),
                field: cause.field.clone(),
            }
        })
        .collect()
}

/// Whether a manager stands for a person, or for an interactive tool.
pub(crate) fn is_person(manager: &str) -> bool {
    PEOPLE.iter().any(|tool| manager.to_lowercase().starts_with(&tool.to_lowercase()))
}

/// Decides each conflict. `autoscaled`: an autoscaler of the set targets the object.
pub(crate) fn decide(conflicts: Vec<Conflict>, autoscaled: bool, force: bool) -> ConflictDecision {
    let mut decision = ConflictDecision::default();
    for conflict in conflicts {
        let person = is_person(&conflict.manager);
        let scaled = conflict.subresource.as_deref() == Some("scale") && !person;
        if conflict.field == ".spec.replicas" && (autoscaled || scaled) {
            decision.leave.push(conflict);
        } else if force || person {
            decision.take.push(conflict);
        } else {
            decision.stop.push(conflict);
        }
    }
    decision
}

#[cfg(test)]
mod tests {
    use super::Conflict;
    use super::conflicts;
    use super::decide;
    use kube::core::Status;
    use serde_json::json;

    #[test]
    fn the_servers_words_are_read() {
        let status: Status = serde_json::from_value(json!({
            "status": "Failure", "reason": "Conflict", "code": 409, "message": "Apply failed with 2 conflicts",
            "details": {"causes": [
                {"reason": "FieldManagerConflict", "field": ".spec.replicas",
                 "message": "conflict with \"kube-controller-manager\" with subresource \"scale\" using apps/v1"},
                {"reason": "FieldManagerConflict", "field": ".data.a",
                 "message": "conflict with \"kubectl-edit\" using v1 at 2026-01-01T00:00:00Z"},
                {"reason": "FieldValueInvalid", "field": "spec", "message": "no"},
            ]},
        }))
        .unwrap();
        let of = |manager: &str, subresource: Option<&str>, field: &str| Conflict {
            manager: manager.into(),
            subresource: subresource.map(Into::into),
            field: field.into(),
        };
        assert_eq!(
            conflicts(&status),
            [
                of("kube-controller-manager", Some("scale"), ".spec.replicas"),
                of("kubectl-edit", None, ".data.a")
            ]
        );
    }

    #[test]
    fn people_give_way_controllers_do_not() {
        // manager, subresource, field, autoscaled, force: the decision
        let table = [
            ("kubectl-edit", None, ".spec.replicas", false, false, "take"),
            ("kubectl", Some("scale"), ".spec.replicas", false, false, "take"),
            ("kubectl", Some("scale"), ".spec.replicas", true, false, "leave"),
            ("kube-controller-manager", Some("scale"), ".spec.replicas", false, false, "leave"),
            ("keda-operator", None, ".spec.replicas", false, false, "stop"),
            ("Helm", None, ".data.a", false, false, "take"),
            ("kubectl-client-side-apply", None, ".spec.template", false, false, "take"),
            ("argocd-controller", None, ".spec.template", false, false, "stop"),
            ("argocd-controller", None, ".spec.template", false, true, "take"),
            ("kube-controller-manager", Some("scale"), ".spec.replicas", false, true, "leave"),
        ];
        for (manager, subresource, field, autoscaled, force, what) in table {
            let conflict = Conflict {
                manager: manager.into(),
                subresource: subresource.map(Into::into),
                field: field.into(),
            };
            let decision = decide(vec![conflict], autoscaled, force);
            let counts = (decision.leave.len(), decision.take.len(), decision.stop.len());
            let desired = match what {
                "leave" => (1, 0, 0),
                "take" => (0, 1, 0),
                _ => (0, 0, 1),
            };
            assert_eq!(counts, desired, "{manager} {subresource:?} {field} {autoscaled} {force}");
        }
    }
}
