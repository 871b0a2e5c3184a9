//! LimitRanges: defaults for containers without requests or limits, and the limits that none may exceed.

use crate::kinds;
use crate::memory::Memory;
use crate::quantity;
use crate::refuse;
use crate::request::ApiResponse;
use crate::request::Where;
use serde_json::Value;
use serde_json::json;

impl Memory {
    pub(super) fn add_limits(&self, at: &Where, pod: &mut Value) -> Result<(), ApiResponse> {
        let ranges: Vec<Value> = self
            .within(kinds::LIMIT_RANGE.collection, Some(&at.namespace), "", "")
            .flat_map(|range| range["spec"]["limits"].as_array().cloned().unwrap_or_default())
            .filter(|limit| limit["type"] == "Container")
            .collect();
        let mut wrong = Vec::new();
        for limit in &ranges {
            for field in ["containers", "initContainers"] {
                for container in
                    pod["spec"].get_mut(field).and_then(Value::as_array_mut).into_iter().flatten()
                {
                    fill(limit, &mut container["resources"]);
                    wrong.extend(broken(limit, &container["resources"]));
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(refuse::forbidden(at, &list(&wrong))) }
    }
}

fn list(wrong: &[String]) -> String {
    if let [one] = wrong { one.clone() } else { format!("[{}]", wrong.join(", ")) }
}

fn fill(limit: &Value, resources: &mut Value) {
    for (from, into) in [("default", "limits"), ("defaultRequest", "requests")] {
        for (name, amount) in limit[from].as_object().into_iter().flatten() {
            if resources.get(into).is_none() {
                resources[into] = json!({});
            }
            if resources[into].get(name).is_none() {
                resources[into][name] = amount.clone();
            }
        }
    }
}

fn broken(limit: &Value, resources: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, most) in limit["max"].as_object().into_iter().flatten() {
        let most_shown = most.as_str().map_or_else(|| most.to_string(), str::to_owned);
        match resources["limits"].get(name) {
            None => wrong
                .push(format!("maximum {name} usage per Container is {most_shown}.  No limit is specified")),
            Some(asked) if quantity::milli(asked) > quantity::milli(most) => wrong.push(format!(
                "maximum {name} usage per Container is {most_shown}, but limit is {}",
                asked.as_str().unwrap_or_default()
            )),
            Some(_) => {}
        }
    }
    for (name, least) in limit["min"].as_object().into_iter().flatten() {
        let least_shown = least.as_str().map_or_else(|| least.to_string(), str::to_owned);
        match resources["requests"].get(name) {
            None => wrong.push(format!(
                "minimum {name} usage per Container is {least_shown}.  No request is specified"
            )),
            Some(asked) if quantity::milli(asked) < quantity::milli(least) => wrong.push(format!(
                "minimum {name} usage per Container is {least_shown}, but request is {}",
                asked.as_str().unwrap_or_default()
            )),
            Some(_) => {}
        }
    }
    wrong
}
