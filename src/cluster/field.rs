//! Field paths as the API server writes them, found again in an object.
//!
//! Not a JSONPath: just the three spellings that refusals use, `spec.ports[0].nodePort`, `.spec.replicas` and
//! `.spec.containers[name="web"].image`, turned into a JSON pointer (RFC 6901), because places in files are kept by that.

use serde_json::Value;

/// The JSON pointer of `field` in `object`, as deep as the object has it.
pub(crate) fn pointer(object: &Value, field: &str) -> String {
    let mut pointer = String::new();
    let mut here = object;
    for part in parts(field) {
        let step = match here {
            Value::Array(items) => index(items, &part).map(|at| (at.to_string(), &items[at])),
            Value::Object(fields) => fields.get(&part).map(|value| (part.clone(), value)),
            _ => None,
        };
        let Some((name, value)) = step else { break };
        pointer = crate::pointer::below(&pointer, &name);
        here = value;
    }
    pointer
}

/// Removes the field from `object`.
pub(crate) fn remove(object: &mut Value, field: &str) {
    let whole = pointer(object, field);
    let Some((parent, name)) = whole.rsplit_once('/') else { return };
    let name = crate::pointer::key(name);
    match object.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(&name);
        }
        Some(Value::Array(items)) => {
            if let Ok(at) = name.parse::<usize>()
                && at < items.len()
            {
                items.remove(at);
            }
        }
        _ => {}
    }
}

pub(crate) fn parts(field: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = field;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (part, after) = inside.split_once(']').unwrap_or((inside, ""));
            parts.push(part.to_owned());
            rest = after;
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end > 0 {
                parts.push(rest[..end].to_owned());
            }
            rest = &rest[end..];
        }
    }
    parts
}

/// `0`, or `name="web"`, or `containerPort=80,protocol="TCP"`.
fn index(items: &[Value], part: &str) -> Option<usize> {
    if let Ok(at) = part.parse::<usize>() {
        return (at < items.len()).then_some(at);
    }
    let keys: Vec<(&str, Value)> = part
        .split(',')
        .filter_map(|key| key.split_once('='))
        .map(|(name, value)| (name, serde_json::from_str(value).unwrap_or(Value::Null)))
        .collect();
    if keys.is_empty() {
        return items.iter().position(|item| item == part);
    }
    items.iter().position(|item| {
        // The server names defaulted keys that the manifest leaves out.
        keys.iter().all(|(name, value)| item.get(*name).is_none_or(|found| found == value))
            && keys.iter().any(|(name, _)| item.get(*name).is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::pointer;
    use super::remove;
    use serde_json::json;

    #[test]
    fn every_spelling_of_the_server_finds_its_field() {
        let object = json!({
            "metadata": {"annotations": {"a.b/c": "x"}},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [
                {"name": "side"}, {"name": "web", "image": "i", "ports": [{"containerPort": 80}]},
            ]}}},
        });
        for (field, desired) in [
            ("spec.replicas", "/spec/replicas"),
            (".spec.replicas", "/spec/replicas"),
            ("spec.template.spec.containers[1].image", "/spec/template/spec/containers/1/image"),
            (".spec.template.spec.containers[name=\"web\"].image", "/spec/template/spec/containers/1/image"),
            (
                ".spec.template.spec.containers[name=\"web\"].ports[containerPort=80,protocol=\"TCP\"].hostPort",
                "/spec/template/spec/containers/1/ports/0",
            ),
            ("metadata.annotations[a.b/c]", "/metadata/annotations/a.b~1c"),
            ("spec.selector.matchLabels", "/spec"),
            ("spec.template.spec.containers[9].image", "/spec/template/spec/containers"),
            ("", ""),
        ] {
            assert_eq!(pointer(&object, field), desired, "{field}");
        }
    }

    #[test]
    fn a_field_that_is_left_to_others_is_taken_out() {
        let mut object = json!({"spec": {"replicas": 3, "a": 1}});
        remove(&mut object, ".spec.replicas");
        assert_eq!(object, json!({"spec": {"a": 1}}));
    }
}
