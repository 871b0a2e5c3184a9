//! Pods follow the ConfigMaps and Secrets they read: a digest of that data, as an annotation of the pod template.
//!
//! Kubernetes gives a running container new files but never new variables, and does not notify it of either. With the
//! digest in the template a changed value is a new revision, rolled out like any other; and a key that a pod does not
//! read does not restart it.
//!
//! Digests of Secrets are keyed with a salt that only the cluster's own Secrets hold: an unkeyed hash of a short
//! password, in an annotation that everybody who may list Deployments can read, would be the password.

use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::manifest::pods;
use crate::manifest::pods::Reference;
use serde_json::Map;
use serde_json::Value;
use std::collections::BTreeMap;

/// The annotation that pod templates carry.
pub const ANNOTATION: &str = "todo.dev/config";

/// What makes a digest a Secret's: 32 random bytes, made once for a project and kept in a Secret of its cluster. If they
/// are lost, the pods that read a Secret start once more, which is all.
pub type Salt = [u8; 32];

/// A version of every key of the ConfigMaps and Secrets of a project. Equal data has equal versions.
#[derive(Clone, Default)]
pub struct Versions(BTreeMap<ObjectId, BTreeMap<String, String>>);

impl Versions {
    /// The versions of all ConfigMaps of `objects`, and with a salt of all their Secrets, too.
    #[must_use]
    pub fn from_objects(objects: &[Object], salt: Option<&Salt>) -> Versions {
        let mut versions = Versions::default();
        for object in objects.iter().filter(|object| object.group().is_empty()) {
            let hasher = match (object.kind(), salt) {
                ("ConfigMap", _) => blake3::Hasher::new_derive_key("todo 2026 ConfigMap key"),
                ("Secret", Some(salt)) => blake3::Hasher::new_keyed(salt),
                _ => continue,
            };
            let keys = versions.0.entry(object.id()).or_default();
            for field in ["data", "binaryData"] {
                for (key, value) in object.value[field].as_object().into_iter().flat_map(Map::iter) {
                    // The field and the key count: the same text under `binaryData` is another value.
                    let mut hasher = hasher.clone();
                    for part in [field, key, value.as_str().unwrap_or_default()] {
                        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
                    }
                    keys.insert(key.clone(), short(&hasher.finalize()));
                }
            }
        }
        versions
    }

    /// Sets the version of an object whose data is not at hand: its `resourceVersion`, a digest made elsewhere.
    pub fn insert(&mut self, id: ObjectId, version: impl Into<String>) {
        self.0.insert(id, [(String::new(), version.into())].into());
    }

    fn versions(&self, reference: &Reference<'_>, namespace: Option<&str>) -> Option<Vec<(&str, &str)>> {
        let id = ObjectId {
            group: String::new(),
            kind: reference.kind.as_str().to_owned(),
            namespace: namespace.map(str::to_owned),
            name: reference.name.to_owned(),
        };
        let keys = self.0.get(&id)?.iter().map(|(key, version)| (key.as_str(), version.as_str()));
        Some(match reference.key {
            Some(wanted) => keys.filter(|(key, _)| key.is_empty() || *key == wanted).collect(),
            None => keys.collect(),
        })
    }
}

/// Writes [`ANNOTATION`] into the pod template of every object that reads something with a version.
///
/// Not into bare Pods, which no annotation restarts. The objects' namespaces must be written (or left out) as they were
/// for [`Versions`].
pub fn follow(objects: &mut [Object], versions: &Versions) {
    for object in objects.iter_mut().filter(|object| object.kind() != "Pod") {
        let Some(digest) = digest(object, versions) else { continue };
        let Some(template) = pods::template_mut(&mut object.value).and_then(Value::as_object_mut) else {
            continue;
        };
        let metadata = template.entry("metadata").or_insert(Value::Null);
        *entry(entry(metadata, "annotations"), ANNOTATION) = Value::from(digest);
    }
}

fn digest(object: &Object, versions: &Versions) -> Option<String> {
    let template = pods::template(&object.value)?;
    let mut read = BTreeMap::new();
    for reference in template.references() {
        for (key, version) in versions.versions(&reference, object.namespace()).unwrap_or_default() {
            read.insert((reference.kind, reference.name, key), version);
        }
    }
    if read.is_empty() {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    for ((kind, name, key), version) in read {
        for part in [kind.as_str(), name, key, version] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
    }
    Some(short(&hasher.finalize()))
}

/// 64 bits: enough to see a change, because collisions are not provoked deliberately.
fn short(hash: &blake3::Hash) -> String {
    hash.to_hex()[..16].to_owned()
}

fn entry<'a>(parent: &'a mut Value, key: &str) -> &'a mut Value {
    if !parent.is_object() {
        *parent = Value::Object(Map::new());
    }
    &mut parent[key]
}

#[cfg(test)]
mod tests {
    use super::ANNOTATION;
    use super::Versions;
    use super::follow;
    use crate::manifest::Object;
    use crate::manifest::ObjectId;
    use crate::manifest::read::objects;

    const APP: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {LEVEL: info, OTHER: x}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {KEY: hunter2}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: keyed}
spec:
  template:
    spec:
      containers:
        - name: c
          env: [{name: L, valueFrom: {configMapKeyRef: {name: c, key: LEVEL}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: whole}
spec:
  template:
    metadata: {annotations: {a: b}}
    spec:
      containers:
        - name: c
          envFrom: [{configMapRef: {name: c}}, {secretRef: {name: s}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: none}
spec: {template: {spec: {containers: [{name: c, envFrom: [{secretRef: {name: elsewhere}}]}]}}}
";

    /// The annotations of `keyed`, `whole` and `none`.
    fn annotations(text: &str, salt: Option<u8>) -> Vec<Option<String>> {
        let mut objects = objects(text);
        let versions = Versions::from_objects(&objects, salt.map(|byte| [byte; 32]).as_ref());
        follow(&mut objects, &versions);
        let deployments = objects.iter().filter(|object| object.kind() == "Deployment");
        deployments
            .map(|object| {
                let metadata = object.value.pointer("/spec/template/metadata")?;
                metadata["annotations"][ANNOTATION].as_str().map(str::to_owned)
            })
            .collect()
    }

    #[test]
    fn a_pod_changes_with_what_it_reads_and_with_nothing_else() {
        let before = annotations(APP, Some(1));
        assert_eq!(before, annotations(APP, Some(1)));
        assert!(before[0].is_some() && before[1].is_some() && before[2].is_none());
        let changed = |from: &str, to: &str| -> Vec<bool> {
            let after = annotations(&APP.replace(from, to), Some(1));
            before.iter().zip(after).map(|(before, after)| *before != after).collect()
        };
        assert_eq!(changed("info", "debug"), [true, true, false]);
        assert_eq!(changed("OTHER: x", "OTHER: z"), [false, true, false]);
        assert_eq!(changed("hunter2", "hunter3"), [false, true, false]);
        assert_eq!(changed("OTHER: x}", "OTHER: x, NEW: x}"), [false, true, false]);
    }

    #[test]
    fn a_secrets_digest_depends_on_the_salt() {
        let (one, two, none) = (annotations(APP, Some(1)), annotations(APP, Some(2)), annotations(APP, None));
        assert_eq!((&one[0], &one[0]), (&two[0], &none[0]));
        assert!(one[1] != two[1] && one[1] != none[1]);
    }

    #[test]
    fn what_others_know_the_version_of_counts_too() {
        let mut objects = objects(APP);
        let mut versions = Versions::default();
        let id = ObjectId {
            group: String::new(),
            kind: "Secret".into(),
            namespace: None,
            name: "elsewhere".into(),
        };
        versions.insert(id, "42");
        follow(&mut objects, &versions);
        let annotated: Vec<&str> =
            objects.iter().filter(|o| o.value.to_string().contains(ANNOTATION)).map(Object::name).collect();
        assert_eq!(annotated, ["none"]);
        assert_eq!(
            objects[3].value["spec"]["template"]["metadata"]["annotations"].as_object().unwrap().len(),
            1
        );
    }
}
