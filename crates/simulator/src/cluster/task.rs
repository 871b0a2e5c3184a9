//! An object for a controller to reconcile.

use crate::request::text;
use serde_json::Value;

/// A part of the cluster that looks after objects of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Controller {
    Namespace,
    Claim,
    Quota,
    Deployment,
    ReplicaSet,
    Replication,
    StatefulSet,
    DaemonSet,
    Job,
    Token,
    Scheduler,
    Kubelet,
    Endpoints,
    Collector,
}

/// An object for a controller to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Task {
    pub(super) controller: Controller,
    /// The collection, for the collector; empty for all others.
    pub(super) collection: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Task {
    pub(super) fn for_object(controller: Controller, object: &Value) -> Task {
        Task::named(controller, &text(&object["metadata"]["namespace"]), &text(&object["metadata"]["name"]))
    }

    pub(super) fn named(controller: Controller, namespace: &str, name: &str) -> Task {
        Task { controller, collection: String::new(), namespace: namespace.to_owned(), name: name.to_owned() }
    }
}
