//! The check of a cluster in which nothing was written: usually it needs only what the comparison has read.

use crate::cluster::applied::AppliedObject;
use crate::cluster::applied::waits;
use crate::cluster::phase::owns_pods;
use crate::cluster::rollout::outcome::RolloutOutcome;
use crate::cluster::rollout::outcome::known;
use crate::cluster::rollout::outcome::tracker_of;
use crate::cluster::rollout::outcome::warnings;
use crate::cluster::rollout::watches::list;
use crate::cluster::target::Target;
use crate::cluster::tracker::HealthTracker;
use crate::cluster::tracker::limits::Limits;
use crate::fault::Result;
use crate::limit;
use crate::manifest::ObjectId;
use health::cause::container::Purpose;
use health::cause::pod::containers;
use health::cause::pod::purpose;
use health::cause::restarted;
use health::live;
use health::snapshot::Snapshot;
use health::status;
use jiff::SignedDuration;
use jiff::Timestamp;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;
use serde_json::Value;
use std::collections::BTreeSet;

/// Everything is healthy already, or `None`: then it has to be watched.
pub(super) async fn inspect(
    target: &Target,
    objects: &[AppliedObject],
    limits: &Limits,
) -> Result<Option<RolloutOutcome>> {
    let mut snapshot = known(objects);
    // The comparison has just read these objects, with all that their controllers report.
    for object in objects.iter().filter(|object| waits(object)) {
        snapshot.know(object.id.clone(), object.after.clone().into());
    }
    let now = target.clock.now();
    let mut tracker = tracker_of(target, objects, limits, now);
    let looked = tracker.observe(now, &snapshot);
    if !content(&tracker) {
        return Ok(None);
    }
    // A workload counts a pod that was started again as ready: whether it stays up is seen only in the pods.
    let healths = match add_pods(target, objects, &mut snapshot).await {
        0 => looked,
        _ if unproved(objects, &snapshot, limits, target.clock.now()) => return Ok(None),
        _ => tracker.observe(now, &snapshot),
    };
    if !content(&tracker) {
        return Ok(None);
    }
    Ok(Some(RolloutOutcome { healths, warnings: warnings(&tracker, objects, &snapshot) }))
}

fn content(tracker: &HealthTracker) -> bool {
    tracker.health_statuses().all(|(_, health_status)| {
        health_status.non_blocking || status::is_well(health_status.health, &health_status.reason)
    })
}

/// Whether a pod of the set is not ready after all, or was started so recently that it has to be watched.
fn unproved(objects: &[AppliedObject], snapshot: &Snapshot, limits: &Limits, now: Timestamp) -> bool {
    let stability = SignedDuration::try_from(limits.stability).unwrap_or(SignedDuration::MAX);
    let started_just_now = |status: &Value| {
        let began = live::moment(status, "/state/running/startedAt");
        began.is_some_and(|began| now.duration_since(began) < stability)
    };
    let mut pods = snapshot
        .all()
        .filter(|(id, pod)| id.kind == "Pod" && id.group.is_empty() && !live::is_terminating(pod));
    pods.any(|(id, pod)| {
        let serves = live::text(pod, "/status/phase") == "Running" && purpose(pod) == Purpose::Serve;
        (restarted::is_recent(pod, now)
            || serves && !live::holds(pod, "Ready")
            || containers(pod).any(|(status, _)| started_just_now(status)))
            && objects.iter().any(|object| leads_to(object, id, pod))
    })
}

/// Whether the pod is this object, or its selector chooses the pod.
fn leads_to(object: &AppliedObject, id: &ObjectId, pod: &Value) -> bool {
    if !owns_pods(&object.id.group, &object.id.kind) || object.id.namespace != id.namespace {
        return object.id == *id;
    }
    let labels = object.after["spec"]["selector"]["matchLabels"].as_object();
    let label = |key: &String| &pod["metadata"]["labels"][key];
    labels.is_none_or(|labels| labels.iter().all(|(key, value)| label(key) == value))
}

/// Lists the pods where the set has pods, or selects any; returns in how many namespaces. Forbidden lists are left
/// out.
async fn add_pods(target: &Target, objects: &[AppliedObject], snapshot: &mut Snapshot) -> usize {
    let pods = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"));
    let has_pods = |object: &&AppliedObject| {
        owns_pods(&object.id.group, &object.id.kind) || matches!(object.id.kind.as_str(), "Pod" | "Service")
    };
    let homes: BTreeSet<&String> =
        objects.iter().filter(has_pods).filter_map(|object| object.id.namespace.as_ref()).collect();
    let mut listed = 0;
    for namespace in homes {
        if let Ok(objects) = limit::with_timeout(list(target, &pods, Some(namespace))).await {
            snapshot.replace("", "Pod", Some(namespace), objects);
            listed += 1;
        }
    }
    listed
}
