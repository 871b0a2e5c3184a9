//! Deployments: a ReplicaSet for each template, and the way from one to the next.
//!
//! Follows `kubernetes: pkg/controller/deployment` (`rolling.go`, `recreate.go`, `sync.go`, `progress.go`), without
//! pausing half-way through a scaling.

mod status;

use crate::cluster::ctx::ControllerContext;
use crate::cluster::reading::is_active;
use crate::cluster::reading::is_dying;
use crate::cluster::reading::share;
use crate::cluster::template;
use crate::kinds;
use crate::request::text;
use serde_json::Value;
use serde_json::json;

const SOURCE: &str = "deployment-controller";
const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "pod-template-hash";

/// Looks at one Deployment.
pub(super) fn reconcile(ctx: &mut ControllerContext<'_>, namespace: &str, name: &str) {
    let Some(deployment) = ctx.get(kinds::DEPLOYMENT, namespace, name) else { return };
    if is_dying(&deployment) {
        return;
    }
    let sets = ctx.owned(kinds::REPLICA_SET, &deployment);
    let current = sets.iter().position(|set| is_of(set, &deployment));
    let mut old = sets;
    let new = current.map(|index| old.remove(index));
    let (deployment, new) = if deployment["spec"]["paused"] == true {
        (deployment, new)
    } else {
        let (deployment, new) = current_set(ctx, deployment, new, &old);
        if let Some(new) = &new {
            roll(ctx, &deployment, new, &old);
        }
        (deployment, new)
    };
    // Reads a ReplicaSet again after a change.
    let again = |ctx: &ControllerContext<'_>, set: &Value| {
        ctx.get(kinds::REPLICA_SET, namespace, &text(&set["metadata"]["name"]))
    };
    let new = new.and_then(|set| again(ctx, &set));
    let old: Vec<Value> = old.iter().filter_map(|set| again(ctx, set)).collect();
    clean_up(ctx, &deployment, &old);
    status::write(ctx, deployment, new.as_ref(), &old);
}

/// Whether a ReplicaSet was made of the Deployment's present template.
fn is_of(set: &Value, deployment: &Value) -> bool {
    let mut template = set["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(HASH);
    }
    template == deployment["spec"]["template"]
}

fn revision(set: &Value) -> i64 {
    set["metadata"]["annotations"][REVISION].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn size(set: &Value) -> i64 {
    set["spec"]["replicas"].as_i64().unwrap_or(0)
}

fn total(sets: &[Value]) -> i64 {
    sets.iter().map(size).sum()
}

/// The ReplicaSet of the present template, made if it is not there; and the Deployment with its revision.
fn current_set(
    ctx: &mut ControllerContext<'_>,
    mut deployment: Value,
    new: Option<Value>,
    old: &[Value],
) -> (Value, Option<Value>) {
    let last = old.iter().map(revision).max().unwrap_or(0);
    let set = match new {
        Some(mut set) => {
            if revision(&set) <= last {
                set["metadata"]["annotations"][REVISION] = json!((last + 1).to_string());
            }
            set["spec"]["minReadySeconds"] = deployment["spec"]["minReadySeconds"].clone();
            if set["spec"]["minReadySeconds"].is_null()
                && let Some(spec) = set["spec"].as_object_mut()
            {
                spec.remove("minReadySeconds");
            }
            Some(ctx.keep(set))
        }
        None => make(ctx, &deployment, old, last + 1),
    };
    if let Some(set) = &set {
        deployment["metadata"]["annotations"][REVISION] = json!(revision(set).to_string());
        deployment = ctx.keep(deployment);
    }
    (deployment, set)
}

fn make(ctx: &mut ControllerContext<'_>, deployment: &Value, old: &[Value], revision: i64) -> Option<Value> {
    let name = text(&deployment["metadata"]["name"]);
    let letters = template::letters(&deployment["spec"]["template"]);
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"][HASH] = json!(letters);
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"][HASH] = json!(letters);
    let replicas = surge_left(deployment, 0, old);
    let mut spec = json!({"replicas": replicas, "selector": selector, "template": template});
    if let Some(seconds) = deployment["spec"].get("minReadySeconds") {
        spec["minReadySeconds"] = seconds.clone();
    }
    let most = deployment["spec"]["replicas"].as_i64().unwrap_or(1) + surge(deployment);
    let set = json!({"metadata": {
            "name": format!("{name}-{letters}"), "namespace": deployment["metadata"]["namespace"],
            "labels": template["metadata"]["labels"], "ownerReferences": [template::owner(deployment)],
            "annotations": {REVISION: revision.to_string(),
                "deployment.kubernetes.io/desired-replicas": deployment["spec"]["replicas"].to_string(),
                "deployment.kubernetes.io/max-replicas": most.to_string()}},
        "spec": spec});
    match ctx.make(kinds::REPLICA_SET, set) {
        Ok(set) => {
            if replicas > 0 {
                record_scaling(ctx, deployment, &set, 0, replicas);
            }
            Some(set)
        }
        Err(why) => {
            let message = format!("Failed to create new replica set \"{name}-{letters}\": {why}");
            ctx.warn(deployment, SOURCE, "ReplicaSetCreateError", &message);
            None
        }
    }
}

fn surge(deployment: &Value) -> i64 {
    let replicas = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    if rolling.is_object() { share(&rolling["maxSurge"], replicas, true) } else { 0 }
}

fn unavailable(deployment: &Value) -> i64 {
    let replicas = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    if !rolling.is_object() {
        return 0;
    }
    let missing = share(&rolling["maxUnavailable"], replicas, false).min(replicas);
    if missing == 0 && surge(deployment) == 0 { 1 } else { missing }
}

/// How many replicas the new set, which has `now`, may have.
fn surge_left(deployment: &Value, now: i64, old: &[Value]) -> i64 {
    let replicas = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    if deployment["spec"]["strategy"]["type"] == "Recreate" {
        return if total(old) > 0 { now.min(replicas) } else { replicas };
    }
    let most = replicas + surge(deployment);
    let all = now + total(old);
    if all >= most { now.min(replicas) } else { (now + most - all).min(replicas) }
}

fn roll(ctx: &mut ControllerContext<'_>, deployment: &Value, new: &Value, old: &[Value]) {
    if deployment["spec"]["strategy"]["type"] == "Recreate" {
        for set in old.iter().filter(|set| size(set) > 0) {
            resize(ctx, deployment, set, 0);
        }
        let there = |set: &Value| !ctx.owned(kinds::POD, set).is_empty();
        if !old.iter().any(there) {
            let replicas = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
            resize(ctx, deployment, new, replicas);
        }
        return;
    }
    let desired = surge_left(deployment, size(new), old);
    let grown = desired != size(new);
    resize(ctx, deployment, new, desired);
    if !grown {
        shrink(ctx, deployment, new, old);
    }
}

/// Takes pods from the old sets, the broken ones first, as long as enough others are available.
fn shrink(ctx: &mut ControllerContext<'_>, deployment: &Value, new: &Value, old: &[Value]) {
    let replicas = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let least = replicas - unavailable(deployment);
    let up = |set: &Value| set["status"]["availableReplicas"].as_i64().unwrap_or(0);
    let broken_new = size(new) - up(new);
    let mut left = total(old) + size(new) - least - broken_new;
    let mut sizes: Vec<i64> = old.iter().map(size).collect();
    for (set, size) in old.iter().zip(&mut sizes) {
        let broken = (*size - up(set)).clamp(0, left.max(0));
        *size -= broken;
        left -= broken;
    }
    let all_up: i64 = up(new) + old.iter().map(up).sum::<i64>();
    let mut spare = (all_up - least).max(0);
    for (set, size) in old.iter().zip(&mut sizes) {
        let taken = spare.min(*size).min(up(set));
        *size -= taken;
        spare -= taken;
    }
    for (set, size) in old.iter().zip(sizes) {
        resize(ctx, deployment, set, size);
    }
}

fn resize(ctx: &mut ControllerContext<'_>, deployment: &Value, set: &Value, desired: i64) {
    let before = size(set);
    if before == desired {
        return;
    }
    let Some(mut set) =
        ctx.get(kinds::REPLICA_SET, &text(&set["metadata"]["namespace"]), &text(&set["metadata"]["name"]))
    else {
        return;
    };
    set["spec"]["replicas"] = json!(desired);
    set["metadata"]["annotations"]["deployment.kubernetes.io/desired-replicas"] =
        json!(deployment["spec"]["replicas"].to_string());
    let set = ctx.keep(set);
    record_scaling(ctx, deployment, &set, before, desired);
}

fn record_scaling(ctx: &mut ControllerContext<'_>, deployment: &Value, set: &Value, before: i64, now: i64) {
    let way = if now > before { "up" } else { "down" };
    let name = text(&set["metadata"]["name"]);
    let message = format!("Scaled {way} replica set {name} from {before} to {now}");
    ctx.emit_event(deployment, SOURCE, "ScalingReplicaSet", &message);
}

/// Old sets without pods go, but for the last few.
fn clean_up(ctx: &mut ControllerContext<'_>, deployment: &Value, old: &[Value]) {
    let limit =
        usize::try_from(deployment["spec"]["revisionHistoryLimit"].as_i64().unwrap_or(10)).unwrap_or(0);
    let mut idle: Vec<&Value> = old
        .iter()
        .filter(|set| size(set) == 0 && !is_dying(set))
        .filter(|set| !ctx.owned(kinds::POD, set).iter().any(is_active))
        .collect();
    idle.sort_by_key(|set| revision(set));
    for set in idle.iter().take(idle.len().saturating_sub(limit)) {
        ctx.remove(set);
    }
}
