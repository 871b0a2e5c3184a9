//! What a controller writes: ConfigMaps and Secrets that no manifest has, and keys of such as a manifest has.
//!
//! A key that the project does not write is a mistake only where nothing else would write it.

use crate::manifest::Object;
use crate::manifest::lint::Set;
use crate::manifest::pods::ConfigKind;
use crate::manifest::pods::Reference;
use crate::manifest::pods::items;
use serde_json::Map;
use serde_json::Value;

/// The keys that Kubernetes itself writes into a Secret of this type (`kubernetes:
/// pkg/controller/serviceaccount/tokens_controller.go`).
pub(super) fn by_kubernetes(object: &Object) -> &'static [&'static str] {
    match object.value["type"].as_str() {
        Some("kubernetes.io/service-account-token") if object.kind() == "Secret" => {
            &["token", "ca.crt", "namespace"]
        }
        _ => &[],
    }
}

/// Whether a controller may add `key` to an object of the project: another object has it made, or it asks for it itself,
/// by an annotation or a label that a controller reads. One that names the key asks for it; where the object has no data
/// at all, it would have no other use.
pub(super) fn may_add(set: &Set<'_>, object: &Object, key: &str) -> bool {
    let empty =
        ["data", "binaryData"].iter().all(|field| object.value[*field].as_object().is_none_or(Map::is_empty));
    let asks = ["annotations", "labels"].into_iter().any(|field| {
        let pairs = object.value["metadata"][field].as_object().into_iter().flatten();
        pairs.filter(|(name, _)| is_request(name)).any(|(_, value)| {
            let mut words = value.as_str().unwrap_or_default().split([',', ' ', ';']);
            empty || words.any(|word| word == key)
        })
    });
    asks || made_by_another(set, object.kind(), set.namespace(object), object.name())
}

/// Whether the name of an annotation or a label is a controller's, and not one that only describes.
fn is_request(name: &str) -> bool {
    const DESCRIBE: [&str; 7] = [
        "kubernetes.io",
        "app.kubernetes.io",
        "helm.sh",
        "meta.helm.sh",
        "argocd.argoproj.io",
        "kubectl.kubernetes.io",
        "todo.dev",
    ];
    name.split_once('/').is_some_and(|(prefix, _)| !DESCRIBE.contains(&prefix))
}

/// Whether what a pod refers to comes into the namespace without a manifest.
pub(super) fn is_made(set: &Set<'_>, from: &Object, reference: &Reference<'_>) -> bool {
    // Every namespace has it (`kubernetes: pkg/controller/certificates/rootcacertpublisher`).
    (reference.kind == ConfigKind::ConfigMap && reference.name == "kube-root-ca.crt")
        || made_by_another(set, reference.kind.as_str(), set.namespace(from), reference.name)
}

/// Whether an object of the project has a controller make the Secret or ConfigMap `name`.
fn made_by_another(set: &Set<'_>, kind: &str, namespace: &str, name: &str) -> bool {
    let mut near = set.objects.iter().filter(|object| set.namespace(object) == namespace);
    near.any(|object| names_made(object, kind).contains(&name))
}

/// The names of the Secrets or ConfigMaps that a custom resource or an Ingress has made: each kind has a field of its own
/// for it, and most take their own name where it is empty.
fn names_made<'a>(object: &'a Object, kind: &str) -> Vec<&'a str> {
    let spec = &object.value["spec"];
    let or_own = |name: &'a Value| name.as_str().or(Some(object.name()));
    let secret = kind == "Secret";
    match (object.group(), object.kind()) {
        ("cert-manager.io", "Certificate") if secret => spec["secretName"].as_str().into_iter().collect(),
        ("networking.k8s.io", "Ingress") if secret => {
            let tls = items(&spec["tls"]).filter_map(|(_, tls)| tls["secretName"].as_str());
            let annotations = object.value["metadata"]["annotations"].as_object();
            let asks =
                annotations.into_iter().flat_map(Map::keys).any(|key| key.starts_with("cert-manager.io/"));
            if asks { tls.collect() } else { Vec::new() }
        }
        ("external-secrets.io", "ExternalSecret") if secret => {
            or_own(&spec["target"]["name"]).into_iter().collect()
        }
        ("bitnami.com", "SealedSecret") if secret => {
            or_own(&spec["template"]["metadata"]["name"]).into_iter().collect()
        }
        ("trust.cert-manager.io", "Bundle") => vec![object.name()],
        // Operators of databases, queues and vaults name what they make as they like: any text of their spec may be it.
        (group, _) if group.contains('.') && !group.ends_with(".k8s.io") => texts(spec),
        _ => Vec::new(),
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text.as_str()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
