//! Typed objects → the YAML that is written: keys in the order in which people write them.

use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;
use serde_json::Map;
use serde_json::Value;

/// An object and the comment above it.
pub(super) struct SerializedYaml {
    /// The comment; empty for none.
    comment: String,
    value: Value,
}

impl SerializedYaml {
    /// An object of any kind.
    pub(super) fn new(comment: &str, object: &impl Serialize) -> SerializedYaml {
        // The types of Kubernetes' API are plain data: they always serialise.
        SerializedYaml {
            comment: comment.to_owned(),
            value: serde_json::to_value(object).unwrap_or_default(),
        }
    }

    /// Whether it is the object of this kind and name.
    pub(super) fn is(&self, kind: &str, name: &str) -> bool {
        self.value["kind"] == kind && self.value["metadata"]["name"] == name
    }
}

/// The text of a file with these objects.
pub(super) fn file(head: &str, objects: &[SerializedYaml]) -> String {
    let mut text = format!("# {head}\n");
    for (at, object) in objects.iter().enumerate() {
        if at > 0 {
            text.push_str("---\n");
        }
        for line in object.comment.lines() {
            text.extend(["# ", line, "\n"]);
        }
        let options =
            serde_saphyr::ser_options! { compact_list_indent: false, folded_wrap_chars: usize::MAX };
        // Nothing but texts, numbers, lists and mappings comes here.
        text.push_str(
            &serde_saphyr::to_string_with_options(&Ordered(&object.value), options).unwrap_or_default(),
        );
    }
    text
}

struct Ordered<'a>(&'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for key in ordered(fields) {
                    map.serialize_entry(key, &Ordered(&fields[key]))?;
                }
                map.end()
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Ordered)),
            other => other.serialize(serializer),
        }
    }
}

/// The keys in the usual order: kind and name first, the long lists last.
fn ordered(fields: &Map<String, Value>) -> Vec<&String> {
    const FIRST: [&str; 24] = [
        "apiVersion",
        "kind",
        "metadata",
        "type",
        "name",
        "namespace",
        "image",
        "command",
        "args",
        "workingDir",
        "httpGet",
        "exec",
        "tcpSocket",
        "path",
        "replicas",
        "serviceName",
        "clusterIP",
        "strategy",
        "selector",
        "port",
        "targetPort",
        "ports",
        "envFrom",
        "env",
    ];
    const LAST: [&str; 7] =
        ["containers", "resources", "volumeMounts", "template", "volumeClaimTemplates", "volumes", "data"];
    let rank = |key: &str| match (
        FIRST.iter().position(|item| *item == key),
        LAST.iter().position(|item| *item == key),
    ) {
        (Some(at), _) => (0, at),
        (None, Some(at)) => (2, at),
        (None, None) => (1, 0),
    };
    let mut keys: Vec<&String> = fields.keys().collect();
    keys.sort_by_key(|key| (rank(key), key.as_str()));
    keys
}
