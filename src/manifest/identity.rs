//! What makes a document an object: apiVersion, kind, a name that its kind may have.
//!
//! Not the API server's validation: only what would leave us without an identity, or show that the file is not for us.

use crate::event::Code;
use crate::event::Finding;
use crate::manifest::Object;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use crate::relative::slashed;
use nearest::nearest;
use serde_json::Value;
use std::path::Path;

/// Whether it is an object that can be applied.
pub(crate) fn check(object: &Object, file: &Path) -> Result<(), Box<Finding>> {
    let Some(fields) = object.value.as_object() else {
        return Err(Code::ManifestInvalid
            .error("not a Kubernetes object: it has no fields")
            .help(foreign(object, file))
            .into());
    };
    for field in ["apiVersion", "kind"] {
        if fields.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
            let message = if fields.contains_key("apiVersion") || fields.contains_key("kind") {
                format!("the object has no `{field}`")
            } else {
                "not a Kubernetes object: it has neither `apiVersion` nor `kind`".to_owned()
            };
            let help = match nearest(field, fields.keys().map(String::as_str)) {
                Some(meant) => format!("write `{field}` instead of `{meant}`"),
                None => foreign(object, file),
            };
            return Err(Code::ManifestInvalid.error(message).help(help).into());
        }
    }
    if is_foreign(object) {
        let message = format!("a {} is not an object that can be applied to a cluster", object.kind());
        return Err(Code::ManifestInvalid.error(message).help(foreign(object, file)).into());
    }
    let subject = |finding: Finding| finding.about(object.id().to_string());
    let at = |finding: Finding, pointer: &str| subject(finding).at(object.place_of(pointer).clone());
    let metadata = &object.value["metadata"];
    match &metadata["name"] {
        Value::String(name) if !name.is_empty() => {
            if named_by_dns(object) && ObjectName::parse(name.as_str()).is_err() {
                let message = format!("`{name}` is not a valid name for a {}", object.kind());
                let help = "use 1 to 253 of a-z, 0-9, - and ., beginning and ending with a letter or digit";
                return Err(at(Code::ObjectNameInvalid.error(message), "/metadata/name").help(help).into());
            }
        }
        Value::Null | Value::String(_) if metadata.get("generateName").is_some() => {
            let message = format!("the {} has a `generateName` and no name", object.kind());
            let help = "give it a `name`: an object that is applied again must be found again";
            return Err(at(Code::ObjectNameInvalid.error(message), "/metadata/generateName")
                .help(help)
                .into());
        }
        Value::Null | Value::String(_) => {
            let message = format!("the {} has no `metadata.name`", object.kind());
            return Err(at(Code::ObjectNameInvalid.error(message), "/metadata")
                .help("give it a name")
                .into());
        }
        _ => {
            let message = "`metadata/name` must be a string, but YAML reads it as another type";
            return Err(at(Code::ObjectNameInvalid.error(message), "/metadata/name")
                .help("put the name in quotes")
                .into());
        }
    }
    match metadata.get("namespace") {
        Some(Value::String(name)) if !name.is_empty() && Namespace::parse(name.as_str()).is_err() => {
            let help = "use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit";
            Err(at(
                Code::NamespaceInvalid.error(format!("`{name}` is not a valid namespace")),
                "/metadata/namespace",
            )
            .help(help)
            .into())
        }
        Some(Value::String(_) | Value::Null) | None => Ok(()),
        Some(_) => {
            let message = "`metadata/namespace` must be a string, but YAML reads it as another type";
            Err(at(Code::NamespaceInvalid.error(message), "/metadata/namespace")
                .help("put the namespace in quotes")
                .into())
        }
    }
}

/// The kinds that every cluster has and whose names are DNS subdomains; those of `rbac` are freer.
fn named_by_dns(object: &Object) -> bool {
    ["", "apps", "batch", "autoscaling", "policy", "networking.k8s.io"].contains(&object.group())
}

/// What has a kind and is for another program.
fn is_foreign(object: &Object) -> bool {
    matches!(object.group(), "kustomize.config.k8s.io" | "kind.x-k8s.io" | "skaffold")
}

/// What to do about a file that is for another program, by what it looks like.
fn foreign(object: &Object, file: &Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => slashed(folder).display().to_string(),
        _ => ".".to_owned(),
    };
    let stem = name.split('.').next().unwrap_or_default();
    let has = |field: &str| object.value.get(field).is_some();
    let listed = |field: &str| object.value.get(field).is_some_and(Value::is_array);
    if stem == "kustomization" || object.group() == "kustomize.config.k8s.io" || listed("resources") {
        format!("it is kustomize's: write `kustomize = \"{folder}\"` in [[manifests]] instead of `path`")
    } else if stem == "chart" {
        format!("it is Helm's: write `chart = \"{folder}\"` in [[manifests]] instead of `path`")
    } else if stem.starts_with("values") {
        format!(
            "it looks like values for Helm: name them in `values` next to `chart`, or move it out of `{folder}`"
        )
    } else if stem.contains("compose") || has("services") {
        "it looks like a compose file, which `todo` does not deploy: `todo init` reads it; move it out of the manifests"
            .to_owned()
    } else {
        format!(
            "move it out of `{folder}`, or write a `path` that leaves it out, such as `{folder}/app-*.yaml`"
        )
    }
}
