//! DaemonSets: a pod on every node.

use crate::cluster::ctx::ControllerContext;
use crate::cluster::reading::count;
use crate::cluster::reading::has_ended;
use crate::cluster::reading::is_active;
use crate::cluster::reading::is_dying;
use crate::cluster::reading::is_ready;
use crate::cluster::reading::share;
use crate::cluster::task::Controller;
use crate::cluster::task::Task;
use crate::cluster::template;
use crate::kinds;
use crate::request::text;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

const SOURCE: &str = "daemonset-controller";
const HASH: &str = "controller-revision-hash";
const RETRY: Duration = Duration::from_secs(5);

/// Looks at one DaemonSet.
pub(super) fn reconcile(ctx: &mut ControllerContext<'_>, namespace: &str, name: &str) {
    let Some(mut set) = ctx.get(kinds::DAEMON_SET, namespace, name) else { return };
    if is_dying(&set) {
        return;
    }
    let letters = template::letters(&set["spec"]["template"]);
    let nodes = ctx.find(kinds::NODE, None, |node| is_for(&set, node));
    for node in &nodes {
        let node = text(&node["metadata"]["name"]);
        let here = |pod: &&Value| target(pod) == node;
        let pods = ctx.owned(kinds::POD, &set);
        if let Some(over) = pods.iter().find(|pod| here(pod) && has_ended(pod) && !is_dying(pod)) {
            ctx.remove(over);
        } else if !pods.iter().any(|pod| here(&pod)) && !make(ctx, &set, &node, &letters) {
            break;
        }
    }
    replace(ctx, &set, &letters, nodes.len());
    let pods: Vec<Value> = ctx.owned(kinds::POD, &set).into_iter().filter(is_active).collect();
    let seconds = set["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
    let up = ctx.up(&pods, seconds, &Task::for_object(Controller::DaemonSet, &set));
    let updated = pods.iter().filter(|pod| pod["metadata"]["labels"][HASH] == letters.as_str()).count();
    let status = &mut set["status"];
    status["currentNumberScheduled"] = json!(pods.len());
    status["desiredNumberScheduled"] = json!(nodes.len());
    status["numberMisscheduled"] = json!(0);
    status["numberReady"] = json!(pods.iter().filter(|pod| is_ready(pod)).count());
    count(status, "updatedNumberScheduled", updated);
    count(status, "numberAvailable", up);
    count(status, "numberUnavailable", nodes.len().saturating_sub(up));
    set["status"]["observedGeneration"] = set["metadata"]["generation"].clone();
    ctx.keep(set);
}

fn is_for(set: &Value, node: &Value) -> bool {
    let desired = set["spec"]["template"]["spec"]["nodeSelector"].as_object();
    desired.into_iter().flatten().all(|(key, value)| node["metadata"]["labels"].get(key) == Some(value))
}

/// The node that a pod is for, scheduled or not.
fn target(pod: &Value) -> String {
    let terms = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0";
    pod.pointer(terms).map(text).unwrap_or_default()
}

fn make(ctx: &mut ControllerContext<'_>, set: &Value, node: &str, letters: &str) -> bool {
    let mut pod = template::pod(ctx, set, &set["spec"]["template"], None);
    pod["metadata"]["labels"][HASH] = json!(letters);
    let field = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]});
    pod["spec"]["affinity"] = json!({"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [field]}}});
    if template::make(ctx, set, SOURCE, pod).is_ok() {
        return true;
    }
    ctx.again(RETRY, Task::for_object(Controller::DaemonSet, set));
    false
}

/// Takes old pods away, as many as may be missing.
fn replace(ctx: &mut ControllerContext<'_>, set: &Value, letters: &str, nodes: usize) {
    if set["spec"]["updateStrategy"]["type"] == "OnDelete" {
        return;
    }
    let nodes = i64::try_from(nodes).unwrap_or(0);
    let may = share(&set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"], nodes, true).max(1);
    let pods = ctx.owned(kinds::POD, set);
    let is_old = |pod: &&Value| pod["metadata"]["labels"][HASH] != letters && !is_dying(pod);
    // Pods that are not ready are replaced at once.
    for pod in pods.iter().filter(is_old).filter(|pod| !is_ready(pod)) {
        ctx.remove(pod);
    }
    let missing =
        nodes - i64::try_from(pods.iter().filter(|pod| is_ready(pod) && !is_dying(pod)).count()).unwrap_or(0);
    let take = usize::try_from(may - missing).unwrap_or(0);
    for pod in pods.iter().filter(is_old).filter(|pod| is_ready(pod)).take(take) {
        ctx.remove(pod);
        ctx.emit_event(
            set,
            SOURCE,
            "SuccessfulDelete",
            &format!("Deleted pod: {}", text(&pod["metadata"]["name"])),
        );
    }
}
