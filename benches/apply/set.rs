//! Two hundred objects as an application has them: ConfigMaps, Secrets, Services, Deployments.

use serde_json::Value;
use serde_json::json;
use std::fs;
use std::path::Path;

/// The objects; each Deployment asks for so many pods.
pub(crate) fn objects(replicas: u32) -> Vec<Value> {
    (0..50).flat_map(|n| four(n, replicas)).collect()
}

fn four(n: u32, replicas: u32) -> [Value; 4] {
    let (name, labels) = (format!("part-{n}"), json!({"app": format!("part-{n}")}));
    let container = json!({
        "name": "main", "image": "busybox:1.36", "command": ["sleep", "3600"],
        "envFrom": [{"configMapRef": {"name": name}}, {"secretRef": {"name": name}}],
        "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"memory": "16Mi"}},
    });
    [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"PART": name}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"TOKEN": name}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}}),
    ]
}

/// Writes a project with these objects.
pub(crate) fn project(folder: &Path, name: &str, objects: &[Value]) {
    let manifests = folder.join("k8s");
    fs::create_dir_all(&manifests).unwrap();
    let documents: Vec<String> = objects.iter().map(Value::to_string).collect();
    fs::write(manifests.join("all.yaml"), documents.join("\n---\n")).unwrap();
    let project = format!("name = \"{name}\"\nnamespace = \"{name}\"\n[[manifests]]\npath = \"k8s\"\n");
    fs::write(folder.join("deploy.toml"), project).unwrap();
}
