//! Pod security: what a namespace's label lets pods do (`kubernetes: staging/src/k8s.io/pod-security-admission`).
//!
//! The commonest checks of each level, not all of them.

use crate::kinds;
use crate::memory::Memory;
use crate::refuse;
use crate::request::ApiResponse;
use crate::request::Where;
use crate::request::text;
use serde_json::Value;

impl Memory {
    pub(super) fn check_security(&self, at: &Where, pod: &Value) -> Result<(), ApiResponse> {
        let key = (kinds::NAMESPACE.collection.to_owned(), String::new(), at.namespace.clone());
        let Some(namespace) = self.objects.get(&key) else { return Ok(()) };
        let labels = &namespace["metadata"]["labels"];
        let level = text(&labels["pod-security.kubernetes.io/enforce"]);
        let version = labels["pod-security.kubernetes.io/enforce-version"].as_str().unwrap_or("latest");
        let wrong = match level.as_str() {
            "baseline" => baseline(&pod["spec"]),
            "restricted" => [baseline(&pod["spec"]), restricted(&pod["spec"])].concat(),
            _ => Vec::new(),
        };
        if wrong.is_empty() {
            return Ok(());
        }
        let why = format!("violates PodSecurity \"{level}:{version}\": {}", wrong.join(", "));
        Err(refuse::forbidden(at, &why))
    }
}

fn containers(spec: &Value) -> Vec<&Value> {
    ["initContainers", "containers"]
        .iter()
        .flat_map(|field| spec[*field].as_array().into_iter().flatten())
        .collect()
}

/// `container "web"` or `containers "web", "side"`, of those that `which` selects.
fn named(spec: &Value, which: impl Fn(&Value) -> bool) -> Option<String> {
    let names: Vec<String> = containers(spec)
        .into_iter()
        .filter(|container| which(container))
        .map(|container| format!("\"{}\"", text(&container["name"])))
        .collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("container {one}")),
        many => Some(format!("containers {}", many.join(", "))),
    }
}

fn baseline(spec: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let host: Vec<&str> =
        ["hostNetwork", "hostPID", "hostIPC"].into_iter().filter(|field| spec[*field] == true).collect();
    if !host.is_empty() {
        let messages: Vec<String> = host.iter().map(|field| format!("{field}=true")).collect();
        wrong.push(format!("host namespaces ({})", messages.join(", ")));
    }
    let paths: Vec<String> = spec["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|volume| volume.get("hostPath").is_some())
        .map(|volume| format!("\"{}\"", text(&volume["name"])))
        .collect();
    if !paths.is_empty() {
        let noun = if paths.len() == 1 { "volume" } else { "volumes" };
        wrong.push(format!("hostPath volumes ({noun} {})", paths.join(", ")));
    }
    if let Some(who) = named(spec, |container| container["securityContext"]["privileged"] == true) {
        wrong.push(format!("privileged ({who} must not set securityContext.privileged=true)"));
    }
    wrong
}

fn restricted(spec: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let context = |container: &Value, field: &str| container["securityContext"][field].clone();
    if let Some(who) = named(spec, |container| context(container, "allowPrivilegeEscalation") != false) {
        wrong.push(format!(
            "allowPrivilegeEscalation != false ({who} must set securityContext.allowPrivilegeEscalation=false)"
        ));
    }
    let keeps = |container: &Value| {
        let dropped = &container["securityContext"]["capabilities"]["drop"];
        !dropped.as_array().is_some_and(|all| all.iter().any(|item| item == "ALL"))
    };
    if let Some(who) = named(spec, keeps) {
        wrong.push(format!(
            "unrestricted capabilities ({who} must set securityContext.capabilities.drop=[\"ALL\"])"
        ));
    }
    let may_be_root = |container: &Value| {
        context(container, "runAsNonRoot") != true && spec["securityContext"]["runAsNonRoot"] != true
    };
    if let Some(who) = named(spec, may_be_root) {
        wrong.push(format!("runAsNonRoot != true (pod or {who} must set securityContext.runAsNonRoot=true)"));
    }
    let unconfined = |container: &Value| {
        let profile = |holder: &Value| holder["securityContext"]["seccompProfile"]["type"].is_string();
        !profile(container) && !spec["securityContext"]["seccompProfile"]["type"].is_string()
    };
    if let Some(who) = named(spec, unconfined) {
        wrong.push(format!(
            "seccompProfile (pod or {who} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"
        ));
    }
    wrong
}
