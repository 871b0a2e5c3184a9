//! Helm's hooks: objects that run at a moment of a release instead of being there.
//!
//! Pure: which hooks there are, when each runs, in which order and when it is deleted, by its annotations
//! (`helm: pkg/release/v1/hook.go`). Running them is `cluster::hook`'s, deciding whether is `flow::hooks`'.
//! Tests (`helm test`) are left out: users run them explicitly.

use crate::event::Code;
use crate::event::Finding;
use crate::manifest::Object;
use crate::pointer;
use nearest::nearest;
use std::collections::BTreeSet;
use std::fmt;

const HOOK: &str = "helm.sh/hook";
const WEIGHT: &str = "helm.sh/hook-weight";
const POLICY: &str = "helm.sh/hook-delete-policy";

/// The order of kinds within one weight (`helm: pkg/release/v1/util/kind_sorter.go`, `InstallOrder`); others come last.
const KINDS: [&str; 34] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "MutatingAdmissionPolicy",
    "ValidatingAdmissionPolicy",
];

/// A moment in a release's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// Before the first objects.
    PreInstall,
    /// When they are healthy.
    PostInstall,
    /// Before a change.
    PreUpgrade,
    /// When the change is healthy.
    PostUpgrade,
    /// Before the way back.
    PreRollback,
    /// When that is healthy.
    PostRollback,
    /// Before the objects go.
    PreDelete,
    /// When they are gone.
    PostDelete,
}

impl Moment {
    const ALL: [Moment; 8] = [
        Moment::PreInstall,
        Moment::PostInstall,
        Moment::PreUpgrade,
        Moment::PostUpgrade,
        Moment::PreRollback,
        Moment::PostRollback,
        Moment::PreDelete,
        Moment::PostDelete,
    ];

    /// As charts write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Moment::PreInstall => "pre-install",
            Moment::PostInstall => "post-install",
            Moment::PreUpgrade => "pre-upgrade",
            Moment::PostUpgrade => "post-upgrade",
            Moment::PreRollback => "pre-rollback",
            Moment::PostRollback => "post-rollback",
            Moment::PreDelete => "pre-delete",
            Moment::PostDelete => "post-delete",
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When a hook's object is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// Before it runs again: the default.
    BeforeCreation,
    /// When it has done its work.
    Succeeded,
    /// When it has failed.
    Failed,
}

/// One hook.
#[derive(Debug, Clone)]
pub struct Hook {
    /// The object.
    pub object: Object,
    /// When it runs.
    pub moments: BTreeSet<Moment>,
    /// Lower ones run first.
    pub weight: i64,
    /// When it is deleted.
    pub policies: BTreeSet<Policy>,
}

impl Hook {
    /// The hook that an object's annotations make of it: `None` if it is none, and nothing to run if it is only a test.
    pub fn from_object(object: &Object) -> Option<Result<Hook, Box<Finding>>> {
        let annotation = |name: &str| object.value["metadata"]["annotations"][name].as_str();
        let words =
            |text: &str| -> Vec<String> { text.split(',').map(|word| word.trim().to_lowercase()).collect() };
        let wrong = |name: &str, message: String, help: String| {
            let pointer = pointer::annotation(name);
            let place = object.place_of(&pointer).clone();
            Some(Err(Box::new(
                Code::HelmHookInvalid.error(message).about(object.id().to_string()).at(place).help(help),
            )))
        };
        let mut moments = BTreeSet::new();
        for word in words(annotation(HOOK)?) {
            let known = Moment::ALL.into_iter().find(|moment| moment.as_str() == word);
            match known {
                Some(moment) => drop(moments.insert(moment)),
                None if word.starts_with("test") => {}
                None => {
                    let names = Moment::ALL.map(Moment::as_str);
                    let help = match nearest(&word, names) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!("Helm knows {} and test", names.join(", ")),
                    };
                    return wrong(HOOK, format!("`{word}` is not a valid Helm hook"), help);
                }
            }
        }
        let weight = annotation(WEIGHT).map_or(Ok(0), |text| text.trim().parse());
        let Ok(weight) = weight else {
            let help = "write a whole number in quotes, such as \"-5\"".to_owned();
            return wrong(WEIGHT, "the weight of this Helm hook is not a number".to_owned(), help);
        };
        let mut policies = BTreeSet::new();
        for word in annotation(POLICY).map(words).unwrap_or_default().iter().filter(|word| !word.is_empty()) {
            policies.insert(match word.as_str() {
                "before-hook-creation" => Policy::BeforeCreation,
                "hook-succeeded" => Policy::Succeeded,
                "hook-failed" => Policy::Failed,
                _ => {
                    let help = "Helm knows before-hook-creation, hook-succeeded and hook-failed".to_owned();
                    return wrong(
                        POLICY,
                        format!("`{word}` is not a valid delete policy of a Helm hook"),
                        help,
                    );
                }
            });
        }
        if policies.is_empty() {
            policies.insert(Policy::BeforeCreation);
        }
        Some(Ok(Hook { object: object.clone(), moments, weight, policies }))
    }
}

/// The hooks of a moment in the order in which they run, one after the other: weight, kind, name.
#[must_use]
pub fn at(hooks: &[Hook], moment: Moment) -> Vec<&Hook> {
    let mut these: Vec<&Hook> = hooks.iter().filter(|hook| hook.moments.contains(&moment)).collect();
    these.sort_by_cached_key(|hook| {
        let kind = hook.object.kind();
        let rank = KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len());
        (hook.weight, rank, kind.to_owned(), hook.object.name().to_owned())
    });
    these
}

/// Takes the hooks out of what a chart renders to.
pub(crate) fn part(objects: Vec<Object>) -> (Vec<Object>, Vec<Hook>, Vec<Finding>) {
    let (mut plain, mut hooks, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for object in objects {
        match Hook::from_object(&object) {
            None => plain.push(object),
            Some(Ok(hook)) if hook.moments.is_empty() => {}
            Some(Ok(hook)) => hooks.push(hook),
            Some(Err(finding)) => found.push(*finding),
        }
    }
    (plain, hooks, found)
}

#[cfg(test)]
mod tests {
    use super::Hook;
    use super::Moment;
    use super::Policy;
    use super::at;
    use super::part;
    use crate::manifest::read::objects;

    fn hook(kind: &str, name: &str, annotations: &str) -> String {
        format!(
            "---\napiVersion: batch/v1\nkind: {kind}\nmetadata:\n  name: {name}\n  annotations: {{{annotations}}}\n"
        )
    }

    fn parted(texts: &[String]) -> (Vec<String>, Vec<Hook>, Vec<String>) {
        let (plain, hooks, found) = part(objects(&texts.concat()));
        let names = plain.iter().map(|object| object.name().to_owned()).collect();
        let messages =
            found.iter().map(|f| format!("{} → {}", f.message, f.help.as_ref().unwrap())).collect();
        (names, hooks, messages)
    }

    #[test]
    fn hooks_run_by_weight_then_kind_then_name() {
        let on = "helm.sh/hook: 'pre-install, pre-upgrade'";
        let (plain, hooks, found) = parted(&[
            hook("Job", "b", on),
            hook("Job", "a", on),
            hook("ConfigMap", "c", on),
            hook("Thing", "z", on),
            hook("Job", "first", &format!("{on}, helm.sh/hook-weight: '-5'")),
            hook("Job", "last", &format!("{on}, helm.sh/hook-weight: '10'")),
            hook("Job", "other", "helm.sh/hook: post-install"),
            hook("Pod", "tested", "helm.sh/hook: test"),
            hook("Job", "tested-too", "helm.sh/hook: test-success"),
            hook("Job", "plain", "a: b"),
        ]);
        let names = |moment| -> Vec<String> {
            at(&hooks, moment).iter().map(|hook| hook.object.name().to_owned()).collect()
        };
        assert_eq!((plain, found), (vec!["plain".to_owned()], vec![]));
        assert_eq!(names(Moment::PreUpgrade), ["first", "c", "a", "b", "z", "last"]);
        assert_eq!(names(Moment::PreInstall), names(Moment::PreUpgrade));
        assert_eq!(names(Moment::PostInstall), ["other"]);
        assert!(names(Moment::PreDelete).is_empty());
    }

    #[test]
    fn a_hook_is_deleted_before_it_runs_again_unless_it_says_something_else() {
        let policies = |annotations: &str| {
            let (_, hooks, _) =
                parted(&[hook("Job", "a", &format!("helm.sh/hook: pre-install{annotations}"))]);
            hooks[0].policies.iter().copied().collect::<Vec<_>>()
        };
        assert_eq!(policies(""), [Policy::BeforeCreation]);
        assert_eq!(
            policies(", helm.sh/hook-delete-policy: 'hook-succeeded,hook-failed'"),
            [Policy::Succeeded, Policy::Failed]
        );
    }

    #[test]
    fn what_helm_would_not_understand_is_told() {
        let (_, _, messages) = parted(&[
            hook("Job", "a", "helm.sh/hook: pre-instal"),
            hook("Job", "b", "helm.sh/hook: sometime"),
            hook("Job", "c", "helm.sh/hook: pre-install, helm.sh/hook-weight: early"),
            hook("Job", "d", "helm.sh/hook: pre-install, helm.sh/hook-delete-policy: never"),
        ]);
        assert_eq!(messages.len(), 4, "{messages:?}");
        assert_eq!(messages[0], "`pre-instal` is not a valid Helm hook → did you mean `pre-install`?");
        assert!(messages[1].contains("Helm knows pre-install"), "{messages:?}");
        assert_eq!(
            messages[2],
            "the weight of this Helm hook is not a number → write a whole number in quotes, such as \"-5\""
        );
        assert!(messages[3].starts_with("`never` is not a valid delete policy"), "{messages:?}");
    }
}
