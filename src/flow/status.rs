//! `todo status`: what is running, its health, and whether the URL answers now. Changes nothing.

pub mod repeated;

use crate::answer::status as shown;
use crate::answer::status::ClusterStatus;
use crate::answer::status::ImageStatus;
use crate::answer::status::OtherProject;
use crate::answer::status::ProjectHealth;
use crate::answer::status::RevisionStatus;
use crate::answer::status::SCHEMA;
use crate::answer::status::ServiceStatus;
use crate::answer::status::StatusReport;
use crate::answer::status::WorkloadStatus;
use crate::cluster;
use crate::cluster::Inventory;
use crate::cluster::InventoryEntry;
use crate::cluster::ObjectStatus;
use crate::cluster::Owner;
use crate::cluster::Target;
use crate::cluster::owns_pods;
use crate::cluster::read_inventory;
use crate::cluster::release;
use crate::cluster::revision;
use crate::cluster::synced;
use crate::event::Code;
use crate::event::Place;
use crate::event::Step;
use crate::fault::Result;
use crate::flow;
use crate::flow::Answer;
use crate::flow::owner;
use crate::flow::reach;
use crate::flow::reach::ClusterHandle;
use crate::flow::reach::ClusterState;
use crate::flow::redaction;
use crate::image;
use crate::image::stored::Stored;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::minikube;
use crate::minikube::Break;
use crate::minikube::MinikubeState;
use crate::minikube::Pause;
use crate::project::Project;
use crate::project::Source;
use crate::project::name::ImageName;
use crate::run::Run;
use crate::service;
use crate::service::ServiceAnswer;
use crate::service::detached::ForwardRecord;
use health::status::Health;
use health::status::PAUSED;
use kube::core::ApiResource;
use serde_json::json;
use std::collections::BTreeSet;

const AUTOSCALER: &str = "HorizontalPodAutoscaler";

/// Queries minikube, the cluster and the URL.
pub async fn status(run: &Run, project: &Project) -> Result<Answer> {
    report(run, project).await.map(|report| Answer::Status(Box::new(report)))
}

async fn report(run: &Run, project: &Project) -> Result<StatusReport> {
    let mut report = StatusReport {
        schema: SCHEMA,
        project: project.name.to_string(),
        namespace: project.namespace.to_string(),
        verdict: ProjectHealth::Absent,
        cluster: ClusterStatus {
            name: match &project.elsewhere {
                Some(other) => other.context.clone(),
                None => project.minikube.profile.to_string(),
            },
            state: "running".to_owned(),
            version: None,
            reason: None,
        },
        revision: None,
        images: Vec::new(),
        workloads: Vec::new(),
        services: Vec::new(),
        forwards: Vec::new(),
        other: None,
        up_changes: None,
    };
    let running = forwards(run, project, &mut report);
    let state = match reach::inspect(run, project).await? {
        ClusterState::Running(cluster) => {
            inside(run, project, &cluster, &running, &mut report).await?;
            return Ok(report);
        }
        ClusterState::NotRunning(state) => state,
    };
    if let MinikubeState::Broken(Break::KubeconfigStale(_)) = &state {
        return Err(reach::unusable(&project.minikube.profile, &state));
    }
    if let Some(fault) = minikube::refusal(&project.minikube.profile, &state) {
        return Err(fault);
    }
    let (state, reason) = match state {
        // `look` had it answer.
        MinikubeState::Running(_) => ("running", None),
        MinikubeState::Absent => ("absent", None),
        MinikubeState::Stopped => ("stopped", None),
        MinikubeState::Paused(Pause::Container) => ("paused", Some("its node is paused".to_owned())),
        MinikubeState::Paused(Pause::Kubernetes) => ("paused", Some("its Kubernetes is paused".to_owned())),
        MinikubeState::Broken(why) => ("broken", Some(why.to_string())),
    };
    state.clone_into(&mut report.cluster.state);
    report.cluster.reason = reason;
    Ok(report)
}

/// Lists the project's forwards, and returns those that run. An unreadable directory does not affect the rest.
fn forwards(run: &Run, project: &Project, report: &mut StatusReport) -> Vec<ForwardRecord> {
    let listed = match flow::forwards::list(run, project) {
        Ok(listed) => listed,
        Err(fault) => {
            run.sink.warn(
                Code::PortForwardFailed
                    .warning(fault.causes().join(": "))
                    .help("check that this user can read it"),
            );
            return Vec::new();
        }
    };
    report.forwards = listed.iter().map(flow::forwards::status).collect();
    listed.into_iter().filter(|item| item.running).map(|item| item.record).collect()
}

async fn inside(
    run: &Run,
    project: &Project,
    cluster: &ClusterHandle,
    forwards: &[ForwardRecord],
    report: &mut StatusReport,
) -> Result<()> {
    let target = cluster.target(run, project).await?;
    let found = owner::find(run, project, &target, None).await?;
    if let (Owner::Others, Some(there)) = (&found.owner, &found.inventory) {
        report.other = Some(OtherProject {
            origin: there.deployed.as_ref().map(|deployed| deployed.origin.to_string()),
            last_written: there.deployed.as_ref().map(|deployed| deployed.last.to_string()),
            objects: there.entries.len(),
        });
        return Ok(());
    }
    redaction::cluster(run, &target, Step::Preflight).await;
    let inventory = found.inventory.filter(Inventory::is_deployed);
    let helms = if project.sources.iter().any(Source::is_helms) {
        release::load(run, &target)
            .await?
            .releases
            .into_values()
            .flat_map(|release| release.objects)
            .collect()
    } else {
        Vec::new()
    };
    if inventory.is_none() && helms.is_empty() {
        return Ok(());
    }
    let entries = inventory.iter().flat_map(|inventory| &inventory.entries).chain(&helms);
    let objects: Vec<_> = entries.filter(|entry| !entry.kept).map(InventoryEntry::resource).collect();
    // Where deploy.toml names no service, the one that `up` opens is among these.
    let ours: Vec<Object> = objects.iter().filter_map(|(id, resource)| named(id, resource)).collect();
    let image_owner = project.image_owner();
    let (found, images, newest, asked) = tokio::try_join!(
        cluster::status(&target, &objects),
        image::stored(&image_owner, &cluster.destination),
        revision::newest(run, &target),
        service::check_all(
            &target.client,
            &target.namespace,
            &cluster.reach,
            &project.services,
            &ours,
            forwards
        ),
    )?;
    report.revision = newest.map(|(number, git)| RevisionStatus { number, git });
    report.verdict = if found.iter().all(well) && asked.iter().all(|asked| asked.answers) {
        ProjectHealth::Ready
    } else {
        ProjectHealth::Degraded
    };
    let shown = |object: &&ObjectStatus| {
        owns_pods(&object.object.group, &object.object.kind)
            || object.object.kind == "PersistentVolumeClaim"
            || object.object.kind == AUTOSCALER
            || !well(object)
    };
    let namespaces: BTreeSet<String> =
        found.iter().filter_map(|item| item.object.namespace.clone()).collect();
    let marked = synced::marked(run, &target, &namespaces).await?;
    report.workloads =
        found.iter().filter(shown).map(|item| workload(item, marked.get(&item.object).copied())).collect();
    report.workloads.sort_by_key(|workload| (workload.health == shown::Health::Ready, workload.name.clone()));
    report.services = asked.into_iter().map(service).collect();
    report.images = project
        .images
        .iter()
        .map(|image| stored(&image.name, images.get(&image.name), run.world.clock.now()))
        .collect();
    Ok(())
}

/// The identity of a Service or an Ingress of the project, from its record.
fn named(id: &ObjectId, resource: &ApiResource) -> Option<Object> {
    matches!((id.group.as_str(), id.kind.as_str()), ("", "Service") | ("networking.k8s.io", "Ingress")).then(
        || {
            let value = json!({"apiVersion": resource.api_version, "kind": id.kind,
            "metadata": {"name": id.name, "namespace": id.namespace}});
            Object::made(value, Place::file(""))
        },
    )
}

/// Whether everything that the project has in the cluster is well now.
pub(crate) async fn is_well(run: &Run, target: &Target) -> Result<bool> {
    let Some(inventory) = read_inventory(run, target).await? else { return Ok(false) };
    let entries = inventory.entries.iter().filter(|entry| !entry.kept);
    let objects: Vec<_> = entries.map(InventoryEntry::resource).collect();
    Ok(cluster::status(target, &objects).await?.iter().all(well))
}

/// A paused workload is well where its pods are.
fn well(object: &ObjectStatus) -> bool {
    let lacks_pods = object.replicas.is_some_and(|replicas| replicas.ready < replicas.desired);
    health::status::is_well(object.health, &object.reason) && !(object.reason == PAUSED && lacks_pods)
}

/// One row. `newer` is how many files its pods have that are newer than their image.
fn workload(object: &ObjectStatus, newer: Option<usize>) -> WorkloadStatus {
    let count = |number: i64| u32::try_from(number).unwrap_or(0);
    WorkloadStatus {
        kind: object.object.kind.clone(),
        name: object.object.name.clone(),
        health: match object.health {
            Health::Ready => shown::Health::Ready,
            Health::Progressing => shown::Health::Progressing,
            Health::Failed => shown::Health::Failed,
            Health::Paused => shown::Health::Paused,
            Health::Terminating => shown::Health::Terminating,
            Health::Unknown if object.reason == "NotFound" => shown::Health::Missing,
            Health::Unknown => shown::Health::Unknown,
        },
        ready: object.replicas.map(|replicas| count(replicas.ready)),
        wanted: object.replicas.map(|replicas| count(replicas.desired)),
        restarts: count(object.restarts),
        last_end: object.last_end.clone(),
        age_s: object.age_seconds,
        cpu_m: object.usage.map(|usage| usage.cpu_m),
        memory: object.usage.map(|usage| usage.memory),
        capacity: object.volume.map(|volume| volume.capacity),
        used: object.volume.and_then(|volume| volume.used),
        // The current number of replicas of an autoscaler, and its metrics, are always shown.
        reason: if !well(object) || object.object.kind == AUTOSCALER {
            Some(object.message.clone())
        } else {
            newer.map(synced::newer)
        },
    }
}

fn stored(name: &ImageName, found: Option<&Stored>, now: jiff::Timestamp) -> ImageStatus {
    ImageStatus {
        name: name.to_string(),
        reference: found.map(|found| found.reference.clone()),
        present: found.is_some(),
        size: found.map(|found| found.size),
        age_s: found.and_then(|found| u64::try_from(now.as_second() - found.made).ok()),
    }
}

fn service(asked: ServiceAnswer) -> ServiceStatus {
    ServiceStatus {
        name: asked.service.to_string(),
        url: asked.url,
        answers: asked.answers,
        status: asked.status,
        took_ms: asked.took.and_then(|took| u64::try_from(took.as_millis()).ok()),
        reason: asked.why,
    }
}
