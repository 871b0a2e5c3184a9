//! One page of a list, parsed without building what is not needed.
//!
//! Not a type for any kind: all fields of an object are kept. Only `managedFields`, more than half of an object's
//! text, stay unparsed: as a tree of maps they take most of the memory and of the time of a run that finds nothing
//! changed. [`owners`] parses them where they are needed.

use kube::core::ApiResource;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::Map;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct ObjectPage {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default)]
    items: Option<Vec<Item>>,
}

#[derive(Debug, Default, Deserialize)]
struct ListMeta {
    #[serde(rename = "continue", default)]
    more: Option<String>,
}

impl ObjectPage {
    /// The token for the next page, if there is one.
    pub(super) fn more(&self) -> Option<String> {
        self.metadata.more.clone().filter(|token| !token.is_empty())
    }

    /// Its objects, each with its kind, which the items of a list do not contain.
    pub(super) fn into_objects(self, resource: &ApiResource) -> impl Iterator<Item = Value> {
        self.items.into_iter().flatten().map(|Item(mut fields)| {
            fields.insert("apiVersion".to_owned(), resource.api_version.clone().into());
            fields.insert("kind".to_owned(), resource.kind.clone().into());
            Value::Object(fields)
        })
    }
}

/// The field managers of an object, as a server lists them, whether it was read alone or in a list.
pub(crate) fn owners(object: &Value) -> Cow<'_, [Value]> {
    match &object["metadata"]["managedFields"] {
        Value::Array(entries) => Cow::Borrowed(entries),
        Value::String(unread) => Cow::Owned(serde_json::from_str(unread).unwrap_or_default()),
        _ => Cow::default(),
    }
}

#[derive(Debug)]
struct Item(Map<String, Value>);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Item, D::Error> {
        deserializer.deserialize_map(Fields { special: "metadata", read: |Metadata(value)| value }).map(Item)
    }
}

struct Metadata(Value);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Metadata, D::Error> {
        let items = |text: Box<RawValue>| Value::String(Box::<str>::from(text).into());
        deserializer
            .deserialize_map(Fields { special: "managedFields", read: items })
            .map(Value::Object)
            .map(Metadata)
    }
}

/// Reads a map; the value of one field is read by a type of its own.
struct Fields<T> {
    special: &'static str,
    read: fn(T) -> Value,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = if name == self.special { (self.read)(map.next_value()?) } else { map.next_value()? };
            fields.insert(name, value);
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::ObjectPage;
    use super::owners;
    use kube::core::ApiResource;
    use kube::core::GroupVersionKind;
    use serde_json::Value;
    use serde_json::json;

    fn read(page: &Value) -> Vec<Value> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
        serde_json::from_str::<ObjectPage>(&page.to_string()).unwrap().into_objects(&resource).collect()
    }

    #[test]
    fn every_field_of_an_object_is_kept() {
        let owned = json!([{"manager": "todo", "fieldsV1": {"f:spec": {"f:a b\"": {}}}}]);
        let item = json!({
            "metadata": {"name": "web", "managedFields": owned, "labels": {"managedFields": "x"}},
            "spec": {"metadata": {"managedFields": [1]}},
            "status": null,
        });
        let objects = read(&json!({"metadata": {"resourceVersion": "7"}, "items": [item]}));
        let [object] = objects.as_slice() else { panic!("{objects:?}") };
        assert_eq!(*owners(object), *owned.as_array().unwrap());
        let mut whole = object.clone();
        whole["metadata"]["managedFields"] = owned;
        let mut expected = item;
        expected["apiVersion"] = json!("apps/v1");
        expected["kind"] = json!("Deployment");
        assert_eq!(whole, expected);
    }

    #[test]
    fn a_list_says_where_it_goes_on() {
        // the page: the token for the next one
        let table = [
            (json!({"metadata": {"continue": "abc"}, "items": []}), Some("abc")),
            (json!({"metadata": {"continue": ""}, "items": null}), None),
            (json!({"kind": "DeploymentList"}), None),
        ];
        for (page, next) in table {
            assert_eq!(
                serde_json::from_str::<ObjectPage>(&page.to_string()).unwrap().more().as_deref(),
                next,
                "{page}"
            );
            assert!(read(&page).is_empty());
        }
    }

    #[test]
    fn an_object_read_alone_has_its_owners_too() {
        assert_eq!(owners(&json!({"metadata": {"managedFields": [{"manager": "a"}]}})).len(), 1);
        assert!(owners(&json!({"metadata": {}})).is_empty());
    }
}
