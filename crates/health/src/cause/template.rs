//! A container's trouble → the field of the manifest that it comes from, as a JSON pointer.

use crate::cause::config::Missing;
use crate::live;
use serde_json::Value;

/// Where the pod's spec is in an object of that kind.
pub fn pod_spec(kind: &str) -> &'static str {
    match kind {
        "Pod" => "/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => "/spec/template/spec",
    }
}

/// Where the container of that name is written.
pub fn container(manifest: &Value, name: &str) -> Option<String> {
    let spec = pod_spec(live::kind(manifest));
    ["containers", "initContainers"].iter().find_map(|group| {
        let at = format!("{spec}/{group}");
        let index =
            live::list(manifest, &at).iter().position(|written| live::text(written, "/name") == name)?;
        Some(format!("{at}/{index}"))
    })
}

/// The first of `fields` that is written in the container, else the container.
pub fn field(manifest: &Value, name: &str, fields: &[&str]) -> Option<String> {
    let at = container(manifest, name)?;
    let written =
        fields.iter().map(|field| format!("{at}/{field}")).find(|at| manifest.pointer(at).is_some());
    Some(written.unwrap_or(at))
}

/// Where a missing object or key is referenced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The field.
    pub pointer: String,
    /// The variable that is made from it, if one is.
    pub variable: Option<String>,
    /// The object that is named there.
    pub name: String,
}

/// Where `missing` is referenced: in the named container's variables, or in the pod's volumes.
pub fn reference(manifest: &Value, name: Option<&str>, missing: &Missing) -> Option<Reference> {
    let in_container =
        name.and_then(|name| container(manifest, name)).and_then(|at| variable(manifest, &at, missing));
    in_container.or_else(|| volume(manifest, missing))
}

fn variable(manifest: &Value, at: &str, missing: &Missing) -> Option<Reference> {
    let (one, all) = match missing.kind {
        "Secret" => ("secretKeyRef", "secretRef"),
        _ => ("configMapKeyRef", "configMapRef"),
    };
    let is_it = |reference: &Value| {
        missing.name.as_deref().is_none_or(|name| live::text(reference, "/name") == name)
            && missing.key.as_deref().is_none_or(|key| live::text(reference, "/key") == key)
            && !live::flag(reference, "/optional")
    };
    let of_variable =
        live::list(manifest, &format!("{at}/env")).iter().enumerate().find_map(|(index, entry)| {
            let reference =
                entry.pointer(&format!("/valueFrom/{one}")).filter(|reference| is_it(reference))?;
            let end = if missing.key.is_some() { "key" } else { "name" };
            Some(Reference {
                pointer: format!("{at}/env/{index}/valueFrom/{one}/{end}"),
                variable: Some(live::text(entry, "/name").to_owned()),
                name: live::text(reference, "/name").to_owned(),
            })
        });
    of_variable.or_else(|| {
        live::list(manifest, &format!("{at}/envFrom")).iter().enumerate().find_map(|(index, entry)| {
            let reference = entry.get(all)?;
            (missing.key.is_none() && is_it(reference)).then(|| Reference {
                pointer: format!("{at}/envFrom/{index}/{all}/name"),
                variable: None,
                name: live::text(reference, "/name").to_owned(),
            })
        })
    })
}

fn volume(manifest: &Value, missing: &Missing) -> Option<Reference> {
    let at = format!("{}/volumes", pod_spec(live::kind(manifest)));
    live::list(manifest, &at).iter().enumerate().find_map(|(index, volume)| {
        let place = format!("{at}/{index}");
        if let Some(found) = source(volume, &place, missing) {
            return Some(found);
        }
        live::list(volume, "/projected/sources").iter().enumerate().find_map(|(source_index, part)| {
            source(part, &format!("{place}/projected/sources/{source_index}"), missing)
        })
    })
}

fn source(volume: &Value, at: &str, missing: &Missing) -> Option<Reference> {
    let (field, names): (&str, &[&str]) = match missing.kind {
        "Secret" => ("secret", &["secretName", "name"]),
        "ConfigMap" => ("configMap", &["name"]),
        _ => ("persistentVolumeClaim", &["claimName"]),
    };
    let source = volume.get(field)?;
    let (name_field, name) = names.iter().find_map(|name| Some((*name, source.get(*name)?.as_str()?)))?;
    if missing.name.as_deref().is_some_and(|desired| desired != name) {
        return None;
    }
    let mut pointer = format!("{at}/{field}/{name_field}");
    if let Some(key) = &missing.key {
        let item = live::list(source, "/items").iter().position(|item| live::text(item, "/key") == key)?;
        pointer = format!("{at}/{field}/items/{item}/key");
    }
    Some(Reference { pointer, variable: None, name: name.to_owned() })
}
