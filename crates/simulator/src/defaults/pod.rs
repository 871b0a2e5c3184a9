//! Pods and pod templates.

use super::items;
use super::set;
use serde_json::Value;
use serde_json::json;

/// The spec of a pod, or of a template.
pub(super) fn spec(spec: &mut Value) {
    for (field, value) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("securityContext", json!({})),
        ("schedulerName", json!("default-scheduler")),
    ] {
        set(spec, field, value);
    }
    if let Some(account) = spec.get("serviceAccountName").or_else(|| spec.get("serviceAccount")).cloned() {
        set(spec, "serviceAccountName", account.clone());
        spec["serviceAccount"] = account;
    }
    items(spec, "volumes").for_each(volume);
    items(spec, "containers").for_each(container);
    items(spec, "initContainers").for_each(container);
}

/// What only pods have, not templates.
pub(super) fn own(spec: &mut Value) {
    set(spec, "serviceAccountName", json!("default"));
    let account = spec["serviceAccountName"].clone();
    set(spec, "serviceAccount", account);
    set(spec, "enableServiceLinks", json!(true));
    set(spec, "priority", json!(0));
    set(spec, "preemptionPolicy", json!("PreemptLowerPriority"));
    let tolerated = ["not-ready", "unreachable"].map(|taint| {
        json!({"key": format!("node.kubernetes.io/{taint}"), "operator": "Exists", "effect": "NoExecute",
            "tolerationSeconds": 300})
    });
    set(spec, "tolerations", json!(tolerated));
    for field in ["containers", "initContainers"] {
        for container in items(spec, field) {
            let resources = &mut container["resources"];
            // A limit without a request is also the request.
            for (name, amount) in
                resources.get("limits").and_then(Value::as_object).cloned().into_iter().flatten()
            {
                set(resources, "requests", json!({}));
                set(&mut resources["requests"], &name, amount);
            }
        }
    }
}

fn container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let name = image.split('@').next().unwrap_or_default();
    let tag = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map(|(_, tag)| tag);
    let latest = !image.contains('@') && matches!(tag, None | Some("latest"));
    set(container, "imagePullPolicy", json!(if latest { "Always" } else { "IfNotPresent" }));
    set(container, "terminationMessagePath", json!("/dev/termination-log"));
    set(container, "terminationMessagePolicy", json!("File"));
    set(container, "resources", json!({}));
    resources(&mut container["resources"]);
    for port in items(container, "ports") {
        set(port, "protocol", json!("TCP"));
    }
    for variable in items(container, "env") {
        if let Some(field) = variable.pointer_mut("/valueFrom/fieldRef") {
            set(field, "apiVersion", json!("v1"));
        }
    }
    for field in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(field).filter(|probe| probe.is_object()) {
            self::probe(probe);
        }
    }
}

/// Quantities are texts.
fn resources(resources: &mut Value) {
    for field in ["limits", "requests"] {
        let amounts = resources.get_mut(field).and_then(Value::as_object_mut);
        for (_, amount) in amounts.into_iter().flatten().filter(|(_, amount)| amount.is_number()) {
            *amount = json!(amount.to_string());
        }
    }
}

fn probe(probe: &mut Value) {
    for (field, value) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        set(probe, field, json!(value));
    }
    if let Some(http) = probe.get_mut("httpGet") {
        set(http, "path", json!("/"));
        set(http, "scheme", json!("HTTP"));
    }
    if let Some(grpc) = probe.get_mut("grpc") {
        set(grpc, "service", json!(""));
    }
}

fn volume(volume: &mut Value) {
    for source in ["secret", "configMap", "projected", "downwardAPI"] {
        if let Some(source) = volume.get_mut(source) {
            set(source, "defaultMode", json!(420));
        }
    }
    if let Some(path) = volume.get_mut("hostPath") {
        set(path, "type", json!(""));
    }
    if volume.as_object().is_some_and(|fields| fields.len() == 1) {
        volume["emptyDir"] = json!({});
    }
}
