//! What a finding carries for programs: the numbers and names of its cause.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

/// Values by the keys that docs/findings.md lists for a code. Unknown values are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Data(Map<String, Value>);

impl Data {
    /// Adds a value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a value that is known.
    #[must_use]
    pub fn some(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Adds a text, unless it is empty.
    #[must_use]
    pub fn text(self, key: &str, text: &str) -> Self {
        self.some(key, Some(text).filter(|text| !text.is_empty()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Changes every text in it.
    pub(crate) fn each_text(&mut self, change: &mut impl FnMut(&mut String)) {
        self.0.values_mut().for_each(|value| each_text(value, change));
    }
}

fn each_text(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each_text(field, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::Data;
    use serde_json::json;

    #[test]
    fn what_is_not_known_is_left_out() {
        let data = Data::default().text("a", "").some("b", None::<i64>).with("c", 1).text("d", "x");
        assert_eq!(serde_json::to_value(&data).unwrap(), json!({"c": 1, "d": "x"}));
    }

    #[test]
    fn every_text_is_reached() {
        let mut data = Data::default().with("a", json!([{"b": "x"}])).text("c", "y");
        data.each_text(&mut |text| text.push('!'));
        assert_eq!(serde_json::to_value(&data).unwrap(), json!({"a": [{"b": "x!"}], "c": "y!"}));
    }
}
