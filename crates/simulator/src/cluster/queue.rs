//! The work queue: which change affects which controller.

use crate::cluster::collector;
use crate::cluster::ctx::controller;
use crate::cluster::reading::has_ended;
use crate::cluster::reading::is_dying;
use crate::cluster::task::Controller;
use crate::cluster::task::Task;
use crate::kinds;
use crate::memory::Happened;
use crate::memory::Memory;
use crate::request::text;
use serde_json::Value;
use std::collections::BTreeSet;

/// Adds what a change concerns.
pub(super) fn concern(memory: &Memory, change: &Happened, queue: &mut BTreeSet<Task>) {
    let object = &change.object;
    let gone = change.what == "DELETED";
    let namespace = text(&object["metadata"]["namespace"]);
    collector::concern(memory, change, queue);
    if gone && !namespace.is_empty() {
        queue.insert(Task::named(Controller::Namespace, "", &namespace));
    }
    let mut own = |controller| queue.insert(Task::for_object(controller, object));
    let Some(kind) = kinds::served(&change.collection) else { return };
    match kind.kind {
        "Namespace" => {
            own(Controller::Namespace);
        }
        "Deployment" => {
            own(Controller::Deployment);
        }
        "StatefulSet" => {
            own(Controller::StatefulSet);
        }
        "DaemonSet" => {
            own(Controller::DaemonSet);
        }
        "Job" => {
            own(Controller::Job);
        }
        "ResourceQuota" => {
            own(Controller::Quota);
        }
        "ReplicaSet" => {
            own(Controller::ReplicaSet);
            owner(object, queue);
        }
        "ReplicationController" => {
            own(Controller::Replication);
        }
        "Secret" => {
            own(Controller::Token);
        }
        "Service" => {
            own(Controller::Endpoints);
        }
        "PersistentVolumeClaim" => {
            own(Controller::Claim);
            waiting_pods(memory, queue);
        }
        "PersistentVolume" | "StorageClass" => {
            for claim in memory.within(kinds::CLAIM.collection, None, "", "") {
                queue.insert(Task::for_object(Controller::Claim, claim));
            }
        }
        "Node" => {
            waiting_pods(memory, queue);
            for set in memory.within(kinds::DAEMON_SET.collection, None, "", "") {
                queue.insert(Task::for_object(Controller::DaemonSet, set));
            }
        }
        "Pod" => {
            own(Controller::Kubelet);
            pod(memory, object, gone, queue);
        }
        _ => {}
    }
}

fn pod(memory: &Memory, pod: &Value, gone: bool, queue: &mut BTreeSet<Task>) {
    let namespace = text(&pod["metadata"]["namespace"]);
    owner(pod, queue);
    if gone || has_ended(pod) {
        waiting_pods(memory, queue);
        for claim in memory.within(kinds::CLAIM.collection, Some(&namespace), "", "") {
            if is_dying(claim) {
                queue.insert(Task::for_object(Controller::Claim, claim));
            }
        }
    } else if pod["spec"]["nodeName"].is_null() {
        queue.insert(Task::for_object(Controller::Scheduler, pod));
    }
    let labels = &pod["metadata"]["labels"];
    for service in memory.within(kinds::SERVICE.collection, Some(&namespace), "", "") {
        let selector = service["spec"]["selector"].as_object();
        if selector.is_some_and(|all| all.iter().all(|(key, value)| labels.get(key) == Some(value))) {
            queue.insert(Task::for_object(Controller::Endpoints, service));
        }
    }
    for quota in memory.within(kinds::QUOTA.collection, Some(&namespace), "", "") {
        queue.insert(Task::for_object(Controller::Quota, quota));
    }
}

fn waiting_pods(memory: &Memory, queue: &mut BTreeSet<Task>) {
    for pod in memory.within(kinds::POD.collection, None, "", "") {
        if pod["spec"]["nodeName"].is_null() && !is_dying(pod) {
            queue.insert(Task::for_object(Controller::Scheduler, pod));
        }
    }
}

fn owner(object: &Value, queue: &mut BTreeSet<Task>) {
    let owner = controller(object);
    let which = match owner["kind"].as_str() {
        Some("Deployment") => Controller::Deployment,
        Some("ReplicaSet") => Controller::ReplicaSet,
        Some("ReplicationController") => Controller::Replication,
        Some("StatefulSet") => Controller::StatefulSet,
        Some("DaemonSet") => Controller::DaemonSet,
        Some("Job") => Controller::Job,
        _ => return,
    };
    queue.insert(Task::named(which, &text(&object["metadata"]["namespace"]), &text(&owner["name"])));
}
