//! Fields of the well-known kinds that take one of a few words: `type: loadBalancer`.
//!
//! The API server refuses any other word, without a line (`kubernetes: pkg/apis/core/validation`, `apps`, `batch`).

use crate::event::Code;
use crate::event::Finding;
use crate::manifest::Object;
use crate::pointer;
use nearest::nearest;
use serde_json::Value;

/// Fields whose name has these words wherever it stands.
const ANYWHERE: [(&str, &[&str]); 14] = [
    ("accessModes", &["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]),
    ("completionMode", &["NonIndexed", "Indexed"]),
    ("concurrencyPolicy", &["Allow", "Forbid", "Replace"]),
    ("dnsPolicy", &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]),
    ("externalTrafficPolicy", &["Cluster", "Local"]),
    ("imagePullPolicy", &["Always", "IfNotPresent", "Never"]),
    ("internalTrafficPolicy", &["Cluster", "Local"]),
    ("pathType", &["Exact", "Prefix", "ImplementationSpecific"]),
    ("podManagementPolicy", &["OrderedReady", "Parallel"]),
    ("protocol", &["TCP", "UDP", "SCTP"]),
    ("restartPolicy", &["Always", "OnFailure", "Never"]),
    ("scheme", &["HTTP", "HTTPS"]),
    ("sessionAffinity", &["ClientIP", "None"]),
    ("whenUnsatisfiable", &["DoNotSchedule", "ScheduleAnyway"]),
];

/// Fields that have them at one place of one kind.
const AT: [(&str, &str, &[&str]); 4] = [
    ("DaemonSet", "/spec/updateStrategy/type", &["RollingUpdate", "OnDelete"]),
    ("Deployment", "/spec/strategy/type", &["RollingUpdate", "Recreate"]),
    ("Service", "/spec/type", &["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]),
    ("StatefulSet", "/spec/updateStrategy/type", &["RollingUpdate", "OnDelete"]),
];

/// What is wrong with the word, or with the words of the list, that the field `name` has.
pub(super) fn check(object: &Object, pointer: &str, name: &str, value: &Value) -> Vec<Finding> {
    let at =
        AT.iter().find(|(kind, at, _)| object.kind() == *kind && pointer == *at).map(|(.., words)| *words);
    let anywhere = || ANYWHERE.iter().find(|(field, _)| *field == name).map(|(_, words)| *words);
    let Some(known) = at.or_else(anywhere) else { return Vec::new() };
    match value {
        Value::String(word) => unknown_word(object, pointer, word, known).into_iter().collect(),
        Value::Array(items) => {
            let words = items.iter().enumerate().filter_map(|(index, item)| Some((index, item.as_str()?)));
            words
                .filter_map(|(index, word)| unknown_word(object, &format!("{pointer}/{index}"), word, known))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// An empty word is none: the server puts the default there.
fn unknown_word(object: &Object, pointer: &str, word: &str, known: &[&str]) -> Option<Finding> {
    if word.is_empty() || known.contains(&word) {
        return None;
    }
    let path = pointer::key(pointer);
    let all = known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let help = match nearest(word, known.iter().copied()) {
        Some(meant) => format!("write `{meant}`"),
        None => format!("write one of {all}"),
    };
    let message = format!("`{}` must be one of {all}, but is `{word}`", path.trim_start_matches('/'));
    Some(Code::ValueWrongType.error(message).at(object.place_of(pointer).clone()).help(help))
}

#[cfg(test)]
mod tests {
    use crate::event::Code;
    use crate::event::Finding;
    use crate::manifest::Object;
    use crate::manifest::types::check;
    use crate::manifest::yaml;
    use std::path::Path;

    fn found(text: &str) -> Vec<Finding> {
        let document = yaml::documents(text, Path::new("a.yaml")).0.remove(0);
        check(&Object { value: document.value.into(), place: document.place, places: document.places.into() })
    }

    #[test]
    fn a_word_that_the_server_does_not_know_is_told_with_the_one_that_is_meant() {
        let pod = |container: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: c, image: x, {container}}}]}}\n"
            )
        };
        let service =
            |spec: &str| format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{{spec}}}\n");
        let claim = |modes: &str| {
            format!(
                "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: a}}\nspec: {{accessModes: {modes}}}\n"
            )
        };
        for (text, help) in [
            (service("type: loadBalancer"), Some("write `LoadBalancer`")),
            (service("type: LoadBalancer, sessionAffinity: None"), None),
            (service("type: \"\""), None),
            (service("ports: [{port: 80, protocol: tcp}]"), Some("write `TCP`")),
            (pod("imagePullPolicy: ifNotPresent"), Some("write `IfNotPresent`")),
            (pod("imagePullPolicy: Sometimes"), Some("write one of `Always`, `IfNotPresent`, `Never`")),
            (pod("livenessProbe: {httpGet: {port: 80, scheme: HTTPS}}"), None),
            (claim("[ReadWriteOnce, ReadWriteonce]"), Some("write `ReadWriteOnce`")),
            (claim("[ReadWriteOncePod]"), None),
            // A type elsewhere has words of its own.
            (pod("securityContext: {seccompProfile: {type: RuntimeDefault}}"), None),
        ] {
            let found = found(&text);
            assert_eq!(found.first().and_then(|finding| finding.help.as_deref()), help, "{text}");
            assert!(found.iter().all(|finding| finding.code == Code::ValueWrongType));
        }
    }
}
