//! The endpoints of each Service: Endpoints and EndpointSlices, and whether the node's ports are open.

use crate::cluster::ctx::ControllerContext;
use crate::cluster::reading::has_ended;
use crate::cluster::reading::is_dying;
use crate::cluster::reading::is_ready;
use crate::kinds;
use crate::random;
use crate::request::text;
use serde_json::Value;
use serde_json::json;

/// Looks at one Service.
pub(super) fn reconcile(ctx: &mut ControllerContext<'_>, namespace: &str, name: &str) {
    let Some(service) = ctx.get(kinds::SERVICE, namespace, name) else {
        // Endpoints are called like their Service, and nothing else ties them to it.
        if let Some(endpoints) = ctx.get(kinds::ENDPOINTS, namespace, name) {
            ctx.remove(&endpoints);
        }
        return;
    };
    let Some(selector) = service["spec"]["selector"].as_object().filter(|selector| !selector.is_empty())
    else {
        return;
    };
    let pods = ctx.find(kinds::POD, Some(namespace), |pod| {
        let labels = &pod["metadata"]["labels"];
        selector.iter().all(|(key, value)| labels.get(key) == Some(value))
            && !pod["status"]["podIP"].is_null()
            && !has_ended(pod)
    });
    slice(ctx, &service, &pods);
    endpoints(ctx, &service, &pods);
}

/// The port number in a pod that a Service port targets.
pub(super) fn target(port: &Value, pod: &Value) -> Option<u16> {
    let target = port.get("targetPort").filter(|target| !target.is_null()).unwrap_or(&port["port"]);
    if let Some(number) = target.as_u64() {
        return u16::try_from(number).ok();
    }
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    containers
        .flat_map(|container| container["ports"].as_array().into_iter().flatten())
        .find(|declared| declared["name"] == *target)
        .and_then(|declared| u16::try_from(declared["containerPort"].as_u64()?).ok())
}

fn ports(service: &Value, pods: &[Value]) -> Vec<Value> {
    let all = service["spec"]["ports"].as_array().into_iter().flatten();
    all.map(|port| {
        let number = pods.iter().find_map(|pod| target(port, pod));
        let mut entry = json!({"protocol": port["protocol"], "name": text(&port["name"])});
        if let Some(number) = number.or_else(|| target(port, &Value::Null)) {
            entry["port"] = json!(number);
        }
        entry
    })
    .filter(|entry| !entry["port"].is_null())
    .collect()
}

fn reference(pod: &Value) -> Value {
    json!({"kind": "Pod", "name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"],
        "uid": pod["metadata"]["uid"]})
}

fn slice(ctx: &mut ControllerContext<'_>, service: &Value, pods: &[Value]) {
    let (namespace, name) = (text(&service["metadata"]["namespace"]), text(&service["metadata"]["name"]));
    let entries: Vec<Value> = pods
        .iter()
        .map(|pod| {
            let (ready, dying) = (is_ready(pod), is_dying(pod));
            json!({"addresses": [pod["status"]["podIP"]], "nodeName": pod["spec"]["nodeName"],
                "conditions": {"ready": ready && !dying, "serving": ready, "terminating": dying},
                "targetRef": reference(pod)})
        })
        .collect();
    let called = format!("{name}-{}", random::word(random::hash(&text(&service["metadata"]["uid"])), 5));
    let owner = json!({"apiVersion": "v1", "kind": "Service", "name": name,
        "uid": service["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true});
    let mut labels = service["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.insert("kubernetes.io/service-name".to_owned(), json!(name));
    labels.insert(
        "endpointslice.kubernetes.io/managed-by".to_owned(),
        json!("endpointslice-controller.k8s.io"),
    );
    let desired = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": called, "namespace": namespace, "generateName": format!("{name}-"),
            "labels": labels, "ownerReferences": [owner]},
        "addressType": "IPv4", "endpoints": entries, "ports": ports(service, pods)});
    replace(ctx, kinds::SLICE, desired, &["endpoints", "ports"]);
}

fn endpoints(ctx: &mut ControllerContext<'_>, service: &Value, pods: &[Value]) {
    let (namespace, name) = (text(&service["metadata"]["namespace"]), text(&service["metadata"]["name"]));
    let address = |pod: &Value| json!({"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": reference(pod)});
    let of = |desired: bool| -> Vec<Value> {
        pods.iter().filter(|pod| !is_dying(pod) && is_ready(pod) == desired).map(address).collect()
    };
    let mut subset = json!({"ports": ports(service, pods)});
    for (field, addresses) in [("addresses", of(true)), ("notReadyAddresses", of(false))] {
        if !addresses.is_empty() {
            subset[field] = json!(addresses);
        }
    }
    let none = subset["addresses"].is_null() && subset["notReadyAddresses"].is_null();
    let subsets = if none { json!([]) } else { json!([subset]) };
    let mut labels = service["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.insert("endpoints.kubernetes.io/managed-by".to_owned(), json!("endpoint-controller"));
    let desired = json!({"apiVersion": "v1", "kind": "Endpoints",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "subsets": subsets});
    replace(ctx, kinds::ENDPOINTS, desired, &["subsets"]);
}

fn replace(ctx: &mut ControllerContext<'_>, kind: kinds::Served, desired: Value, fields: &[&str]) {
    let (namespace, name) = (text(&desired["metadata"]["namespace"]), text(&desired["metadata"]["name"]));
    match ctx.get(kind, &namespace, &name) {
        Some(mut there) => {
            for field in fields {
                there[*field] = desired[*field].clone();
            }
            ctx.keep(there);
        }
        None => {
            ctx.put(desired);
        }
    }
}
