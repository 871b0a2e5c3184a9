//! The status of a Deployment.

use super::size;
use super::unavailable;
use crate::cluster::ctx::ControllerContext;
use crate::cluster::reading::condition;
use crate::cluster::reading::count;
use crate::cluster::reading::drop_condition;
use crate::cluster::reading::set_condition;
use crate::cluster::task::Controller;
use crate::cluster::task::Task;
use crate::request::text;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;

/// Writes the status.
pub(super) fn write(
    ctx: &mut ControllerContext<'_>,
    mut deployment: Value,
    new: Option<&Value>,
    old: &[Value],
) {
    let before = deployment["status"].clone();
    let stamp = ctx.stamp();
    let of = |set: &Value, field: &str| set["status"][field].as_u64().unwrap_or(0);
    let sum = |field: &str| new.into_iter().chain(old).map(|set| of(set, field)).sum::<u64>();
    let desired = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
    let updated = new.map_or(0, |set| of(set, "replicas"));
    let (all, ready, up) = (sum("replicas"), sum("readyReplicas"), sum("availableReplicas"));
    let status = &mut deployment["status"];
    for (field, number) in [
        ("replicas", all),
        ("updatedReplicas", updated),
        ("readyReplicas", ready),
        ("availableReplicas", up),
        (
            "unavailableReplicas",
            (new.into_iter().chain(old).map(size).sum::<i64>().unsigned_abs()).saturating_sub(up),
        ),
    ] {
        count(status, field, usize::try_from(number).unwrap_or(0));
    }
    deployment["status"]["observedGeneration"] = deployment["metadata"]["generation"].clone();

    let enough =
        i64::try_from(up).unwrap_or(0) >= i64::try_from(desired).unwrap_or(0) - unavailable(&deployment);
    if enough {
        let why = "Deployment has minimum availability.";
        set_condition(&mut deployment, "Available", true, "MinimumReplicasAvailable", why, &stamp);
    } else {
        let why = "Deployment does not have minimum availability.";
        set_condition(&mut deployment, "Available", false, "MinimumReplicasUnavailable", why, &stamp);
    }
    let complete = updated == desired && all == desired && up == desired;
    let moved = of_status(&before, "updatedReplicas") < updated
        || of_status(&before, "readyReplicas") < ready
        || of_status(&before, "availableReplicas") < up
        || of_status(&before, "replicas").saturating_sub(of_status(&before, "updatedReplicas"))
            > all.saturating_sub(updated);
    progress(ctx, &mut deployment, new, complete, moved, &stamp);
    let failure =
        new.into_iter().chain(old).map(|set| condition(set, "ReplicaFailure").clone()).find(Value::is_object);
    match failure {
        Some(failure) => {
            let message = text(&failure["message"]);
            set_condition(&mut deployment, "ReplicaFailure", true, "FailedCreate", &message, &stamp);
        }
        None => drop_condition(&mut deployment, "ReplicaFailure"),
    }
    ctx.keep(deployment);
}

fn of_status(status: &Value, field: &str) -> u64 {
    status[field].as_u64().unwrap_or(0)
}

fn progress(
    ctx: &mut ControllerContext<'_>,
    deployment: &mut Value,
    new: Option<&Value>,
    complete: bool,
    moved: bool,
    stamp: &str,
) {
    let Some(seconds) = deployment["spec"]["progressDeadlineSeconds"]
        .as_i64()
        .filter(|seconds| *seconds < i64::from(i32::MAX))
    else {
        return;
    };
    let now = condition(deployment, "Progressing").clone();
    let name = new.map(|set| text(&set["metadata"]["name"])).unwrap_or_default();
    let mut say = |status: bool, reason: &str, what: &str| {
        // A repeated condition counts as new: the deadline starts again.
        if moved {
            drop_condition(deployment, "Progressing");
        }
        let message = match reason {
            "NewReplicaSetCreated" => format!("Created new replica set \"{name}\""),
            _ => format!("ReplicaSet \"{name}\" {what}."),
        };
        set_condition(deployment, "Progressing", status, reason, &message, stamp);
    };
    let speaks_of_this =
        now["message"].as_str().is_some_and(|message| message.contains(&format!("\"{name}\"")));
    if complete {
        say(true, "NewReplicaSetAvailable", "has successfully progressed");
        return;
    }
    if now.is_null() || !speaks_of_this {
        say(true, "NewReplicaSetCreated", "");
    } else if moved || now["reason"] == "NewReplicaSetAvailable" {
        if now["reason"] == "NewReplicaSetAvailable" && !moved {
            // A pod of a finished rollout was deleted: that is not a new rollout.
            return;
        }
        say(true, "ReplicaSetUpdated", "is progressing");
    } else if now["reason"] != "ProgressDeadlineExceeded" {
        let since = now["lastUpdateTime"].as_str().and_then(|moment| moment.parse::<Timestamp>().ok());
        let passed = since.map_or(SignedDuration::ZERO, |since| ctx.now().duration_since(since));
        let left = SignedDuration::from_secs(seconds) - passed;
        if left <= SignedDuration::ZERO {
            say(false, "ProgressDeadlineExceeded", "has timed out progressing");
            return;
        }
        ctx.again(left.unsigned_abs(), Task::for_object(Controller::Deployment, deployment));
        return;
    }
    ctx.again(
        std::time::Duration::from_secs(seconds.unsigned_abs()),
        Task::for_object(Controller::Deployment, deployment),
    );
}
