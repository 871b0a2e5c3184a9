//! A kubelet's sentence about configuration that it could not find → which object and which key.

use crate::ObjectId;
use crate::cause::failure_kind::FailureKind;
use regex::Regex;
use std::sync::LazyLock;

/// A Secret, ConfigMap or claim that is missing, or lacks a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// `Secret`, `ConfigMap` or `PersistentVolumeClaim`.
    pub kind: &'static str,
    /// Its name; not given for keys of volumes.
    pub name: Option<String>,
    /// The key that it lacks; `None` if the whole object is missing.
    pub key: Option<String>,
}

impl Missing {
    /// Whether the controller manager makes it in every namespace, a moment after the namespace
    /// (`kubernetes: pkg/controller/certificates/rootcacertpublisher`).
    #[must_use]
    pub fn is_made_everywhere(&self) -> bool {
        self.kind == "ConfigMap" && self.name.as_deref() == Some("kube-root-ca.crt") && self.key.is_none()
    }
}

/// What a message of `CreateContainerConfigError` speaks of.
pub fn classify(message: &str) -> FailureKind {
    let lower = message.to_ascii_lowercase();
    if lower.contains("failed to sync") && lower.contains("cache") {
        FailureKind::ConfigPending
    } else if missing(message).is_some() {
        FailureKind::ConfigMissing
    } else if lower.contains("runasnonroot") {
        FailureKind::RunsAsRoot
    } else {
        FailureKind::Config
    }
}

/// The missing object or key that the message names (`kubernetes: pkg/kubelet/kubelet_pods.go`,
/// `pkg/volume/{secret,configmap}`, and the scheduler for claims).
pub fn missing(message: &str) -> Option<Missing> {
    if let Some(found) = KEY.captures(message) {
        return Some(Missing {
            kind: kind(&found[2])?,
            name: Some(found[3].to_owned()),
            key: Some(found[1].to_owned()),
        });
    }
    if let Some(found) = KEY_OF_VOLUME.captures(message) {
        return Some(Missing { kind: kind(&found[1])?, name: None, key: Some(found[2].to_owned()) });
    }
    let found = OBJECT.captures(message)?;
    Some(Missing { kind: kind(&found[1])?, name: Some(found[2].to_owned()), key: None })
}

/// The Secret or ConfigMap that exists according to a message, but lacks a key.
pub fn holder(message: &str, namespace: &str) -> Option<ObjectId> {
    let Missing { kind, name: Some(name), key: Some(_) } = missing(message)? else { return None };
    Some(ObjectId {
        group: String::new(),
        kind: kind.to_owned(),
        namespace: Some(namespace.to_owned()),
        name,
    })
}

static KEY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"couldn't find key (\S+) in (Secret|ConfigMap) [^\s/]+/([^\s,;:]+)"));
static KEY_OF_VOLUME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(secret|configmap)s? references? non-existent (?:secret|config) key: ([^\s,;]+)")
});
static OBJECT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(secrets?|configmaps?|persistentvolumeclaims?) "([^"]+)" not found"#));

#[expect(clippy::expect_used, reason = "the patterns are constants of this file; a test compiles them all")]
fn pattern(text: &str) -> Regex {
    Regex::new(&format!("(?i){text}")).expect("a constant pattern")
}

fn kind(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().trim_end_matches('s') {
        "secret" => Some("Secret"),
        "configmap" => Some("ConfigMap"),
        "persistentvolumeclaim" => Some("PersistentVolumeClaim"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::classify;
    use super::missing;
    use crate::cause::failure_kind::FailureKind;

    #[test]
    fn kubelets_sentences() {
        for (message, kind, name, key) in [
            ("secret \"db\" not found", "Secret", Some("db"), None),
            ("configmap \"app\" not found", "ConfigMap", Some("app"), None),
            ("couldn't find key URL in Secret todo/db", "Secret", Some("db"), Some("URL")),
            (
                "couldn't find key LOG_LEVEL in ConfigMap todo/app",
                "ConfigMap",
                Some("app"),
                Some("LOG_LEVEL"),
            ),
            (
                "MountVolume.SetUp failed for volume \"v\" : configmap references non-existent config key: app.toml",
                "ConfigMap",
                None,
                Some("app.toml"),
            ),
            (
                "0/1 nodes are available: persistentvolumeclaim \"data\" not found. not found",
                "PersistentVolumeClaim",
                Some("data"),
                None,
            ),
        ] {
            let found = missing(message).unwrap();
            assert_eq!(
                (found.kind, found.name.as_deref(), found.key.as_deref()),
                (kind, name, key),
                "{message}"
            );
        }
        assert_eq!(missing("container has runAsNonRoot and image will run as root"), None);
    }

    #[test]
    fn what_they_mean() {
        for (message, desired) in [
            ("secret \"db\" not found", FailureKind::ConfigMissing),
            (
                "failed to sync configmap cache: timed out waiting for the condition",
                FailureKind::ConfigPending,
            ),
            (
                "container has runAsNonRoot and image will run as root (pod: \"x\", container: web)",
                FailureKind::RunsAsRoot,
            ),
            ("host IP unknown; known addresses: []", FailureKind::Config),
        ] {
            assert_eq!(classify(message), desired, "{message}");
        }
    }
}
