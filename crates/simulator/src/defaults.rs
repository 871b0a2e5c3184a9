//! What the API server writes into an object where nothing is written (`kubernetes: pkg/apis/*/v1/defaults.go`).
//!
//! Idempotent, so that a dry run of an existing object returns it unchanged.

mod pod;
mod storage;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Fills in an object of `kind`.
pub(crate) fn fill(object: &mut Value) {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    match kind.as_str() {
        "Pod" => {
            pod::spec(&mut object["spec"]);
            pod::own(&mut object["spec"]);
        }
        "Deployment" => deployment(&mut object["spec"]),
        "ReplicaSet" | "ReplicationController" => {
            set(&mut object["spec"], "replicas", json!(1));
            if kind == "ReplicationController" {
                let labels = object["spec"]["template"]["metadata"]["labels"].clone();
                set(&mut object["spec"], "selector", labels);
            }
            pod::spec(&mut object["spec"]["template"]["spec"]);
        }
        "StatefulSet" => stateful_set(&mut object["spec"]),
        "DaemonSet" => daemon_set(&mut object["spec"]),
        "Job" => job(&mut object["spec"]),
        "CronJob" => cron_job(&mut object["spec"]),
        "Service" => service(&mut object["spec"]),
        "PersistentVolumeClaim" => set(&mut object["spec"], "volumeMode", json!("Filesystem")),
        "PersistentVolume" => storage::volume(&mut object["spec"]),
        "StorageClass" => storage::class(object),
        "Secret" => secret(object),
        "Namespace" => namespace(object),
        "HorizontalPodAutoscaler" => autoscaler(&mut object["spec"]),
        "RoleBinding" | "ClusterRoleBinding" => binding(object),
        "NetworkPolicy" => set(&mut object["spec"], "policyTypes", json!(["Ingress"])),
        _ => {}
    }
}

/// Sets a field that is not there.
fn set(object: &mut Value, field: &str, value: Value) {
    if object.is_null() {
        *object = Value::Object(Map::new());
    }
    if let Some(fields) = object.as_object_mut() {
        let here = fields.entry(field).or_insert(Value::Null);
        if here.is_null() {
            *here = value;
        }
    }
}

/// The items of a list that may not be there.
fn items<'a>(object: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    object.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten()
}

fn deployment(spec: &mut Value) {
    set(spec, "replicas", json!(1));
    set(spec, "revisionHistoryLimit", json!(10));
    set(spec, "progressDeadlineSeconds", json!(600));
    set(spec, "strategy", json!({}));
    set(&mut spec["strategy"], "type", json!("RollingUpdate"));
    if spec["strategy"]["type"] == "RollingUpdate" {
        set(&mut spec["strategy"], "rollingUpdate", json!({}));
        set(&mut spec["strategy"]["rollingUpdate"], "maxSurge", json!("25%"));
        set(&mut spec["strategy"]["rollingUpdate"], "maxUnavailable", json!("25%"));
    }
    pod::spec(&mut spec["template"]["spec"]);
}

fn stateful_set(spec: &mut Value) {
    set(spec, "replicas", json!(1));
    set(spec, "serviceName", json!(""));
    set(spec, "revisionHistoryLimit", json!(10));
    set(spec, "podManagementPolicy", json!("OrderedReady"));
    set(spec, "persistentVolumeClaimRetentionPolicy", json!({}));
    for field in ["whenDeleted", "whenScaled"] {
        set(&mut spec["persistentVolumeClaimRetentionPolicy"], field, json!("Retain"));
    }
    set(spec, "updateStrategy", json!({}));
    set(&mut spec["updateStrategy"], "type", json!("RollingUpdate"));
    if spec["updateStrategy"]["type"] == "RollingUpdate" {
        set(&mut spec["updateStrategy"], "rollingUpdate", json!({}));
        set(&mut spec["updateStrategy"]["rollingUpdate"], "partition", json!(0));
        set(&mut spec["updateStrategy"]["rollingUpdate"], "maxUnavailable", json!(1));
    }
    for claim in items(spec, "volumeClaimTemplates") {
        set(claim, "apiVersion", json!("v1"));
        set(claim, "kind", json!("PersistentVolumeClaim"));
        set(&mut claim["spec"], "volumeMode", json!("Filesystem"));
        set(claim, "status", json!({"phase": "Pending"}));
    }
    pod::spec(&mut spec["template"]["spec"]);
}

fn daemon_set(spec: &mut Value) {
    set(spec, "revisionHistoryLimit", json!(10));
    set(spec, "updateStrategy", json!({}));
    set(&mut spec["updateStrategy"], "type", json!("RollingUpdate"));
    if spec["updateStrategy"]["type"] == "RollingUpdate" {
        set(&mut spec["updateStrategy"], "rollingUpdate", json!({}));
        set(&mut spec["updateStrategy"]["rollingUpdate"], "maxSurge", json!(0));
        set(&mut spec["updateStrategy"]["rollingUpdate"], "maxUnavailable", json!(1));
    }
    pod::spec(&mut spec["template"]["spec"]);
}

fn job(spec: &mut Value) {
    for (field, value) in [
        ("parallelism", json!(1)),
        ("completions", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
        ("manualSelector", json!(false)),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
    ] {
        set(spec, field, value);
    }
    pod::spec(&mut spec["template"]["spec"]);
}

fn cron_job(spec: &mut Value) {
    for (field, value) in [
        ("concurrencyPolicy", json!("Allow")),
        ("suspend", json!(false)),
        ("successfulJobsHistoryLimit", json!(3)),
        ("failedJobsHistoryLimit", json!(1)),
    ] {
        set(spec, field, value);
    }
    set(&mut spec["jobTemplate"], "metadata", json!({}));
    set(&mut spec["jobTemplate"]["spec"]["template"], "metadata", json!({}));
    pod::spec(&mut spec["jobTemplate"]["spec"]["template"]["spec"]);
}

fn service(spec: &mut Value) {
    set(spec, "type", json!("ClusterIP"));
    set(spec, "sessionAffinity", json!("None"));
    let kind = spec["type"].as_str().unwrap_or_default().to_owned();
    for port in items(spec, "ports") {
        let number = port["port"].clone();
        set(port, "protocol", json!("TCP"));
        set(port, "targetPort", number);
    }
    if kind == "ExternalName" {
        return;
    }
    set(spec, "internalTrafficPolicy", json!("Cluster"));
    set(spec, "ipFamilies", json!(["IPv4"]));
    set(spec, "ipFamilyPolicy", json!("SingleStack"));
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        set(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        set(spec, "allocateLoadBalancerNodePorts", json!(true));
    }
}

fn secret(object: &mut Value) {
    use base64::Engine;
    set(object, "type", json!("Opaque"));
    let texts = object.as_object_mut().and_then(|fields| fields.remove("stringData"));
    for (key, text) in texts.as_ref().and_then(Value::as_object).into_iter().flatten() {
        let text = text.as_str().unwrap_or_default();
        object["data"][key] = json!(base64::engine::general_purpose::STANDARD.encode(text));
    }
}

/// The label by which selectors find a namespace.
pub(crate) fn name_label(namespace: &mut Value) {
    let name = namespace["metadata"]["name"].clone();
    set(&mut namespace["metadata"], "labels", json!({}));
    set(&mut namespace["metadata"]["labels"], "kubernetes.io/metadata.name", name);
}

fn namespace(object: &mut Value) {
    name_label(object);
    set(object, "spec", json!({}));
    set(&mut object["spec"], "finalizers", json!(["kubernetes"]));
    set(object, "status", json!({}));
    set(&mut object["status"], "phase", json!("Active"));
}

fn autoscaler(spec: &mut Value) {
    set(spec, "minReplicas", json!(1));
    let target = json!({"type": "Utilization", "averageUtilization": 80});
    set(spec, "metrics", json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]));
}

fn binding(object: &mut Value) {
    set(&mut object["roleRef"], "apiGroup", json!("rbac.authorization.k8s.io"));
    for subject in items(object, "subjects") {
        let group = if subject["kind"] == "ServiceAccount" { "" } else { "rbac.authorization.k8s.io" };
        if !group.is_empty() {
            set(subject, "apiGroup", json!(group));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fill;
    use serde_json::json;

    #[test]
    fn filling_in_twice_is_filling_in_once() {
        let mut deployment = json!({"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{
            "name": "web", "image": "web:1", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": 1}},
            "readinessProbe": {"httpGet": {"port": 80}}}]}}}});
        fill(&mut deployment);
        let once = deployment.clone();
        fill(&mut deployment);
        assert_eq!(deployment, once);
        let container = &once["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["imagePullPolicy"], "IfNotPresent");
        assert_eq!(container["ports"], json!([{"containerPort": 80, "protocol": "TCP"}]));
        assert_eq!(container["resources"], json!({"limits": {"cpu": "1"}}));
        assert_eq!(
            container["readinessProbe"]["httpGet"],
            json!({"port": 80, "path": "/", "scheme": "HTTP"})
        );
    }
}
