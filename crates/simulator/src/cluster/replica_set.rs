//! ReplicaSets and ReplicationControllers: as many pods of one template as are requested. Kubernetes has one controller
//! for both (`kubernetes: pkg/controller/replication`).

use crate::cluster::ctx::ControllerContext;
use crate::cluster::reading::condition;
use crate::cluster::reading::count;
use crate::cluster::reading::drop_condition;
use crate::cluster::reading::is_active;
use crate::cluster::reading::is_dying;
use crate::cluster::reading::is_ready;
use crate::cluster::reading::set_condition;
use crate::cluster::task::Controller;
use crate::cluster::task::Task;
use crate::cluster::template;
use crate::kinds;
use crate::kinds::Served;
use crate::request::text;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

/// One of the two kinds.
pub(super) struct Of {
    kind: Served,
    controller: Controller,
    source: &'static str,
}

pub(super) const SET: Of =
    Of { kind: kinds::REPLICA_SET, controller: Controller::ReplicaSet, source: "replicaset-controller" };

pub(super) const CONTROLLER: Of = Of {
    kind: kinds::REPLICATION_CONTROLLER,
    controller: Controller::Replication,
    source: "replication-controller",
};

/// Looks at one of them.
pub(super) fn reconcile(ctx: &mut ControllerContext<'_>, of: &Of, namespace: &str, name: &str) {
    let Some(mut set) = ctx.get(of.kind, namespace, name) else { return };
    let mut refused = None;
    if !is_dying(&set) {
        refused = scale(ctx, of, &set);
    }
    let pods: Vec<Value> = ctx.owned(kinds::POD, &set).into_iter().filter(is_active).collect();
    let seconds = set["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
    let up = ctx.up(&pods, seconds, &Task::for_object(of.controller, &set));
    let stamp = ctx.stamp();
    set["status"]["replicas"] = json!(pods.len());
    count(&mut set["status"], "fullyLabeledReplicas", pods.len());
    count(&mut set["status"], "readyReplicas", pods.iter().filter(|pod| is_ready(pod)).count());
    count(&mut set["status"], "availableReplicas", up);
    set["status"]["observedGeneration"] = set["metadata"]["generation"].clone();
    match refused {
        Some(why) => {
            set_condition(&mut set, "ReplicaFailure", true, "FailedCreate", &why, &stamp);
        }
        None => drop_condition(&mut set, "ReplicaFailure"),
    }
    ctx.keep(set);
}

/// Makes or removes pods; returns why one could not be made.
fn scale(ctx: &mut ControllerContext<'_>, of: &Of, set: &Value) -> Option<String> {
    let mut pods: Vec<Value> = ctx.owned(kinds::POD, set).into_iter().filter(is_active).collect();
    let desired = usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0);
    while pods.len() < desired {
        let pod = template::pod(ctx, set, &set["spec"]["template"], None);
        match template::make(ctx, set, of.source, pod) {
            Ok(pod) => pods.push(pod),
            Err(why) => {
                let before = condition(set, "ReplicaFailure")["lastTransitionTime"].as_str();
                let since = before.and_then(|moment| moment.parse::<jiff::Timestamp>().ok());
                let since = since.map_or(1, |moment| ctx.now().duration_since(moment).as_secs().max(1));
                let pause = Duration::from_secs(since.unsigned_abs().min(300));
                ctx.again(pause, Task::for_object(of.controller, set));
                return Some(why);
            }
        }
    }
    // Those go first that are worth least: not on a node, not running, not ready, youngest.
    pods.sort_by_key(|pod| {
        let worth = [!pod["spec"]["nodeName"].is_null(), pod["status"]["phase"] == "Running", is_ready(pod)];
        (
            worth,
            std::cmp::Reverse(text(&pod["metadata"]["creationTimestamp"])),
            text(&pod["metadata"]["name"]),
        )
    });
    for pod in pods.iter().take(pods.len().saturating_sub(desired)) {
        ctx.remove(pod);
        let message = format!("Deleted pod: {}", text(&pod["metadata"]["name"]));
        ctx.emit_event(set, of.source, "SuccessfulDelete", &message);
    }
    None
}
