//! The current health of the project's objects: one snapshot, no waiting.

use crate::cluster::explain;
use crate::cluster::phase::owns_pods;
use crate::cluster::rollout::watches::list;
use crate::cluster::target::Target;
use crate::cluster::usage;
use crate::cluster::usage::Usage;
use crate::cluster::volumes;
use crate::cluster::volumes::Used;
use crate::event::Code;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::manifest::ObjectId;
use health::cause::newest;
use health::cause::pod;
use health::cause::quantity;
use health::live;
use health::snapshot::Snapshot;
use health::status::Health;
use health::status::Replicas;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The kind that has a volume.
const CLAIM: &str = "PersistentVolumeClaim";

/// The health of one object, with its most important figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectStatus {
    /// Which.
    pub object: ObjectId,
    /// How well.
    pub health: Health,
    /// One word, from the cluster; `NotFound` for missing objects.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// Its pods, for kinds that have some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Replicas>,
    /// Restarts of its pods' containers.
    pub restarts: i64,
    /// How the container of its pods that was restarted last had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_end: Option<String>,
    /// Seconds since its creation, by the cluster's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<u64>,
    /// The current usage of its pods, where the cluster measures it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Of a claim, its volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<Volume>,
}

/// The volume of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// The capacity of the claim in bytes.
    pub capacity: u64,
    /// How many of them are used, where the kubelet measures it.
    pub used: Option<u64>,
}

/// The health of `objects` now, in their order. One list per kind and namespace, and one each of pods, ReplicaSets,
/// events and measurements where there are workloads. Objects that may not be read are `unknown`.
pub async fn status(target: &Target, objects: &[(ObjectId, ApiResource)]) -> Result<Vec<ObjectStatus>> {
    let makers = objects.iter().filter(|(id, _)| owns_pods(&id.group, &id.kind));
    let namespaces: BTreeSet<Option<String>> = makers.map(|(id, _)| id.namespace.clone()).collect();
    let claims = async {
        let has = objects.iter().any(|(id, _)| id.kind == CLAIM);
        if has { volumes::measure(target).await } else { Used::default() }
    };
    let usage = usage::measure(target, namespaces.into_iter());
    let (snapshot, measured, used) = tokio::join!(load_snapshot(target, objects), usage, claims);
    let snapshot = snapshot?;
    let now = target.clock.now();
    let there = objects.iter().filter_map(|(id, _)| snapshot.get(id)).cloned().map(Into::into);
    let mut tracker = explain::tracker(there, now).of_minikube(target.profile.clone());
    let healths = tracker.observe(now, &snapshot);
    let mut judged: BTreeMap<ObjectId, (_, Option<Replicas>)> = healths
        .into_iter()
        .zip(tracker.health_statuses())
        .map(|(object_health, (_, health_status))| {
            (object_health.object.clone(), (object_health, health_status.replicas))
        })
        .collect();
    let statuses = objects.iter().map(|(id, _)| match (judged.remove(id), snapshot.get(id)) {
        (Some((object_health, replicas)), Some(live)) => ObjectStatus {
            object: id.clone(),
            health: object_health.health,
            reason: object_health.reason,
            message: object_health.message,
            replicas,
            restarts: restarts(live, &snapshot),
            last_end: last_end(live, &snapshot),
            age_seconds: live::moment(live, "/metadata/creationTimestamp")
                .and_then(|made| u64::try_from(now.duration_since(made).as_secs()).ok()),
            usage: measured.total(&newest::pods(live, &snapshot)),
            volume: capacity(live).map(|capacity| Volume { capacity, used: used.for_claim(live) }),
        },
        _ => absent(id, snapshot.complete(id)),
    });
    Ok(statuses.collect())
}

fn absent(id: &ObjectId, known: bool) -> ObjectStatus {
    let (reason, message) =
        if known { ("NotFound", "it is not there") } else { ("Forbidden", "this user may not read it") };
    ObjectStatus {
        object: id.clone(),
        health: Health::Unknown,
        reason: reason.to_owned(),
        message: message.to_owned(),
        replicas: None,
        restarts: 0,
        last_end: None,
        age_seconds: None,
        usage: None,
        volume: None,
    }
}

/// The bytes of a claim that has its volume.
fn capacity(live: &Value) -> Option<u64> {
    let thousandths = quantity::parse(live::text(live, "/status/capacity/storage"))?;
    u64::try_from(thousandths / 1000).ok()
}

fn restarts(live: &Value, snapshot: &Snapshot) -> i64 {
    newest::pods(live, snapshot)
        .into_iter()
        .flat_map(pod::containers)
        .map(|(status, _)| live::count(status, "/restartCount"))
        .sum()
}

/// `OOMKilled, exit code 137`, of the newest end before a restart.
fn last_end(live: &Value, snapshot: &Snapshot) -> Option<String> {
    let pods = newest::pods(live, snapshot);
    let ends = pods
        .into_iter()
        .flat_map(pod::containers)
        .filter_map(|(status, _)| status.pointer("/lastState/terminated"));
    let last = ends.max_by_key(|end| live::moment(end, "/finishedAt"))?;
    let code = live::count(last, "/exitCode");
    match live::text(last, "/reason") {
        "" => Some(format!("exit code {code}")),
        reason => Some(format!("{reason}, exit code {code}")),
    }
}

async fn load_snapshot(target: &Target, objects: &[(ObjectId, ApiResource)]) -> Result<Snapshot> {
    let mut kinds: BTreeMap<(String, String, Option<String>), ApiResource> = BTreeMap::new();
    for (id, resource) in objects {
        let key = (id.group.clone(), id.kind.clone(), id.namespace.clone());
        kinds.entry(key).or_insert_with(|| resource.clone());
        let makes_pods = matches!(id.group.as_str(), "apps" | "batch")
            || matches!(id.kind.as_str(), "Pod" | "PersistentVolumeClaim");
        for (group, kind) in [("", "Pod"), ("apps", "ReplicaSet"), ("", "Event")] {
            if makes_pods {
                let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
                let key = (group.to_owned(), kind.to_owned(), id.namespace.clone());
                kinds.entry(key).or_insert(resource);
            }
        }
    }
    let lists =
        kinds.iter().map(|((_, _, namespace), resource)| list(target, resource, namespace.as_deref()));
    let lists = futures::future::join_all(lists).await;
    let mut snapshot = Snapshot::default();
    for (((group, kind, namespace), _), list) in kinds.iter().zip(lists) {
        match list {
            Ok(objects) => snapshot.replace(group, kind, namespace.as_deref(), objects),
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => {}
            Err(error) => {
                return Err::<Snapshot, _>(error)
                    .or_fault(Code::ClusterRequestFailed, FaultKind::Apply, || {
                        format!("cannot list objects of kind {kind}")
                    })
                    .map_err(|fault: Fault| fault.hint("see whether the cluster runs, then run it again"));
            }
        }
    }
    Ok(snapshot)
}
