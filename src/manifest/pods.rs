//! Where pod specs live, whatever the kind, and what they refer to.
//!
//! The one place that knows it: image binding, lint, and the cluster's rollout ask here. A kind that we do not know
//! counts as a workload if it has `spec.template.spec.containers`, as most custom ones do.

use crate::event::Place;
use crate::manifest::Object;
use serde_json::Map;
use serde_json::Value;

/// A pod, or the template of pods, inside an object.
#[derive(Debug, Clone)]
pub struct PodTemplate<'a> {
    /// The JSON pointer of what has `metadata` and `spec`; empty for a Pod itself.
    pub pointer: &'static str,
    /// The value.
    pub value: &'a Value,
}

/// A container of a pod template.
#[derive(Debug, Clone)]
pub struct Container<'a> {
    /// Its JSON pointer in the object.
    pub pointer: String,
    /// Whether it runs before the others: a member of `initContainers`.
    pub init: bool,
    /// The value.
    pub value: &'a Value,
}

/// The two kinds that pods are configured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl ConfigKind {
    /// The kind as objects write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ConfigKind::ConfigMap => "ConfigMap",
            ConfigKind::Secret => "Secret",
        }
    }
}

/// One use of a ConfigMap or Secret by a pod template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference<'a> {
    /// Which of the two.
    pub kind: ConfigKind,
    /// The object's name.
    pub name: &'a str,
    /// The key, or `None` for all there are.
    pub key: Option<&'a str>,
    /// Whether the pod starts without it.
    pub optional: bool,
    /// The JSON pointer, in the object, of the name or the key.
    pub pointer: String,
}

/// The places of pod specs by kind. Everything else is found by its shape.
const POINTERS: [&str; 4] = ["/spec/template", "/spec/jobTemplate/spec/template", "/template", ""];

/// The pod template of an object, or the object itself if it is a Pod.
#[must_use]
pub fn template(object: &Value) -> Option<PodTemplate<'_>> {
    POINTERS.into_iter().find_map(|pointer| {
        let value = object.pointer(pointer)?;
        let fits = value["spec"]["containers"].is_array() && (!pointer.is_empty() || object["kind"] == "Pod");
        fits.then_some(PodTemplate { pointer, value })
    })
}

/// The pod template of an object, to be changed.
pub fn template_mut(object: &mut Value) -> Option<&mut Value> {
    let pointer = template(object)?.pointer;
    object.pointer_mut(pointer)
}

/// Every object with a pod template, and that template.
pub fn all(objects: &[Object]) -> impl Iterator<Item = (&Object, PodTemplate<'_>)> {
    objects.iter().filter_map(|object| Some((object, template(&object.value)?)))
}

/// Whether `labels` has all that `selector` asks for.
#[must_use]
pub fn selects(selector: &Map<String, Value>, labels: &Value) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

impl<'a> PodTemplate<'a> {
    /// The pods' labels, or null.
    #[must_use]
    pub fn labels(&self) -> &'a Value {
        &self.value["metadata"]["labels"]
    }

    /// The pod spec.
    #[must_use]
    pub fn spec(&self) -> &'a Value {
        &self.value["spec"]
    }

    /// The containers, those of `initContainers` first.
    #[must_use]
    pub fn containers(&self) -> Vec<Container<'a>> {
        let init = self.list("initContainers", true);
        init.chain(self.list("containers", false)).collect()
    }

    /// The containers and the ephemeral ones, which run only on request, but name images, too.
    #[must_use]
    pub fn every_container(&self) -> Vec<Container<'a>> {
        self.containers().into_iter().chain(self.list("ephemeralContainers", false)).collect()
    }

    fn list(&self, name: &'static str, init: bool) -> impl Iterator<Item = Container<'a>> + use<'a> {
        let pointer = self.pointer;
        items(&self.spec()[name]).map(move |(index, value)| Container {
            pointer: format!("{pointer}/spec/{name}/{index}"),
            init,
            value,
        })
    }

    /// The volumes with their JSON pointers.
    pub fn volumes(&self) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
        let pointer = self.pointer;
        items(&self.spec()["volumes"])
            .map(move |(index, value)| (format!("{pointer}/spec/volumes/{index}"), value))
    }

    /// The names of the claims that it mounts, each with its JSON pointer.
    #[must_use]
    pub fn claims(&self) -> Vec<(String, &'a str)> {
        self.volumes()
            .filter_map(|(pointer, volume)| {
                let name = volume["persistentVolumeClaim"]["claimName"].as_str()?;
                Some((format!("{pointer}/persistentVolumeClaim/claimName"), name))
            })
            .collect()
    }

    /// Every use of a ConfigMap or Secret: `env`, `envFrom`, volumes and projected volumes.
    #[must_use]
    pub fn references(&self) -> Vec<Reference<'a>> {
        let mut found = Vec::new();
        for container in self.containers() {
            for (index, source) in items(&container.value["envFrom"]) {
                let pointer = format!("{}/envFrom/{index}", container.pointer);
                found.extend(whole(ConfigKind::ConfigMap, source, "configMapRef", "name", &pointer));
                found.extend(whole(ConfigKind::Secret, source, "secretRef", "name", &pointer));
            }
            for (index, variable) in items(&container.value["env"]) {
                let pointer = format!("{}/env/{index}/valueFrom", container.pointer);
                let from = &variable["valueFrom"];
                found.extend(keyed(ConfigKind::ConfigMap, from, "configMapKeyRef", &pointer));
                found.extend(keyed(ConfigKind::Secret, from, "secretKeyRef", &pointer));
            }
        }
        for (pointer, volume) in self.volumes() {
            found.extend(files(ConfigKind::ConfigMap, volume, "configMap", "name", &pointer));
            found.extend(files(ConfigKind::Secret, volume, "secret", "secretName", &pointer));
            for (index, source) in items(&volume["projected"]["sources"]) {
                let pointer = format!("{pointer}/projected/sources/{index}");
                found.extend(files(ConfigKind::ConfigMap, source, "configMap", "name", &pointer));
                found.extend(files(ConfigKind::Secret, source, "secret", "name", &pointer));
            }
        }
        found
    }
}

impl<'a> Container<'a> {
    /// The container's name, or an empty text.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.value["name"].as_str().unwrap_or_default()
    }

    /// Whether it runs as long as the pod: an init container that is restarted is a sidecar.
    #[must_use]
    pub fn stays(&self) -> bool {
        !self.init || self.value["restartPolicy"] == "Always"
    }

    /// Where the part of it at `pointer`, relative to the container, is written.
    #[must_use]
    pub fn place<'o>(&self, object: &'o Object, pointer: &str) -> &'o Place {
        object.place_of(&format!("{}{pointer}", self.pointer))
    }
}

/// The items of a list with their indices; none if it is not a list.
pub(crate) fn items(list: &Value) -> impl Iterator<Item = (usize, &Value)> + use<'_> {
    list.as_array().map(Vec::as_slice).unwrap_or_default().iter().enumerate()
}

fn whole<'a>(
    kind: ConfigKind,
    holder: &'a Value,
    field: &str,
    name_field: &str,
    pointer: &str,
) -> Option<Reference<'a>> {
    let source = &holder[field];
    Some(Reference {
        kind,
        name: source[name_field].as_str()?,
        key: None,
        optional: source["optional"] == true,
        pointer: format!("{pointer}/{field}/{name_field}"),
    })
}

fn keyed<'a>(kind: ConfigKind, holder: &'a Value, field: &str, pointer: &str) -> Option<Reference<'a>> {
    let reference = whole(kind, holder, field, "name", pointer)?;
    let key = holder[field]["key"].as_str()?;
    Some(Reference { key: Some(key), pointer: format!("{pointer}/{field}/key"), ..reference })
}

fn files<'a>(
    kind: ConfigKind,
    holder: &'a Value,
    field: &str,
    name_field: &str,
    pointer: &str,
) -> Vec<Reference<'a>> {
    let Some(reference) = whole(kind, holder, field, name_field, pointer) else { return Vec::new() };
    let keys: Vec<_> = items(&holder[field]["items"])
        .filter_map(|(index, item)| {
            let pointer = format!("{pointer}/{field}/items/{index}/key");
            Some(Reference { key: Some(item["key"].as_str()?), pointer, ..reference.clone() })
        })
        .collect();
    if keys.is_empty() { vec![reference] } else { keys }
}

#[cfg(test)]
mod tests {
    use super::template;
    use serde_json::json;

    #[test]
    fn pod_specs_are_found_in_every_kind() {
        let pod = json!({"spec": {"containers": [{"name": "a"}], "initContainers": [{"name": "b"}]}});
        for (object, pointer) in [
            (json!({"kind": "Pod", "spec": pod["spec"]}), Some("")),
            (json!({"kind": "Deployment", "spec": {"template": pod}}), Some("/spec/template")),
            (
                json!({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": pod}}}}),
                Some("/spec/jobTemplate/spec/template"),
            ),
            (json!({"kind": "PodTemplate", "template": pod}), Some("/template")),
            (json!({"kind": "Rollout", "spec": {"template": pod}}), Some("/spec/template")),
            (json!({"kind": "Widget", "spec": pod["spec"]}), None),
            (json!({"kind": "Service", "spec": {"ports": []}}), None),
        ] {
            let found = template(&object);
            assert_eq!(found.as_ref().map(|found| found.pointer), pointer, "{object}");
            if let Some(found) = found {
                let names: Vec<_> =
                    found.containers().into_iter().map(|c| (c.name().to_owned(), c.init)).collect();
                assert_eq!(names, [("b".to_owned(), true), ("a".to_owned(), false)]);
                for container in found.containers() {
                    assert_eq!(object.pointer(&container.pointer), Some(container.value));
                }
            }
        }
    }

    #[test]
    fn references_are_found_wherever_they_stand() {
        let spec = json!({
            "containers": [{
                "envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b", "optional": true}}],
                "env": [
                    {"name": "X", "valueFrom": {"secretKeyRef": {"name": "c", "key": "k"}}},
                    {"name": "Y", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                ],
            }],
            "volumes": [
                {"name": "v", "configMap": {"name": "d"}},
                {"name": "w", "secret": {"secretName": "e", "items": [{"key": "i", "path": "i"}, {"key": "j", "path": "j"}]}},
                {"name": "x", "projected": {"sources": [{"secret": {"name": "f"}}, {"serviceAccountToken": {}}]}},
            ],
        });
        let object = json!({"kind": "Pod", "spec": spec});
        let found: Vec<String> = template(&object)
            .unwrap()
            .references()
            .into_iter()
            .map(|reference| {
                assert!(object.pointer(&reference.pointer).unwrap().is_string(), "{reference:?}");
                let key = reference.key.unwrap_or("*");
                format!("{}/{} {key} {}", reference.kind.as_str(), reference.name, reference.optional)
            })
            .collect();
        assert_eq!(
            found,
            [
                "ConfigMap/a * false",
                "Secret/b * true",
                "Secret/c k false",
                "ConfigMap/d * false",
                "Secret/e i false",
                "Secret/e j false",
                "Secret/f * false",
            ]
        );
    }
}
