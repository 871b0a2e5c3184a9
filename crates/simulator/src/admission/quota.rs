//! ResourceQuotas: how much of a namespace is taken, and which objects exceed the quota.

use crate::kinds;
use crate::memory::Memory;
use crate::quantity;
use crate::refuse;
use crate::request::ApiResponse;
use crate::request::Where;
use crate::request::locate;
use crate::request::text;
use serde_json::Value;

impl Memory {
    pub(super) fn check_quota(&self, at: &Where, object: &Value) -> Result<(), ApiResponse> {
        for quota in self.within(kinds::QUOTA.collection, Some(&at.namespace), "", "") {
            if at.namespace.is_empty() {
                break;
            }
            let name = text(&quota["metadata"]["name"]);
            let mut asked = Vec::new();
            let mut silent = Vec::new();
            // Until its controller has given it a status, it lets everything through
            // (`k8s.io/apiserver: pkg/admission/plugin/resourcequota/controller.go`: `CheckRequest`).
            for (resource, hard) in quota["status"]["hard"].as_object().into_iter().flatten() {
                if at.plural == "pods" && computed(resource) {
                    silent.extend(
                        says_nothing(object, resource).map(|container| (resource.clone(), container)),
                    );
                }
                let more = takes(resource, at, object);
                let taken = used(self, &at.namespace, resource);
                if more > 0 && taken + more > quantity::milli(hard) {
                    asked.push((resource.clone(), more, taken, hard.clone()));
                }
            }
            if !silent.is_empty() {
                let messages: Vec<String> = silent
                    .iter()
                    .map(|(resource, container)| format!("{resource} for: {container}"))
                    .collect();
                let why = format!("failed quota: {name}: must specify {}", messages.join("; "));
                return Err(refuse::forbidden(at, &why));
            }
            if !asked.is_empty() {
                let (mut requested, mut used, mut limited) = (Vec::new(), Vec::new(), Vec::new());
                for (resource, more, taken, hard) in asked {
                    let hard = hard.as_str().map_or_else(|| hard.to_string(), str::to_owned);
                    requested.push(format!("{resource}={}", quantity::shown(more)));
                    used.push(format!("{resource}={}", quantity::shown(taken)));
                    limited.push(format!("{resource}={hard}"));
                }
                let why = format!(
                    "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
                    requested.join(","),
                    used.join(","),
                    limited.join(",")
                );
                return Err(refuse::forbidden(at, &why));
            }
        }
        Ok(())
    }
}

/// How much of a resource is taken in a namespace, in thousandths.
pub(crate) fn used(memory: &Memory, namespace: &str, resource: &str) -> i128 {
    memory
        .objects
        .iter()
        .filter(|((_, of, _), _)| of == namespace)
        .map(|((collection, ..), object)| takes(resource, &locate(collection), object))
        .sum()
}

/// Resources that containers request.
fn computed(resource: &str) -> bool {
    resource.starts_with("requests.")
        || resource.starts_with("limits.")
        || matches!(resource, "cpu" | "memory")
}

/// How much of a resource one object takes, in thousandths.
fn takes(resource: &str, at: &Where, object: &Value) -> i128 {
    let over = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if at.plural == "pods" && over {
        return 0;
    }
    if computed(resource) && resource != "requests.storage" {
        return if at.plural == "pods" { of_containers(object, resource) } else { 0 };
    }
    if resource == "requests.storage" {
        let asked = &object["spec"]["resources"]["requests"]["storage"];
        return if at.plural == "persistentvolumeclaims" { quantity::milli(asked) } else { 0 };
    }
    let counted = resource.strip_prefix("count/").unwrap_or(resource);
    let full = if at.group.is_empty() { at.plural.clone() } else { format!("{}.{}", at.plural, at.group) };
    let node_port =
        counted == "services.nodeports" && object["spec"]["type"] == "NodePort" && at.plural == "services";
    if counted == full || node_port { 1000 } else { 0 }
}

fn split(resource: &str) -> (&str, &str) {
    resource.split_once('.').unwrap_or(("requests", resource))
}

fn of_containers(pod: &Value, resource: &str) -> i128 {
    let (field, name) = split(resource);
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    containers.map(|container| container["resources"][field].get(name).map_or(0, quantity::milli)).sum()
}

/// The containers without a request or limit, if any.
fn says_nothing(pod: &Value, resource: &str) -> Option<String> {
    let (field, name) = split(resource);
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let silent: Vec<String> = containers
        .filter(|container| container["resources"][field].get(name).is_none())
        .map(|container| text(&container["name"]))
        .collect();
    (!silent.is_empty()).then(|| silent.join(","))
}
