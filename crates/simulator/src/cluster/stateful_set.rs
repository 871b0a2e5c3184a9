//! StatefulSets: pods with names of their own, one after the other.

use crate::cluster::ctx::ControllerContext;
use crate::cluster::reading::available;
use crate::cluster::reading::count;
use crate::cluster::reading::has_ended;
use crate::cluster::reading::is_dying;
use crate::cluster::reading::is_ready;
use crate::cluster::task::Controller;
use crate::cluster::task::Task;
use crate::cluster::template;
use crate::kinds;
use crate::request::text;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

const SOURCE: &str = "statefulset-controller";
const HASH: &str = "controller-revision-hash";

/// Between two tries to make a pod that is refused.
const RETRY: Duration = Duration::from_secs(5);

/// Looks at one StatefulSet.
pub(super) fn reconcile(ctx: &mut ControllerContext<'_>, namespace: &str, name: &str) {
    let Some(mut set) = ctx.get(kinds::STATEFUL_SET, namespace, name) else { return };
    if is_dying(&set) {
        return;
    }
    let update = record(ctx, &set);
    let current = match set["status"]["currentRevision"].as_str() {
        Some(revision) => revision.to_owned(),
        None => update.clone(),
    };
    set["status"]["currentRevision"] = json!(current);
    set["status"]["updateRevision"] = json!(update);
    steer(ctx, &set, &current, &update);
    write_status(ctx, set, &current, &update);
}

fn desired(set: &Value) -> usize {
    usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0)
}

fn named(set: &Value, ordinal: usize) -> String {
    format!("{}-{ordinal}", text(&set["metadata"]["name"]))
}

fn ordinal(pod: &Value) -> usize {
    text(&pod["metadata"]["name"]).rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
}

fn of_revision(pod: &Value, revision: &str) -> bool {
    pod["metadata"]["labels"][HASH] == revision
}

/// Writes the present template down as a ControllerRevision; returns its name.
fn record(ctx: &mut ControllerContext<'_>, set: &Value) -> String {
    let template = &set["spec"]["template"];
    let letters = template::letters(template);
    let name = format!("{}-{letters}", text(&set["metadata"]["name"]));
    let namespace = text(&set["metadata"]["namespace"]);
    if ctx.get(kinds::REVISION, &namespace, &name).is_none() {
        let number = 1 + ctx.owned(kinds::REVISION, set).len();
        let mut labels = template["metadata"]["labels"].clone();
        labels["controller.kubernetes.io/hash"] = json!(letters);
        let _ = ctx.make(
            kinds::REVISION,
            json!({"metadata": {"name": name, "namespace": namespace, "labels": labels,
                    "ownerReferences": [template::owner(set)]},
                "data": {"spec": {"template": template}}, "revision": number}),
        );
    }
    name
}

/// Makes, replaces or removes at most what may be done at once.
fn steer(ctx: &mut ControllerContext<'_>, set: &Value, current: &str, update: &str) {
    let pods = ctx.owned(kinds::POD, set);
    let one_by_one = set["spec"]["podManagementPolicy"] != "Parallel";
    let desired = desired(set);
    let partition = set["spec"]["updateStrategy"]["rollingUpdate"]["partition"].as_u64().unwrap_or(0);
    let partition = usize::try_from(partition).unwrap_or(0);
    for number in 0..desired {
        let pod = pods.iter().find(|pod| ordinal(pod) == number);
        match pod {
            None => {
                // Those below the partition are made of the template that is going.
                let revision = if number < partition { current } else { update };
                if !make(ctx, set, number, revision) || one_by_one {
                    return;
                }
            }
            Some(pod) if has_ended(pod) && !is_dying(pod) => {
                ctx.remove(pod);
                return;
            }
            Some(pod) if one_by_one && (is_dying(pod) || !is_up(ctx, set, pod)) => return,
            Some(_) => {}
        }
    }
    if let Some(pod) = pods.iter().filter(|pod| ordinal(pod) >= desired).max_by_key(|pod| ordinal(pod)) {
        remove(ctx, set, pod);
        return;
    }
    if set["spec"]["updateStrategy"]["type"] == "OnDelete" {
        return;
    }
    for pod in by_ordinal(&pods).into_iter().rev().filter(|pod| ordinal(pod) >= partition) {
        if !of_revision(pod, update) {
            if !is_dying(pod) {
                remove(ctx, set, pod);
            }
            return;
        }
        if is_dying(pod) || !is_up(ctx, set, pod) {
            return;
        }
    }
}

fn by_ordinal(pods: &[Value]) -> Vec<&Value> {
    let mut sorted: Vec<&Value> = pods.iter().collect();
    sorted.sort_by_key(|pod| ordinal(pod));
    sorted
}

fn is_up(ctx: &mut ControllerContext<'_>, set: &Value, pod: &Value) -> bool {
    let seconds = set["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
    match available(pod, seconds, ctx.now()) {
        Ok(()) => true,
        Err(left) => {
            if let Some(left) = left {
                ctx.again(left, Task::for_object(Controller::StatefulSet, set));
            }
            false
        }
    }
}

fn remove(ctx: &mut ControllerContext<'_>, set: &Value, pod: &Value) {
    let message = format!(
        "delete Pod {} in StatefulSet {} successful",
        text(&pod["metadata"]["name"]),
        text(&set["metadata"]["name"])
    );
    ctx.remove(pod);
    ctx.emit_event(set, SOURCE, "SuccessfulDelete", &message);
}

fn make(ctx: &mut ControllerContext<'_>, set: &Value, number: usize, revision: &str) -> bool {
    let (namespace, name) = (text(&set["metadata"]["namespace"]), named(set, number));
    let stored = ctx.get(kinds::REVISION, &namespace, revision);
    let template = stored
        .map_or_else(|| set["spec"]["template"].clone(), |item| item["data"]["spec"]["template"].clone());
    let mut pod = template::pod(ctx, set, &template, Some(&name));
    pod["metadata"]["labels"][HASH] = json!(revision);
    pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = json!(name);
    pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] = json!(number.to_string());
    pod["spec"]["hostname"] = json!(name);
    pod["spec"]["subdomain"] = set["spec"]["serviceName"].clone();
    for claim in set["spec"]["volumeClaimTemplates"].as_array().cloned().into_iter().flatten() {
        let volume = text(&claim["metadata"]["name"]);
        let claimed = format!("{volume}-{name}");
        if ctx.get(kinds::CLAIM, &namespace, &claimed).is_none() {
            let mut labels = set["spec"]["selector"]["matchLabels"].clone();
            for (key, value) in claim["metadata"]["labels"].as_object().into_iter().flatten() {
                labels[key] = value.clone();
            }
            let made = ctx.make(
                kinds::CLAIM,
                json!({"metadata": {"name": claimed, "namespace": namespace, "labels": labels}, "spec": claim["spec"]}),
            );
            if made.is_ok() {
                let message = format!(
                    "create Claim {claimed} Pod {name} in StatefulSet {} success",
                    text(&set["metadata"]["name"])
                );
                ctx.emit_event(set, SOURCE, "SuccessfulCreate", &message);
            }
        }
        if !pod["spec"]["volumes"].is_array() {
            pod["spec"]["volumes"] = json!([]);
        }
        if let Some(volumes) = pod["spec"]["volumes"].as_array_mut() {
            volumes.push(json!({"name": volume, "persistentVolumeClaim": {"claimName": claimed}}));
        }
    }
    let of = text(&set["metadata"]["name"]);
    match ctx.make(kinds::POD, pod) {
        Ok(_) => {
            let message = format!("Create Pod {name} in StatefulSet {of} successful");
            ctx.emit_event(set, SOURCE, "SuccessfulCreate", &message);
            true
        }
        Err(why) => {
            let message = format!("create Pod {name} in StatefulSet {of} failed error: {why}");
            ctx.warn(set, SOURCE, "FailedCreate", &message);
            ctx.again(RETRY, Task::for_object(Controller::StatefulSet, set));
            false
        }
    }
}

fn write_status(ctx: &mut ControllerContext<'_>, mut set: Value, current: &str, update: &str) {
    let pods: Vec<Value> = ctx.owned(kinds::POD, &set).into_iter().filter(|pod| !has_ended(pod)).collect();
    let ready: Vec<&Value> = pods.iter().filter(|pod| is_ready(pod) && !is_dying(pod)).collect();
    let mut up = 0;
    for pod in &ready {
        up += usize::from(is_up(ctx, &set, pod));
    }
    let updated = pods.iter().filter(|pod| of_revision(pod, update) && !is_dying(pod)).count();
    let finished = ready.len() == desired(&set) && updated == desired(&set) && pods.len() == desired(&set);
    let current = if finished { update } else { current };
    let still = pods.iter().filter(|pod| of_revision(pod, current) && !is_dying(pod)).count();
    let status = &mut set["status"];
    status["replicas"] = json!(pods.len());
    status["availableReplicas"] = json!(up);
    status["collisionCount"] = json!(0);
    status["currentRevision"] = json!(current);
    count(status, "readyReplicas", ready.len());
    count(status, "updatedReplicas", updated);
    count(status, "currentReplicas", still);
    set["status"]["observedGeneration"] = set["metadata"]["generation"].clone();
    ctx.keep(set);
}
