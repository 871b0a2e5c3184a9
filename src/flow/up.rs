//! `todo up`: makes the cluster match the project, and ends with a URL that has answered.
//!
//! The stages of a run, each created from the previous one: `Planned` (every file read, nothing changed), `Connected`
//! (the cluster is running and reachable), `build::Built` (the images are in the nodes), `write::Written` (the
//! objects match the project), `wait::Healthy`, and at last the URL. From the first write until everything is healthy
//! the run holds the project's lock.

pub(super) mod build;
pub(crate) mod verify;
pub(super) mod wait;
pub(super) mod write;

use crate::cli;
use crate::cluster::lock;
use crate::event::OpenStep;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::alive::while_up;
use crate::flow::check;
use crate::flow::connected::Connected;
use crate::flow::load::Planned;
use crate::flow::load::gather;
use crate::flow::reach::ClusterHandle;
use crate::flow::releases;
use crate::manifest::Object;
use crate::minikube;
use crate::plan::Plan;
use crate::preflight;
use crate::project;
use crate::project::Project;
use crate::run::Run;
use crate::service::candidate::node_ports;
use jiff::Timestamp;
use std::sync::Arc;

/// Brings the project up.
pub async fn up(run: &Run, project: &Arc<Project>, flags: &cli::Up) -> Result<Answer> {
    // An earlier run may have been stopped.
    run.sink.stop(false);
    let planned = plan(run, project).await?;
    let (cluster, started) = cluster(run, project, &planned.plan.objects).await?;
    let to = Connected::to(run, project, cluster).await?;
    let deploy = async {
        let built = Box::pin(build::build(&to, planned, flags, started)).await?;
        let healthy = lock::scope(run, &to.target, async {
            let written = Box::pin(write::write(&to, built, flags)).await?;
            Box::pin(wait::wait(&to, written, flags)).await
        });
        verify::verify(&to, healthy.await?, flags).await
    };
    while_up(run, project, &to.target, Box::pin(deploy)).await
}

/// Everything of this machine and of the project's files, before anything outside is touched.
pub(super) async fn plan(run: &Run, project: &Arc<Project>) -> Result<Planned> {
    let step = run.sink.step(Step::Preflight);
    let planned = gather(run, project).await?;
    possible(run, project, &planned.plan, step).await?;
    Ok(planned)
}

/// Whether this machine can carry out the plan: the rest of the `step` that reading the project is a part of.
pub(super) async fn possible(run: &Run, project: &Project, plan: &Plan, step: OpenStep) -> Result<()> {
    for finding in preflight::preflight(run, project, project.elsewhere.as_ref()).await?.findings {
        run.sink.warn(finding);
    }
    releases::possible(run, project, &plan.releases).await?;
    let objects = match plan.objects.len() {
        1 => "1 object".to_owned(),
        count => format!("{count} objects"),
    };
    step.finish(Outcome::Done, Some(objects));
    check::early(run, project, &plan.objects).await
}

/// The cluster: the `[target]` that was named, or the project's minikube, started or repaired if necessary. Also
/// returns when it was started, if that was in this run.
pub(super) async fn cluster(
    run: &Run,
    project: &Project,
    objects: &[Object],
) -> Result<(ClusterHandle, Option<Timestamp>)> {
    if let Some(other) = &project.elsewhere {
        return Ok((ClusterHandle::of_target(run, other)?, None));
    }
    let step = run.sink.step(Step::Minikube);
    let publish = node_ports(&project.services, objects);
    let node = minikube::ensure(run, &project::Minikube { publish, ..project.minikube.clone() }).await?;
    for note in &node.notes {
        run.sink.warn(note.clone());
    }
    step.finish(node.outcome, Some(format!("profile {}", node.profile)));
    let started = node.started.filter(|_| node.outcome != Outcome::Unchanged);
    Ok((ClusterHandle::of_node(&node), started))
}

/// The outcome of a step: unchanged if all its items are unchanged.
fn whole(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    let unchanged = outcomes.into_iter().all(|outcome| outcome == Outcome::Unchanged);
    if unchanged { Outcome::Unchanged } else { Outcome::Done }
}
