//! Where an image can be named: containers of every kind, image volumes, and what the rules of a project point at.

use crate::manifest::Object;
use crate::manifest::pods;
use crate::manifest::pods::items;
use crate::pointer::below;
use crate::project::Binding;
use serde_json::Value;

/// A field that names an image.
pub(super) struct ImageField<'r> {
    /// The JSON pointer of the container, image volume or other mapping.
    pub(super) holder: String,
    pub(super) field: &'r str,
    pub(super) policy: Option<&'r str>,
}

pub(super) fn sites<'r>(object: &Object, rules: &'r [Binding]) -> Vec<ImageField<'r>> {
    let mut sites = Vec::new();
    if let Some(template) = pods::template(&object.value) {
        sites.extend(template.every_container().into_iter().map(|container| ImageField {
            holder: container.pointer,
            field: "image",
            policy: Some("imagePullPolicy"),
        }));
        let volumes = items(&template.spec()["volumes"]).filter(|(_, volume)| volume.get("image").is_some());
        sites.extend(volumes.map(|(index, _)| ImageField {
            holder: format!("{}/spec/volumes/{index}/image", template.pointer),
            field: "reference",
            policy: Some("pullPolicy"),
        }));
    }
    for rule in rules.iter().filter(|rule| rule.kind == object.kind()) {
        let Some((field, parents)) = rule.path.split_last() else { continue };
        let mut holders = vec![String::new()];
        for part in parents {
            holders = holders.iter().flat_map(|holder| inside(&object.value, holder, part)).collect();
        }
        let policy = rule.policy.as_deref();
        sites.extend(holders.into_iter().map(|holder| ImageField { holder, field, policy }));
    }
    sites
}

/// The pointers that a part of a path stands for: a key, or with `[]` every item of its list.
fn inside(value: &Value, holder: &str, part: &str) -> Vec<String> {
    let (key, every) = part.strip_suffix("[]").map_or((part, false), |key| (key, true));
    let pointer = below(holder, key);
    match value.pointer(&pointer) {
        Some(Value::Array(list)) if every => {
            (0..list.len()).map(|index| format!("{pointer}/{index}")).collect()
        }
        Some(_) if !every => vec![pointer],
        _ => Vec::new(),
    }
}

pub(super) fn image_at<'a>(object: &'a Object, site: &ImageField<'_>) -> Option<&'a str> {
    object.value.pointer(&site.holder)?[site.field].as_str()
}

pub(super) fn policy_at(object: &Object, site: &ImageField<'_>) -> Option<String> {
    object.value.pointer(&site.holder)?[site.policy?].as_str().map(str::to_owned)
}
