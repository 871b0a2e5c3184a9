//! What enabling an addon brings into the cluster.
//!
//! Only `ingress`: the others are remembered as enabled, and bring nothing.

use serde_json::Value;
use serde_json::json;

/// The namespace of the addon `ingress`, and what its objects are called (`minikube: deploy/addons/ingress`).
const NAMESPACE: &str = "ingress-nginx";
const CONTROLLER: &str = "ingress-nginx-controller";

/// The repository of its image; its containers answer according to the Ingresses.
pub(crate) const IMAGE: &str = "registry.k8s.io/ingress-nginx/controller";

/// The addon's objects, in the order in which they are made. Without HTTPS: there is no certificate for it here.
pub(super) fn objects(addon: &str) -> Vec<Value> {
    if addon != "ingress" {
        return Vec::new();
    }
    let labels = json!({"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/instance": "ingress-nginx",
        "app.kubernetes.io/component": "controller"});
    let metadata = |name: &str| json!({"name": name, "namespace": NAMESPACE, "labels": labels});
    let service = |name: &str, kind: &str, port: Value| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata(name),
            "spec": {"type": kind, "selector": labels, "ports": [port]}})
    };
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"app.kubernetes.io/name": "ingress-nginx"}}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
            "metadata": {"name": "nginx", "labels": labels,
                "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}},
            "spec": {"controller": "k8s.io/ingress-nginx"}}),
        service(CONTROLLER, "NodePort", json!({"name": "http", "port": 80, "targetPort": "http"})),
        service(
            &format!("{CONTROLLER}-admission"),
            "ClusterIP",
            json!({"name": "https-webhook", "port": 443, "targetPort": "webhook"}),
        ),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(CONTROLLER), "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{
                "name": "controller", "image": format!("{IMAGE}:v1.14.3"),
                "ports": [{"name": "http", "containerPort": 80, "hostPort": 80},
                    {"name": "webhook", "containerPort": 8443}, {"name": "healthz", "containerPort": 10254}],
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": "healthz"}, "initialDelaySeconds": 10},
            }]}},
        }}),
    ]
}
