//! An object before and after the change, as a unified diff of YAML: what `kubectl diff` shows, without the fields
//! that the server writes.
//!
//! Secret values are masked on both sides, so that the diff shows that they differ and not how.

use crate::cluster::diff::MASK;
use crate::cluster::diff::is_hidden;
use crate::cluster::diff::joined;
use crate::cluster::diff::meant;
use crate::cluster::diff::named;
use crate::manifest::ObjectId;
use crate::manifest::shared::Shared;
use crate::redact::Redactor;
use serde_json::Map;
use serde_json::Value;
use similar::TextDiff;
use std::fmt;

/// An object as it is and as it would be; `None` where it is not there. Not to be printed: secrets are in it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sides {
    pub(crate) before: Option<Shared<Value>>,
    pub(crate) after: Option<Shared<Value>>,
}

impl fmt::Debug for Sides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sides(…)")
    }
}

impl Sides {
    /// The unified diff, with the values that `redactor` knows, the data of Secrets and passwords masked.
    #[must_use]
    pub fn unified(&self, id: &ObjectId, redactor: &Redactor) -> String {
        let side = |value: &Option<Shared<Value>>| value.as_ref().map(|value| meant(value));
        let (before, after) = (side(&self.before), side(&self.after));
        let is_secret = id.group.is_empty() && id.kind == "Secret";
        let mask = Mask { redactor, is_secret };
        let (before, after) = match (before, after) {
            (Some(before), Some(after)) => {
                let (before, after) = mask.both("", &before, &after);
                (Some(before), Some(after))
            }
            (before, after) => {
                let alone = |value: Value| mask.alone("", &value);
                (before.map(alone), after.map(alone))
            }
        };
        let text = |value: &Option<Value>| value.as_ref().map(yaml).unwrap_or_default();
        let path = [id.namespace.as_deref().unwrap_or_default(), &id.kind, &id.name];
        let path: Vec<&str> = path.into_iter().filter(|part| !part.is_empty()).collect();
        let label = |side: &str, value: &Option<Value>| match value {
            Some(_) => format!("{side}/{}", path.join("/")),
            None => "/dev/null".to_owned(),
        };
        let (old, new) = (text(&before), text(&after));
        let lines = TextDiff::from_lines(old.as_str(), new.as_str());
        lines.unified_diff().header(&label("live", &before), &label("planned", &after)).to_string()
    }
}

/// The value as YAML, its keys in the order of the alphabet, as `kubectl` writes them.
fn yaml(value: &Value) -> String {
    let options = serde_saphyr::ser_options! { compact_list_indent: true, folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(&sorted(value), options).unwrap_or_default()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            fields.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect()
        }
        other => other.clone(),
    }
}

/// The values to mask.
struct Mask<'a> {
    redactor: &'a Redactor,
    is_secret: bool,
}

impl Mask<'_> {
    fn both(&self, path: &str, before: &Value, after: &Value) -> (Value, Value) {
        match (before, after) {
            (Value::Object(old), Value::Object(new)) => {
                let fields = |of: &Map<String, Value>, other: &Map<String, Value>, pick: Pick| {
                    let field = |(name, value): (&String, &Value)| {
                        (name.clone(), self.beside(&joined(path, name), value, other.get(name), pick))
                    };
                    of.iter().map(field).collect()
                };
                (fields(old, new, Pick::Before), fields(new, old, Pick::After))
            }
            (Value::Array(old), Value::Array(new)) => {
                let names = (named(old), named(new));
                let items = |of: &[Value], others: &[Value], is_old: bool| {
                    let item = |(at, value): (usize, &Value)| {
                        let (own, theirs) = if is_old { (&names.0, &names.1) } else { (&names.1, &names.0) };
                        let (step, other) = match (own, theirs) {
                            (Some(own), Some(theirs)) => {
                                let other = theirs.iter().position(|name| *name == own[at]);
                                (own[at].to_owned(), other)
                            }
                            _ => (at.to_string(), Some(at)),
                        };
                        let other = other.and_then(|at| others.get(at));
                        let pick = if is_old { Pick::Before } else { Pick::After };
                        self.beside(&format!("{path}[{step}]"), value, other, pick)
                    };
                    of.iter().enumerate().map(item).collect()
                };
                (items(old, new, true), items(new, old, false))
            }
            _ if is_whole(before) || is_whole(after) => (self.alone(path, before), self.alone(path, after)),
            _ => {
                let (old, new) = (self.alone(path, before), self.alone(path, after));
                if before == after || old != new {
                    return (old, new);
                }
                let marked = |value: &Value, which: &str| match value {
                    Value::String(text) => Value::from(format!("{text} ({which})")),
                    other => other.clone(),
                };
                (marked(&old, "before"), marked(&new, "after"))
            }
        }
    }

    /// A value of one side, masked with regard to the value of the other side.
    fn beside(&self, path: &str, value: &Value, other: Option<&Value>, pick: Pick) -> Value {
        match (other, pick) {
            (None, _) => self.alone(path, value),
            (Some(after), Pick::Before) => self.both(path, value, after).0,
            (Some(before), Pick::After) => self.both(path, before, value).1,
        }
    }

    fn alone(&self, path: &str, value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let field =
                    |(name, value): (&String, &Value)| (name.clone(), self.alone(&joined(path, name), value));
                fields.iter().map(field).collect()
            }
            Value::Array(items) => {
                let names = named(items);
                let item = |(at, value): (usize, &Value)| {
                    let step = names.as_ref().map_or_else(|| at.to_string(), |names| names[at].to_owned());
                    self.alone(&format!("{path}[{step}]"), value)
                };
                items.iter().enumerate().map(item).collect()
            }
            Value::Null => Value::Null,
            _ if is_hidden(path, self.is_secret) => Value::from(MASK),
            Value::String(text) => {
                let mut text = text.clone();
                self.redactor.quoted(&mut text);
                Value::String(text)
            }
            other => other.clone(),
        }
    }
}

#[derive(Clone, Copy)]
enum Pick {
    Before,
    After,
}

fn is_whole(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_))
}

#[cfg(test)]
mod tests {
    use super::Sides;
    use crate::manifest::ObjectId;
    use crate::redact::Redactor;
    use serde_json::Value;
    use serde_json::json;

    fn unified(before: Option<Value>, after: Option<Value>, secrets: &[&str]) -> String {
        let redactor = Redactor::default();
        for secret in secrets {
            redactor.hide(secret.as_bytes());
        }
        let kind = before.as_ref().or(after.as_ref()).unwrap()["kind"].as_str().unwrap().to_owned();
        let id = ObjectId { group: String::new(), kind, namespace: Some("shop".into()), name: "a".into() };
        Sides { before: before.map(Into::into), after: after.map(Into::into) }.unified(&id, &redactor)
    }

    fn changed(diff: &str) -> Vec<&str> {
        let is_change = |line: &&str| {
            line.starts_with(['-', '+']) && !line.starts_with("---") && !line.starts_with("+++")
        };
        diff.lines().filter(is_change).collect()
    }

    #[test]
    fn only_what_differs_and_is_meant_is_a_change() {
        let of = |replicas: u32, version: &str| {
            json!({"kind": "Deployment", "metadata": {"name": "a", "resourceVersion": version, "managedFields": [{"x": version}]},
                "spec": {"replicas": replicas, "template": {"containers": [{"name": "a", "image": "i"}]}},
                "status": {"observedGeneration": version}})
        };
        let diff = unified(Some(of(1, "7")), Some(of(2, "8")), &[]);
        assert_eq!(changed(&diff), ["-  replicas: 1", "+  replicas: 2"], "{diff}");
        assert!(diff.starts_with("--- live/shop/Deployment/a\n+++ planned/shop/Deployment/a\n@@ "), "{diff}");
        assert_eq!(unified(Some(of(1, "7")), Some(of(1, "8")), &[]), "");
    }

    #[test]
    fn what_is_created_and_what_goes_has_one_side() {
        let object = || json!({"kind": "ConfigMap", "metadata": {"name": "a"}});
        let created = unified(None, Some(object()), &[]);
        assert!(created.starts_with("--- /dev/null\n+++ planned/shop/ConfigMap/a\n"), "{created}");
        assert!(changed(&created).iter().all(|line| line.starts_with('+')), "{created}");
        let gone = unified(Some(object()), None, &[]);
        assert!(gone.starts_with("--- live/shop/ConfigMap/a\n+++ /dev/null\n"), "{gone}");
        assert!(changed(&gone).iter().all(|line| line.starts_with('-')), "{gone}");
    }

    #[test]
    fn secrets_are_seen_to_differ_and_are_not_seen() {
        // `hunter-one` and `hunter-two`, in base64 in a Secret.
        let secret =
            |value: &str| json!({"kind": "Secret", "data": {"password": value, "same": "c2FtZS12YWx1ZQ=="}});
        let (one, two) = ("aHVudGVyLW9uZQ==", "aHVudGVyLXR3bw==");
        let env = |value: &str| json!({"kind": "Pod", "spec": {"containers": [{"name": "web", "env": [{"name": "DB_PASSWORD", "value": value}]}]}});
        let config =
            |value: &str| json!({"kind": "ConfigMap", "data": {"url": format!("redis://u:{value}@h")}});
        let known = ["hunter-one", "hunter-two"];
        for (before, after) in [
            (secret(one), secret(two)),
            (env("hunter-one"), env("hunter-two")),
            (config("hunter-one"), config("hunter-two")),
        ] {
            let diff = unified(Some(before.clone()), Some(after.clone()), &known);
            assert_eq!(changed(&diff).len(), 2, "{diff}");
            for sides in
                [(Some(before.clone()), Some(after)), (Some(before.clone()), None), (None, Some(before))]
            {
                let diff = unified(sides.0, sides.1, &known);
                assert!(
                    !diff.contains("hunter") && !diff.contains("aHVud") && !diff.contains("c2FtZ"),
                    "{diff}"
                );
                assert!(diff.contains("***"), "{diff}");
            }
        }
        let annotated = |value: &str| json!({"kind": "Secret", "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": value}}});
        let diff = unified(Some(annotated("a-one")), Some(annotated("a-two")), &[]);
        assert!(changed(&diff).len() == 2 && !diff.contains("a-one"), "{diff}");
    }

    #[test]
    fn a_container_that_is_put_first_hides_what_its_own_variables_hold() {
        let of = |containers: Value| json!({"kind": "Pod", "spec": {"containers": containers}});
        let web = json!({"name": "web", "env": [{"name": "API_TOKEN", "value": "hunter2"}]});
        let side = json!({"name": "side", "env": [{"name": "MODE", "value": "fast"}]});
        let diff = unified(Some(of(json!([web]))), Some(of(json!([side, web]))), &[]);
        assert!(!diff.contains("hunter2") && diff.contains("fast"), "{diff}");
        assert!(changed(&diff).iter().all(|line| line.starts_with('+')), "{diff}");
    }
}
