//! What is wrong with an object in itself: the commonest mistakes, not all that the real server finds.

use crate::refuse::Cause;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;

/// Bytes of an object with data, and some for what is written about it.
const MOST: usize = 1024 * 1024 + 4096;

/// Everything that is wrong.
pub(super) fn causes(kind: &str, object: &Value) -> Vec<Cause> {
    let mut wrong = name(object);
    match kind {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => {
            wrong.extend(workload(object));
        }
        "Job" => wrong.extend(job(object)),
        "Pod" => wrong.extend(pod(&object["spec"], "spec")),
        "Service" => wrong.extend(service(object)),
        "PersistentVolumeClaim" => wrong.extend(claim(object)),
        "ConfigMap" | "Secret" if object.to_string().len() > MOST => {
            let message = "Too long: may not be more than 1048576 bytes".to_owned();
            wrong.push(Cause { field: "data".to_owned(), reason: "FieldValueTooLong", message });
        }
        _ => {}
    }
    wrong
}

fn name(object: &Value) -> Vec<Cause> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let rbac = object["apiVersion"].as_str().is_some_and(|version| version.starts_with("rbac"));
    let fits = !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.')
        && !name.starts_with(['-', '.'])
        && !name.ends_with(['-', '.']);
    if fits || rbac {
        return Vec::new();
    }
    vec![Cause::invalid(
        "metadata.name",
        &format!("\"{name}\""),
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    )]
}

fn workload(object: &Value) -> Vec<Cause> {
    let mut wrong = Vec::new();
    let spec = &object["spec"];
    if spec["replicas"].as_i64().is_some_and(|replicas| replicas < 0) {
        let value = spec["replicas"].to_string();
        wrong.push(Cause::invalid("spec.replicas", &value, "must be greater than or equal to 0"));
    }
    if spec["selector"].is_null() {
        wrong.push(Cause::required("spec.selector", ""));
    } else {
        let labels = &spec["template"]["metadata"]["labels"];
        let desired = spec["selector"]["matchLabels"].as_object();
        if desired.into_iter().flatten().any(|(key, value)| labels.get(key) != Some(value)) {
            let why = "`selector` does not match template `labels`";
            wrong.push(Cause::invalid("spec.template.metadata.labels", &labels.to_string(), why));
        }
    }
    let policy = spec["template"]["spec"]["restartPolicy"].as_str().unwrap_or("Always");
    if policy != "Always" {
        wrong.push(Cause {
            field: "spec.template.spec.restartPolicy".to_owned(),
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: \"{policy}\": supported values: \"Always\""),
        });
    }
    // A StatefulSet gives its pods a volume for each of these.
    let mut template = spec["template"]["spec"].clone();
    for claim in spec["volumeClaimTemplates"].as_array().into_iter().flatten() {
        if !template["volumes"].is_array() {
            template["volumes"] = json!([]);
        }
        if let Some(volumes) = template["volumes"].as_array_mut() {
            volumes.push(json!({"name": claim["metadata"]["name"]}));
        }
    }
    wrong.extend(pod(&template, "spec.template.spec"));
    if spec["strategy"]["type"] == "Recreate" && !spec["strategy"]["rollingUpdate"].is_null() {
        let message = "Forbidden: may not be specified when strategy `type` is 'Recreate'".to_owned();
        wrong.push(Cause {
            field: "spec.strategy.rollingUpdate".to_owned(),
            reason: "FieldValueForbidden",
            message,
        });
    }
    wrong
}

fn job(object: &Value) -> Vec<Cause> {
    let spec = &object["spec"]["template"]["spec"];
    let mut wrong = pod(spec, "spec.template.spec");
    if !matches!(spec["restartPolicy"].as_str(), Some("Never" | "OnFailure")) {
        let why = "valid values: \"OnFailure\", \"Never\"";
        wrong.push(Cause::required("spec.template.spec.restartPolicy", why));
    }
    wrong
}

fn pod(spec: &Value, at: &str) -> Vec<Cause> {
    let mut wrong = Vec::new();
    if spec["containers"].as_array().is_none_or(Vec::is_empty) {
        wrong.push(Cause::required(format!("{at}.containers"), ""));
    }
    let volumes: BTreeSet<&str> = spec["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|volume| volume["name"].as_str())
        .collect();
    for (index, volume) in spec["volumes"].as_array().into_iter().flatten().enumerate() {
        let what = "may not specify more than 1 volume type";
        wrong.extend(several(volume, &VOLUMES, &format!("{at}.volumes[{index}]"), what));
    }
    let mut names = BTreeSet::new();
    for field in ["initContainers", "containers"] {
        for (index, container) in spec[field].as_array().into_iter().flatten().enumerate() {
            let at = format!("{at}.{field}[{index}]");
            let name = container["name"].as_str().unwrap_or_default();
            if name.is_empty() {
                wrong.push(Cause::required(format!("{at}.name"), ""));
            } else if !names.insert(name) {
                let message = format!("Duplicate value: \"{name}\"");
                wrong.push(Cause { field: format!("{at}.name"), reason: "FieldValueDuplicate", message });
            }
            if container["image"].as_str().unwrap_or_default().trim().is_empty() {
                wrong.push(Cause::required(format!("{at}.image"), ""));
            }
            for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
                let what = "may not specify more than 1 handler type";
                wrong.extend(several(&container[probe], &HANDLERS, &format!("{at}.{probe}"), what));
            }
            for (index, variable) in container["env"].as_array().into_iter().flatten().enumerate() {
                let value = variable["value"].as_str().unwrap_or_default();
                if !value.is_empty() && variable["valueFrom"].is_object() {
                    let why = "may not be specified when `value` is not empty";
                    wrong.push(Cause::invalid(format!("{at}.env[{index}].valueFrom"), "\"\"", why));
                }
            }
            for (index, mount) in container["volumeMounts"].as_array().into_iter().flatten().enumerate() {
                let name = mount["name"].as_str().unwrap_or_default();
                if !volumes.contains(name) {
                    wrong.push(Cause {
                        field: format!("{at}.volumeMounts[{index}].name"),
                        reason: "FieldValueNotFound",
                        message: format!("Not found: \"{name}\""),
                    });
                }
            }
            for (index, port) in container["ports"].as_array().into_iter().flatten().enumerate() {
                let number = port["containerPort"].as_i64().unwrap_or(0);
                if !(1..=65_535).contains(&number) {
                    let field = format!("{at}.ports[{index}].containerPort");
                    let why = "must be between 1 and 65535, inclusive";
                    wrong.push(Cause::invalid(field, &number.to_string(), why));
                }
            }
        }
    }
    wrong
}

/// The handlers of a probe, in the order in which the server looks at them.
const HANDLERS: [&str; 4] = ["exec", "httpGet", "tcpSocket", "grpc"];

/// The commonest sources of a volume, in that order.
const VOLUMES: [&str; 7] =
    ["emptyDir", "hostPath", "secret", "persistentVolumeClaim", "configMap", "projected", "downwardAPI"];

/// All but the first of the `fields` that `object` has, of which it may have one.
fn several(object: &Value, fields: &[&str], at: &str, what: &str) -> Vec<Cause> {
    let there = fields.iter().filter(|field| !object[**field].is_null()).skip(1);
    let cause = |field: &&str| Cause {
        field: format!("{at}.{field}"),
        reason: "FieldValueForbidden",
        message: format!("Forbidden: {what}"),
    };
    there.map(cause).collect()
}

fn service(object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    let headless = spec["clusterIP"] == "None";
    let external = spec["type"] == "ExternalName";
    let ports = spec["ports"].as_array().map_or(0, Vec::len);
    if ports == 0 && !headless && !external {
        return vec![Cause::required("spec.ports", "")];
    }
    if ports < 2 {
        return Vec::new();
    }
    let unnamed = spec["ports"].as_array().into_iter().flatten().enumerate();
    unnamed
        .filter(|(_, port)| port["name"].as_str().unwrap_or_default().is_empty())
        .map(|(index, _)| Cause::required(format!("spec.ports[{index}].name"), ""))
        .collect()
}

fn claim(object: &Value) -> Vec<Cause> {
    let mut wrong = Vec::new();
    if object["spec"]["accessModes"].as_array().is_none_or(Vec::is_empty) {
        wrong.push(Cause::required("spec.accessModes", "at least 1 access mode is required"));
    }
    if object["spec"]["resources"]["requests"]["storage"].is_null() {
        wrong.push(Cause::required("spec.resources[storage]", ""));
    }
    wrong
}
