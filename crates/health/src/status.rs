//! Object → how well it is: one function a kind, from JSON alone.
//!
//! Not blame: a pod that cannot start leaves its Deployment `progressing` here; whether it ever will is judged in
//! [`blame`](crate::cause). Every rule looks at the generation first: right after a write the status still
//! speaks of the previous rollout, and kube's own `is_deployment_completed` believes it.

mod autoscaler;
mod batch;
mod custom;
mod daemon_set;
mod deployment;
pub mod expression;
mod extension;
mod node;
mod pod;
mod policy;
mod replica_set;
mod request;
mod service;
mod stateful_set;
mod storage;
mod terminating;

use crate::ObjectId;
use crate::live;
use crate::snapshot::Snapshot;
pub(crate) use pod::scheduling_gates;
pub(crate) use pod::unmet_gate;
pub(crate) use storage::class_of;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde::Serializer;
use serde_json::Value;
use std::fmt;

/// How well an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It does what it is for.
    Ready,
    /// It is in progress, according to its status.
    Progressing,
    /// It will not get there by waiting.
    Failed,
    /// It is paused by its spec or an annotation.
    Paused,
    /// It is being deleted.
    Terminating,
    /// The status cannot be determined.
    Unknown,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Health::Ready => "ready",
            Health::Progressing => "progressing",
            Health::Failed => "failed",
            Health::Paused => "paused",
            Health::Terminating => "terminating",
            Health::Unknown => "unknown",
        })
    }
}

/// How well one object is, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectHealth {
    /// Which; `Deployment/web` where it is serialised.
    #[serde(serialize_with = "as_people_write_it")]
    pub object: ObjectId,
    /// How well.
    pub health: Health,
    /// One word, as the cluster reports it: `CrashLoopBackOff`.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

fn as_people_write_it<S: Serializer>(id: &ObjectId, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(id)
}

/// How many of a workload's pods are ready, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicas {
    /// Ready ones, of the desired revision where the kind reports it.
    pub ready: i64,
    /// Desired ones.
    pub desired: i64,
}

/// The status of an object at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthStatus {
    /// How well.
    pub health: Health,
    /// One word.
    pub reason: String,
    /// What is missing or wrong.
    pub message: String,
    /// Its pods, for kinds that have some.
    pub replicas: Option<Replicas>,
    /// Worth waiting for, but not a reason to fail: an address that only a cloud or `minikube tunnel` gives.
    pub non_blocking: bool,
    /// A remark to print although it is ready.
    pub note: Option<String>,
    /// What to do, where that is known from the status.
    pub help: Option<String>,
}

impl HealthStatus {
    /// A status without anything more.
    pub fn new(health: Health, reason: impl Into<String>, message: impl Into<String>) -> HealthStatus {
        HealthStatus {
            health,
            reason: reason.into(),
            message: message.into(),
            replicas: None,
            non_blocking: false,
            note: None,
            help: None,
        }
    }

    /// It is ready.
    pub fn ready(reason: impl Into<String>, message: impl Into<String>) -> HealthStatus {
        HealthStatus::new(Health::Ready, reason, message)
    }

    /// It is on its way.
    pub fn progressing(reason: impl Into<String>, message: impl Into<String>) -> HealthStatus {
        HealthStatus::new(Health::Progressing, reason, message)
    }

    /// It will not get there by waiting.
    pub fn failed(reason: impl Into<String>, message: impl Into<String>) -> HealthStatus {
        HealthStatus::new(Health::Failed, reason, message)
    }

    /// With the pods of a workload.
    #[must_use]
    pub fn replicas(mut self, ready: i64, desired: i64) -> HealthStatus {
        self.replicas = Some(Replicas { ready, desired });
        self
    }

    /// Whether it was paused before its pods were made or changed.
    pub fn is_paused_too_early(&self) -> bool {
        self.health == Health::Paused
            && self.reason == PAUSED
            && self.replicas.is_some_and(|replicas| replicas.ready < replicas.desired)
    }

    /// With a remark.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> HealthStatus {
        self.note = Some(note.into());
        self
    }

    /// With what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> HealthStatus {
        self.help = Some(help.into());
        self
    }

    /// Makes it no reason to fail.
    #[must_use]
    pub fn non_blocking(mut self) -> HealthStatus {
        self.non_blocking = true;
        self
    }
}

/// What is known in addition to the object itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The generation that our write got; a status that has not seen it speaks of something else.
    pub generation: Option<i64>,
    /// The object as it was before our write.
    pub before: Option<&'a Value>,
    /// The object as it is written in the manifest.
    pub manifest: Option<&'a Value>,
    /// How long ago our write was.
    pub since: Option<SignedDuration>,
    /// Whether our write changed it.
    pub changed: bool,
    /// When the object was looked at.
    pub now: Option<Timestamp>,
    /// The cluster around it.
    pub snapshot: Option<&'a Snapshot>,
}

/// The reason of a custom resource whose status has no known field.
pub const NO_SIGNAL: &str = "NoSignal";

/// The reason of a paused Deployment.
pub const PAUSED: &str = "DeploymentPaused";

/// Whether an object of that health and reason needs nothing more. An object that reports no health counts as well once
/// it exists.
pub fn is_well(health: Health, reason: &str) -> bool {
    matches!(health, Health::Ready | Health::Paused) || (health == Health::Unknown && reason == NO_SIGNAL)
}

/// Kinds whose status counts for nothing until it names a generation.
const COUNTED: [&str; 5] = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "PodDisruptionBudget"];

/// How well `object` is.
pub fn compute(object: &Value, context: Context<'_>) -> HealthStatus {
    if live::is_terminating(object) {
        return terminating::compute(object, context);
    }
    let ours = builtin(object);
    let desired = context.generation.max(live::number(object, "/metadata/generation"));
    let observed = live::number(object, "/status/observedGeneration");
    let counted = ours && COUNTED.contains(&live::kind(object));
    match (desired, observed) {
        (Some(desired), Some(observed)) if observed < desired => {
            return HealthStatus::progressing(
                "GenerationNotObserved",
                format!("its controller has not seen generation {desired} yet"),
            );
        }
        (Some(_), None) if counted => {
            return HealthStatus::progressing("GenerationNotObserved", "its controller has not seen it yet");
        }
        _ => {}
    }
    let own = live::annotation(object, expression::ANNOTATION);
    if !own.is_empty() {
        return by_its_own_rule(own, object);
    }
    if !ours {
        return custom::compute(object, context);
    }
    match live::kind(object) {
        "Deployment" => deployment::compute(object, context),
        "StatefulSet" => stateful_set::compute(object),
        "DaemonSet" => daemon_set::compute(object, context),
        "ReplicaSet" | "ReplicationController" => replica_set::compute(object),
        "Pod" => pod::compute(object, context),
        "Job" => batch::job(object, context),
        "CronJob" => batch::cron_job(object),
        "Node" => node::compute(object),
        "CertificateSigningRequest" => request::certificate(object),
        "VolumeAttachment" => request::attachment(object),
        "PersistentVolumeClaim" => storage::claim(object, context),
        "PersistentVolume" => storage::volume(object),
        "Service" => service::compute(object, context),
        "HorizontalPodAutoscaler" => autoscaler::compute(object, context),
        "PodDisruptionBudget" => policy::disruption_budget(object),
        "ResourceQuota" => policy::quota(object),
        "Namespace" => policy::namespace(object),
        "CustomResourceDefinition" => extension::definition(object),
        "APIService" => extension::api_service(object),
        // Kinds of the API server that have conditions keep to the conventions, too.
        _ => custom::status(object).unwrap_or_else(|| HealthStatus::ready("Exists", "it is there")),
    }
}

fn by_its_own_rule(text: &str, object: &Value) -> HealthStatus {
    match expression::Rule::parse(text).map(|rule| rule.holds(object)) {
        Ok(Ok(true)) => HealthStatus::ready("OwnRule", format!("`{text}` holds")),
        Ok(Ok(false)) => HealthStatus::progressing("OwnRule", format!("`{text}` does not hold yet")),
        Ok(Err(why)) => HealthStatus::failed(
            "RuleTooExpensive",
            format!("its annotation `{}` cannot be evaluated: {why}", expression::ANNOTATION),
        ),
        Err(why) => HealthStatus::failed(
            "OwnRule",
            format!("its annotation `{}` cannot be read: {why}", expression::ANNOTATION),
        ),
    }
}

/// Whether the kind has nothing to wait for: being there is all it does.
pub fn at_once(group: &str, kind: &str) -> bool {
    BUILTIN.contains(&group)
        && !matches!(
            kind,
            "Deployment"
                | "StatefulSet"
                | "DaemonSet"
                | "ReplicaSet"
                | "ReplicationController"
                | "Pod"
                | "Job"
                | "PersistentVolumeClaim"
                | "Service"
                | "HorizontalPodAutoscaler"
                | "PodDisruptionBudget"
                | "ResourceQuota"
                | "Namespace"
                | "CustomResourceDefinition"
                | "APIService"
        )
}

/// The groups that the API server itself serves; others are custom, whatever their name ends in
/// (`gateway.networking.k8s.io` is).
const BUILTIN: [&str; 23] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

fn builtin(object: &Value) -> bool {
    let group = live::text(object, "/apiVersion").split_once('/').map_or("", |(group, _)| group);
    BUILTIN.contains(&group)
}

/// `1 of 2 pods ready`, and nothing odd for the other numbers.
fn ready_of(ready: i64, desired: i64) -> String {
    let pods = if desired == 1 { "pod" } else { "pods" };
    format!("{ready} of {desired} {pods} ready")
}

/// What a workload's pods still lack: to be ready, or to be so for `minReadySeconds`.
fn starting(ready: i64, available: i64, desired: i64) -> String {
    if ready >= desired && available < desired {
        format!("{available} of {desired} pods ready for long enough")
    } else {
        ready_of(ready, desired)
    }
}

/// The remark on a workload whose pods are replaced only when the user deletes them.
fn on_delete(updated: i64, desired: i64) -> String {
    if updated >= desired {
        return "pods change only when they are deleted".to_owned();
    }
    let old = desired - updated;
    format!(
        "{old} of {desired} {} of an older template, until deleted",
        if old == 1 { "pod is" } else { "pods are" }
    )
}
