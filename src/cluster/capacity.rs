//! The free capacity of the cluster: CPUs, memory and NodePorts, counted before anything is applied.
//!
//! Not the scheduler, which knows nodes, taints and affinities one by one, and not lint, which knows only what
//! deploy.toml declares for a node. What exceeds all nodes together cannot be placed in any case. A user who may not
//! list nodes, pods or Services of all namespaces gets no warning.

use crate::cluster::inventory::PART_OF;
use crate::cluster::rollout::watches::list;
use crate::cluster::target::Target;
use crate::event::Code;
use crate::event::Finding;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::manifest::Object;
use crate::manifest::pods;
use crate::run::Run;
use health::cause::quantity;
use health::live;
use health::tenants;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Time limit for counting. It runs in parallel with the builds, and a run does not depend on it.
const LIMIT: Duration = Duration::from_secs(5);

/// How many of the pods that hold the rest are named.
const NAMED: usize = 3;

/// The capacity of the cluster.
#[derive(Debug, Default)]
struct ClusterCapacity {
    nodes: Vec<Value>,
    pods: Vec<Value>,
    services: Vec<Value>,
}

/// Warns if the pods of `objects` request more than is free, and fails if a NodePort belongs to another Service: the
/// server would refuse it after everything is built.
pub async fn check_capacity(run: &Run, target: &Target, objects: &[Object]) -> Result<()> {
    let ports = objects.iter().any(|object| !node_ports(&object.value).is_empty());
    let asks = !asked(objects, 1).is_empty();
    let (nodes, pods, services) = tokio::join!(
        load_list(target, "Node", asks),
        load_list(target, "Pod", asks),
        load_list(target, "Service", ports)
    );
    let seen = ClusterCapacity { nodes, pods, services };
    if let Some(fault) = run.stopped() {
        return Err(fault);
    }
    let home = target.namespace.as_str();
    for warning in short(objects, &seen, home) {
        run.sink.warn(warning);
    }
    let taken = taken(objects, &seen, home, &target.part_of());
    if taken.is_empty() {
        return Ok(());
    }
    Err(Code::NodePortTaken
        .fault(FaultKind::Apply, "a NodePort of this project is already in use")
        .findings(taken))
}

async fn load_list(target: &Target, kind: &str, desired: bool) -> Vec<Value> {
    if !desired {
        return Vec::new();
    }
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", kind));
    let list = tokio::time::timeout(LIMIT, list(target, &resource, None)).await;
    list.ok().and_then(Result::ok).unwrap_or_default()
}

/// The requests of all pods of `objects` while they run, on `nodes` nodes, in thousandths. Jobs are not counted: they
/// end.
fn asked(objects: &[Object], nodes: usize) -> BTreeMap<String, i128> {
    let mut sum = BTreeMap::new();
    for (object, template) in pods::all(objects) {
        let times = match object.kind() {
            "Deployment" | "StatefulSet" | "ReplicaSet" => {
                object.value["spec"]["replicas"].as_i64().unwrap_or(1)
            }
            "DaemonSet" => i64::try_from(nodes).unwrap_or(1),
            _ => continue,
        };
        for (resource, amount) in tenants::requests(template.value) {
            if matches!(resource.as_str(), "cpu" | "memory") && amount > 0 {
                *sum.entry(resource).or_default() += amount * i128::from(times);
            }
        }
    }
    sum
}

fn short(objects: &[Object], seen: &ClusterCapacity, home: &str) -> Vec<Finding> {
    let open: Vec<&Value> =
        seen.nodes.iter().filter(|node| !live::flag(node, "/spec/unschedulable")).collect();
    let others: Vec<&Value> =
        seen.pods.iter().filter(|pod| holds(pod) && !is_ours(pod, objects, home)).collect();
    let mut found = Vec::new();
    for (resource, asked) in asked(objects, open.len()) {
        let of_node = |node: &&Value| quantity::parse(node["status"]["allocatable"][&resource].as_str()?);
        let has: i128 = open.iter().filter_map(of_node).sum();
        let mut taken: Vec<(i128, String)> = others
            .iter()
            .filter_map(|pod| {
                let held = *tenants::requests(pod).get(&resource)?;
                (held > 0).then(|| (held, format!("{}/{}", live::namespace(pod), live::name(pod))))
            })
            .collect();
        let left = has - taken.iter().map(|(amount, _)| amount).sum::<i128>();
        if open.is_empty() || asked <= left {
            continue;
        }
        taken.sort_by_key(|(amount, _)| std::cmp::Reverse(*amount));
        let show = |amount: i128| quantity::show(&resource, amount);
        let message = format!(
            "the project's pods request {}, but of the {} of the cluster only {} is free",
            show(asked),
            show(has),
            show(left.max(0))
        );
        let holders = taken.iter().take(NAMED).map(|(amount, who)| format!("{who} has {}", show(*amount)));
        let setting = if resource == "cpu" { "cpus" } else { "memory" };
        let help = format!(
            "ask for less, stop what you do not need, or give minikube more: `{setting}` under [minikube]"
        );
        found.push(Code::ClusterCapacityLow.warning(message).evidence(holders).help(help));
    }
    found
}

/// Whether a pod has a place on a node.
fn holds(pod: &Value) -> bool {
    !live::text(pod, "/spec/nodeName").is_empty()
        && !matches!(live::text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// Whether a workload of `objects` has created the pod.
fn is_ours(pod: &Value, objects: &[Object], home: &str) -> bool {
    pods::all(objects).any(|(object, _)| {
        let selector = object.value["spec"]["selector"]["matchLabels"].as_object();
        object.namespace().unwrap_or(home) == live::namespace(pod)
            && selector.is_some_and(|selector| pods::selects(selector, &pod["metadata"]["labels"]))
    })
}

/// The NodePorts of a Service, each with its protocol and its place in the object.
fn node_ports(service: &Value) -> Vec<(u64, &str, String)> {
    if live::kind(service) != "Service" {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, port) in live::list(service, "/spec/ports").iter().enumerate() {
        if let Some(number) = port["nodePort"].as_u64().filter(|number| *number != 0) {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            found.push((number, protocol, format!("/spec/ports/{index}/nodePort")));
        }
    }
    found
}

fn taken(objects: &[Object], seen: &ClusterCapacity, home: &str, part_of: &str) -> Vec<Finding> {
    let same = |object: &Object, service: &Value| {
        object.name() == live::name(service) && object.namespace().unwrap_or(home) == live::namespace(service)
    };
    // NodePorts of the project's own Services are resolved by applying them.
    let free = |service: &&Value| {
        let ours = objects.iter().any(|object| object.kind() == "Service" && same(object, service));
        ours || live::is_terminating(service)
    };
    let others: Vec<&Value> = seen.services.iter().filter(|service| !free(service)).collect();
    let mut found = Vec::new();
    for object in objects {
        for (number, protocol, pointer) in node_ports(&object.value) {
            let holder = others.iter().find(|service| {
                node_ports(service).iter().any(|(held, of, _)| (*held, *of) == (number, protocol))
            });
            let Some(holder) = holder else { continue };
            let (name, namespace) = (live::name(holder), live::namespace(holder));
            let whose = match live::label(holder, PART_OF) {
                "" => String::new(),
                label if label == part_of => ", left over from a previous version of this project".to_owned(),
                _ => ", which belongs to another project".to_owned(),
            };
            let message = format!(
                "the nodePort {number} is taken by `Service/{name}` in namespace `{namespace}`{whose}"
            );
            let help = format!(
                "choose another, or leave `nodePort` out to be given one; or `kubectl -n {namespace} delete service {name}`"
            );
            let place = object.place_of(&pointer).clone();
            found
                .push(Code::NodePortTaken.error(message).about(object.id().to_string()).at(place).help(help));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::ClusterCapacity;
    use super::short;
    use super::taken;
    use crate::event::Place;
    use crate::manifest::Object;
    use serde_json::Value;
    use serde_json::json;

    fn requests(cpu: &str) -> Value {
        json!([{"name": "c", "resources": {"requests": {"cpu": cpu}}}])
    }

    fn workload(kind: &str, replicas: i64, cpu: &str) -> Object {
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": requests(cpu)}});
        let spec =
            json!({"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template});
        let value = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec});
        Object::made(value, Place::file("web.yaml"))
    }

    fn pod(namespace: &str, name: &str, app: &str, phase: &str, cpu: &str) -> Value {
        json!({"kind": "Pod", "metadata": {"namespace": namespace, "name": name, "labels": {"app": app}},
            "spec": {"nodeName": "mini", "containers": requests(cpu)}, "status": {"phase": phase}})
    }

    fn node() -> Value {
        json!({"kind": "Node", "metadata": {"name": "mini"}, "status": {"allocatable": {"cpu": "2", "memory": "4Gi"}}})
    }

    #[test]
    fn what_is_asked_is_compared_with_what_others_leave() {
        let kube = pod("kube-system", "etcd", "etcd", "Running", "800m");
        let other = pod("shop", "web-1", "web", "Running", "500m");
        let ours = pod("todo", "web-1", "web", "Running", "700m");
        let done = pod("kube-system", "job", "job", "Succeeded", "1");
        let all = || vec![kube.clone(), other.clone(), ours.clone(), done.clone()];
        for (objects, pods, expected) in [
            (vec![workload("Deployment", 1, "700m")], all(), None),
            (
                vec![workload("Deployment", 2, "700m")],
                all(),
                Some("request 1400m CPU, but of the 2 CPUs of the cluster only 700m CPU is free"),
            ),
            (vec![workload("Deployment", 2, "700m")], vec![ours.clone()], None),
            (vec![workload("DaemonSet", 9, "700m")], all(), None),
            (vec![workload("Job", 9, "700m")], all(), None),
            (vec![workload("Deployment", 9, "0")], all(), None),
        ] {
            let seen = ClusterCapacity { nodes: vec![node()], pods, ..ClusterCapacity::default() };
            let found = short(&objects, &seen, "todo");
            match expected {
                None => assert_eq!(found.len(), 0, "{found:?}"),
                Some(expected) => {
                    assert!(found[0].message.ends_with(expected), "{found:?}");
                    let holders = ["kube-system/etcd has 800m CPU", "shop/web-1 has 500m CPU"];
                    assert_eq!(found[0].evidence, holders);
                }
            }
        }
        assert!(
            short(&[workload("Deployment", 9, "9")], &ClusterCapacity::default(), "todo").is_empty(),
            "not allowed to see"
        );
    }

    fn service(namespace: &str, name: &str, port: u64, protocol: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": name},
            "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": port, "protocol": protocol}]}})
    }

    #[test]
    fn a_node_port_of_somebody_else_is_told_with_its_owner() {
        let object = Object::made(service("todo", "web", 30080, "TCP"), Place::file("web.yaml"));
        for (live, expected) in [
            (service("shop", "page", 30080, "TCP"), true),
            (service("shop", "page", 30081, "TCP"), false),
            (service("shop", "page", 30080, "UDP"), false),
            (service("todo", "web", 30080, "TCP"), false),
        ] {
            let seen = ClusterCapacity { services: vec![live], ..ClusterCapacity::default() };
            let found = taken(std::slice::from_ref(&object), &seen, "todo", "mine");
            assert_eq!(found.len(), usize::from(expected), "{found:?}");
            if expected {
                let message = "the nodePort 30080 is taken by `Service/page` in namespace `shop`";
                assert_eq!(found[0].message, message);
                assert!(found[0].help.as_ref().unwrap().contains("`kubectl -n shop delete service page`"));
            }
        }
        let mut going = service("shop", "page", 30080, "TCP");
        going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let seen = ClusterCapacity { services: vec![going], ..ClusterCapacity::default() };
        assert!(taken(std::slice::from_ref(&object), &seen, "todo", "mine").is_empty(), "it is given back");
        let mut earlier = service("todo", "old", 30080, "TCP");
        earlier["metadata"]["labels"] = json!({"applyset.kubernetes.io/part-of": "mine"});
        let seen = ClusterCapacity { services: vec![earlier], ..ClusterCapacity::default() };
        let found = taken(&[object], &seen, "todo", "mine");
        assert!(found[0].message.ends_with("left over from a previous version of this project"), "{found:?}");
    }
}
