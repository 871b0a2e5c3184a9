//! What the parts of the cluster read off objects, and the conditions that they write.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

/// A condition of a status; `null` if it has none of that type.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let all = object["status"]["conditions"].as_array();
    all.into_iter().flatten().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}

pub(super) fn holds(object: &Value, kind: &str) -> bool {
    condition(object, kind)["status"] == "True"
}

pub(super) fn is_dying(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

pub(super) fn has_ended(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

/// Whether a pod counts for its controller.
pub(super) fn is_active(pod: &Value) -> bool {
    !is_dying(pod) && !has_ended(pod)
}

pub(super) fn is_ready(pod: &Value) -> bool {
    holds(pod, "Ready")
}

/// Whether a pod has been ready for so many seconds; otherwise after how long it will have been.
pub(super) fn available(pod: &Value, seconds: i64, now: Timestamp) -> Result<(), Option<Duration>> {
    if !is_ready(pod) {
        return Err(None);
    }
    let since = condition(pod, "Ready")["lastTransitionTime"].as_str();
    let Some(since) = since.and_then(|moment| moment.parse::<Timestamp>().ok()) else { return Ok(()) };
    let left = SignedDuration::from_secs(seconds) - now.duration_since(since);
    if seconds == 0 || left <= SignedDuration::ZERO { Ok(()) } else { Err(Some(left.unsigned_abs())) }
}

/// `5` or `25%` of a number, rounded up or down.
pub(super) fn share(amount: &Value, of: i64, up: bool) -> i64 {
    if let Some(number) = amount.as_i64() {
        return number;
    }
    let percent = amount.as_str().and_then(|text| text.strip_suffix('%')?.parse::<i64>().ok());
    let product = of * percent.unwrap_or(0);
    if up { (product + 99) / 100 } else { product / 100 }
}

/// Whether labels are selected by a LabelSelector.
pub(super) fn selected(selector: &Value, labels: &Value) -> bool {
    let exact = selector["matchLabels"].as_object();
    let expressions = selector["matchExpressions"].as_array();
    exact.into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
        && expressions.into_iter().flatten().all(|expression| {
            let key = expression["key"].as_str().unwrap_or_default();
            let value = labels.get(key);
            let listed = || {
                let values = expression["values"].as_array();
                value.is_some_and(|value| values.is_some_and(|values| values.contains(value)))
            };
            match expression["operator"].as_str() {
                Some("In") => listed(),
                Some("NotIn") => !listed(),
                Some("Exists") => value.is_some(),
                _ => value.is_none(),
            }
        })
}

/// Writes a condition; returns whether anything but times has changed.
pub(super) fn set_condition(
    object: &mut Value,
    kind: &str,
    status: bool,
    reason: &str,
    message: &str,
    stamp: &str,
) -> bool {
    let before = condition(object, kind).clone();
    let status = if status { "True" } else { "False" };
    // These two take no new message for the same reason: it may name another pod each time.
    let silent = matches!(object["kind"].as_str(), Some("Deployment" | "ReplicaSet"));
    let changed =
        before["status"] != status || before["reason"] != reason || (before["message"] != message && !silent);
    if before.is_object() && !changed {
        return false;
    }
    let since = if before["status"] == status { before["lastTransitionTime"].clone() } else { json!(stamp) };
    let mut condition = json!({"type": kind, "status": status, "lastTransitionTime": since});
    if !reason.is_empty() {
        condition["reason"] = json!(reason);
    }
    if !message.is_empty() {
        condition["message"] = json!(message);
    }
    match object["kind"].as_str() {
        Some("Deployment") => condition["lastUpdateTime"] = json!(stamp),
        Some("Job") => condition["lastProbeTime"] = json!(stamp),
        Some("Pod") => {
            condition["lastProbeTime"] = Value::Null;
            condition["observedGeneration"] = object["metadata"]["generation"].clone();
        }
        _ => {}
    }
    if !object["status"]["conditions"].is_array() {
        object["status"]["conditions"] = json!([]);
    }
    let Some(all) = object["status"]["conditions"].as_array_mut() else { return true };
    match all.iter_mut().find(|condition| condition["type"] == kind) {
        Some(there) => *there = condition,
        None => all.push(condition),
    }
    true
}

/// Removes a condition; an empty list is omitted, as in all that Go writes with `omitempty`.
pub(super) fn drop_condition(object: &mut Value, kind: &str) {
    let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) else { return };
    let Some(all) = status.get_mut("conditions").and_then(Value::as_array_mut) else { return };
    all.retain(|condition| condition["type"] != kind);
    if all.is_empty() {
        status.remove("conditions");
    }
}

/// Sets a count of a status, or takes it out where it is 0, as the controllers do.
pub(super) fn count(status: &mut Value, field: &str, number: usize) {
    if !status.is_object() {
        *status = json!({});
    }
    if number > 0 {
        status[field] = json!(number);
    } else if let Some(fields) = status.as_object_mut() {
        fields.remove(field);
    }
}

#[cfg(test)]
mod tests {
    use super::selected;
    use super::share;
    use serde_json::json;

    #[test]
    fn shares_are_rounded_as_the_controller_rounds_them() {
        assert_eq!((share(&json!("25%"), 1, true), share(&json!("25%"), 1, false)), (1, 0));
        assert_eq!((share(&json!("25%"), 10, true), share(&json!(2), 10, false)), (3, 2));
    }

    #[test]
    fn expressions_are_read() {
        let selector = json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]});
        assert!(selected(&selector, &json!({"tier": "a"})) && !selected(&selector, &json!({"tier": "c"})));
        let absent = json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]});
        assert!(selected(&absent, &json!({})) && !selected(&absent, &json!({"tier": "a"})));
    }
}
