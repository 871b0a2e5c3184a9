//! The scheduler: which node a pod goes to, or why none (`kubernetes: pkg/scheduler`).

use crate::cluster::ctx::ControllerContext;
use crate::cluster::reading::has_ended;
use crate::cluster::reading::holds;
use crate::cluster::reading::is_dying;
use crate::cluster::reading::set_condition;
use crate::kinds;
use crate::quantity;
use crate::request::text;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

const SOURCE: &str = "default-scheduler";
const NO_CLAIMS: &str = "no new claims to deallocate";
const NO_HELP: &str = "Preemption is not helpful for scheduling";

/// Looks at one pod.
pub(super) fn reconcile(ctx: &mut ControllerContext<'_>, namespace: &str, name: &str) {
    let Some(mut pod) = ctx.get(kinds::POD, namespace, name) else { return };
    if !pod["spec"]["nodeName"].is_null() || is_dying(&pod) {
        return;
    }
    let stamp = ctx.stamp();
    if pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty()) {
        let why = "Scheduling is blocked due to non-empty scheduling gates";
        if set_condition(&mut pod, "PodScheduled", false, "SchedulingGated", why, &stamp) {
            ctx.keep(pod);
        }
        return;
    }
    match place(ctx, &pod) {
        Ok(node) => {
            pod["spec"]["nodeName"] = json!(node);
            set_condition(&mut pod, "PodScheduled", true, "", "", &stamp);
            let message = format!("Successfully assigned {namespace}/{name} to {node}");
            ctx.emit_event(&pod, SOURCE, "Scheduled", &message);
            ctx.keep(pod);
        }
        Err(why) => {
            if set_condition(&mut pod, "PodScheduled", false, "Unschedulable", &why, &stamp) {
                ctx.warn(&pod, SOURCE, "FailedScheduling", &why);
                ctx.keep(pod);
            }
        }
    }
}

/// The node for a pod.
///
/// # Errors
/// Why there is none, in the scheduler's words.
fn place(ctx: &ControllerContext<'_>, pod: &Value) -> Result<String, String> {
    let nodes = ctx.find(kinds::NODE, None, |_| true);
    let all = nodes.len();
    if all == 0 {
        return Err("no nodes available to schedule pods".to_owned());
    }
    let hopeless = |why: &str| {
        format!(
            "0/{all} nodes are available: {why}. {NO_CLAIMS}, preemption: 0/{all} nodes are available: {all} {NO_HELP}."
        )
    };
    if let Some(why) = claims(ctx, pod) {
        return Err(hopeless(&why));
    }
    let asked = requests(pod);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut full = 0;
    let mut best: Option<(i128, String)> = None;
    for node in &nodes {
        let name = text(&node["metadata"]["name"]);
        let mut against = Vec::new();
        let mut curable = false;
        if node["spec"]["unschedulable"] == true {
            against.push("node(s) were unschedulable".to_owned());
        } else if !holds(node, "Ready") {
            against.push("node(s) had untolerated taint {node.kubernetes.io/not-ready: }".to_owned());
        } else if !is_selected(pod, node) {
            against.push("node(s) didn't match Pod's node affinity/selector".to_owned());
        } else {
            let taken = taken(ctx, &name);
            for (resource, amount) in &asked {
                let allocatable = quantity::milli(&node["status"]["allocatable"][resource]);
                if *amount > 0 && amount + taken.get(resource).unwrap_or(&0) > allocatable {
                    against.push(format!("Insufficient {resource}"));
                    // An empty node would do.
                    curable |= *amount <= allocatable;
                }
            }
            if against.is_empty() {
                let left = quantity::milli(&node["status"]["allocatable"]["memory"])
                    - taken.get("memory").unwrap_or(&0);
                if best.as_ref().is_none_or(|(most, _)| left > *most) {
                    best = Some((left, name));
                }
            }
        }
        full += usize::from(curable);
        for reason in against {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    if let Some((_, node)) = best {
        return Ok(node);
    }
    let messages: Vec<String> = reasons.iter().map(|(reason, nodes)| format!("{nodes} {reason}")).collect();
    let mut preemption = Vec::new();
    if full > 0 {
        preemption.push(format!("{full} No preemption victims found for incoming pod"));
    }
    if all > full {
        preemption.push(format!("{} {NO_HELP}", all - full));
    }
    Err(format!(
        "0/{all} nodes are available: {}. {NO_CLAIMS}, preemption: 0/{all} nodes are available: {}.",
        messages.join(", "),
        preemption.join(", ")
    ))
}

/// Gives the free capacity of each node to a pod that is not the project's.
pub(super) fn fill(ctx: &mut ControllerContext<'_>) {
    for node in ctx.find(kinds::NODE, None, |_| true) {
        let name = text(&node["metadata"]["name"]);
        let taken = taken(ctx, &name);
        let left = |resource: &str| {
            let all = quantity::milli(&node["status"]["allocatable"][resource]);
            quantity::shown((all - taken.get(resource).unwrap_or(&0)).max(0))
        };
        let requests = json!({"cpu": left("cpu"), "memory": left("memory")});
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("somebody-else-{name}"), "namespace": "default"},
            "spec": {"nodeName": name, "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "all", "image": "busybox", "resources": {"requests": requests}}]}});
        let _ = ctx.make(kinds::POD, pod);
    }
}

/// What keeps a pod from its claims.
fn claims(ctx: &ControllerContext<'_>, pod: &Value) -> Option<String> {
    let namespace = text(&pod["metadata"]["namespace"]);
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let mut unbound = false;
    for name in volumes.filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str()) {
        match ctx.get(kinds::CLAIM, &namespace, name) {
            None => return Some(format!("persistentvolumeclaim \"{name}\" not found")),
            Some(claim) if is_dying(&claim) => {
                return Some(format!("persistentvolumeclaim \"{name}\" is being deleted"));
            }
            Some(claim) => unbound |= claim["status"]["phase"] != "Bound",
        }
    }
    unbound.then(|| "pod has unbound immediate PersistentVolumeClaims".to_owned())
}

fn is_selected(pod: &Value, node: &Value) -> bool {
    let labels = &node["metadata"]["labels"];
    let desired = pod["spec"]["nodeSelector"].as_object();
    let named = pod
        .pointer(
            "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
        )
        .and_then(Value::as_array);
    let term_fits = |term: &Value| {
        let fields = term["matchFields"].as_array().into_iter().flatten().all(|field| {
            field["values"].as_array().is_some_and(|values| values.contains(&node["metadata"]["name"]))
        });
        let selector = json!({"matchExpressions": term["matchExpressions"]});
        fields && super::reading::selected(&selector, labels)
    };
    desired.into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
        && named.is_none_or(|terms| terms.iter().any(term_fits))
}

/// The sum of the requests of a node's pods.
fn taken(ctx: &ControllerContext<'_>, node: &str) -> BTreeMap<String, i128> {
    let mut taken = BTreeMap::from([("pods".to_owned(), 0)]);
    let pods = ctx.memory.within(kinds::POD.collection, None, "", "");
    for pod in pods.filter(|pod| pod["spec"]["nodeName"] == node && !has_ended(pod)) {
        for (resource, amount) in requests(pod) {
            *taken.entry(resource).or_default() += amount;
        }
    }
    taken
}

/// What a pod requests of a node: its containers together, or its largest init container.
fn requests(pod: &Value) -> BTreeMap<String, i128> {
    let mut sum = BTreeMap::from([("pods".to_owned(), 1000)]);
    let of = |field: &str| pod["spec"][field].as_array().cloned().unwrap_or_default();
    let asked =
        |container: &Value| container["resources"]["requests"].as_object().cloned().unwrap_or_default();
    let sidecar = |container: &&Value| container["restartPolicy"] == "Always";
    let init = of("initContainers");
    for container in of("containers").iter().chain(init.iter().filter(sidecar)) {
        for (resource, amount) in asked(container) {
            *sum.entry(resource).or_default() += quantity::milli(&amount);
        }
    }
    for container in init.iter().filter(|container| !sidecar(container)) {
        for (resource, amount) in asked(container) {
            let most = sum.entry(resource).or_default();
            *most = quantity::milli(&amount).max(*most);
        }
    }
    sum
}
