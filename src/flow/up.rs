//! `todo up`: makes the cluster agree with the project, and ends with a URL that has answered.

use crate::cli;
use crate::cluster::apply;
use crate::cluster::apply::Applied;
use crate::cluster::apply::ApplyOptions;
use crate::cluster::awake::awake;
use crate::cluster::revision::history;
use crate::cluster::rollout::Limits;
use crate::cluster::rollout::rollout;
use crate::cluster::settle::settle;
use crate::cluster::target::Target;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::Open;
use crate::flow::back;
use crate::flow::gather::Gathered;
use crate::flow::gather::gather;
use crate::flow::generate::generate;
use crate::flow::reach;
use crate::image;
use crate::image::Built;
use crate::image::Destination;
use crate::image::survey::Surveyed;
use crate::manifest::Object;
use crate::manifest::bind::PullPolicy;
use crate::manifest::bind::bind;
use crate::minikube;
use crate::minikube::Node;
use crate::plan::Plan;
use crate::preflight;
use crate::project::Project;
use crate::run::Run;
use crate::service;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long the URL may take to answer once everything is healthy.
const ANSWER: Duration = Duration::from_secs(30);

/// Brings the project up.
pub async fn up(run: &Run, project: &Arc<Project>, flags: &cli::Up) -> Result<Answer> {
    let Gathered { plan, images } = prepare(run, project).await?;
    let node = start(run, project).await?;
    let to = reach::destination(&node);
    let target = reach::target(run, project, &node).await?;
    let built = build(run, project, &to, &images).await?;
    if node.outcome != Outcome::Unchanged
        && let Some(started) = node.started
    {
        awake(run, &target, started).await?;
    }
    let applied = write(run, project, &target, plan, &built, options(flags.apply)).await?;
    let objects: Vec<Object> = applied.objects.iter().map(|applied| applied.object.clone()).collect();
    if let Err(fault) = healthy(run, &target, applied, &flags.wait).await {
        return Err(if flags.rollback { back::after(run, &target, fault, &flags.wait).await } else { fault });
    }
    let proved = open(run, project, &target, &node, &objects).await?;
    sweep(run, project, &target, &to, &built).await;
    Ok(answer(proved))
}

/// What the user allows.
pub(crate) fn options(flags: cli::Apply) -> ApplyOptions {
    let cli::Apply { force_conflicts, recreate, prune_data, yes } = flags;
    ApplyOptions { force_conflicts, recreate, prune_data, yes }
}

/// Everything of this machine and of the project's files, before anything outside is touched.
async fn prepare(run: &Run, project: &Arc<Project>) -> Result<Gathered> {
    let step = run.sink.step(Step::Preflight);
    let gathered = gather(run, project).await?;
    for finding in preflight::preflight(run, project, None).await?.findings {
        run.sink.warn(finding);
    }
    step.finish(Outcome::Done, Some(format!("{} objects", gathered.plan.objects.len())));
    Ok(gathered)
}

async fn start(run: &Run, project: &Project) -> Result<Node> {
    let step = run.sink.step(Step::Minikube);
    let node = minikube::ensure(run, &project.minikube).await?;
    for note in &node.notes {
        run.sink.warn(note.clone());
    }
    step.finish(node.outcome, Some(format!("profile {}", node.profile)));
    Ok(node)
}

async fn build(run: &Run, project: &Project, to: &Destination, images: &[Surveyed]) -> Result<Vec<Built>> {
    let step = run.sink.step(Step::Image);
    let built = image::make(run, &project.name, to, images).await?;
    step.finish(whole(built.iter().map(|image| image.outcome)), None);
    Ok(built)
}

async fn write(
    run: &Run,
    project: &Project,
    target: &Target,
    plan: Plan,
    built: &[Built],
    options: ApplyOptions,
) -> Result<Applied> {
    let step = run.sink.step(Step::Apply);
    let mut objects = plan.objects;
    let references = built.iter().map(|image| (image.name.clone(), image.reference.clone())).collect();
    bind(&mut objects, &references, PullPolicy::Never);
    run.or_stopped(generate(target, &project.secrets, &mut objects)).await?;
    let applied = apply::apply(run, target, &objects, &options).await?;
    step.finish(whole(applied.objects.iter().map(|object| object.outcome)), None);
    Ok(applied)
}

/// Waits until what was applied is healthy, and then removes what is no longer wanted.
pub(crate) async fn healthy(run: &Run, target: &Target, applied: Applied, wait: &cli::Wait) -> Result<()> {
    let limits = Limits { no_progress: wait.timeout, patience: wait.patience, ..Limits::default() };
    match rollout(run, target, &applied, &limits).await {
        Ok(_) => settle(run, target, applied).await.map(drop),
        Err(fault) => {
            applied.release().await;
            Err(fault)
        }
    }
}

async fn open(
    run: &Run,
    project: &Project,
    target: &Target,
    node: &Node,
    objects: &[Object],
) -> Result<Vec<service::Proved>> {
    let step = run.sink.step(Step::Service);
    let deadline = Instant::now() + ANSWER;
    let reach = reach::reach(node);
    let (client, namespace) = (&target.client, &target.namespace);
    let proved = service::prove(run, client, namespace, &reach, &project.services, objects, deadline).await?;
    let outcome = if proved.is_empty() { Outcome::Skipped } else { Outcome::Done };
    step.finish(outcome, proved.first().map(|first| first.url.clone()));
    Ok(proved)
}

/// Removes old images of ours. Nobody waits for disk space, so what goes wrong with it is no failure of the run.
async fn sweep(run: &Run, project: &Project, target: &Target, to: &Destination, built: &[Built]) {
    if built.iter().all(|image| image.outcome == Outcome::Unchanged) {
        return;
    }
    let swept = async {
        let revisions = history(run, target).await?;
        let named = revisions.into_iter().flat_map(|revision| revision.images);
        let keep: BTreeSet<String> = built.iter().map(|image| image.reference.clone()).chain(named).collect();
        image::sweep(run, &project.name, to, &keep).await
    };
    if let Err(fault) = swept.await {
        let message = format!("old images stay for now: {}", fault.causes().join(": "));
        run.sink.warn(crate::event::Finding::warning(message).mend("the next `todo up` tries again"));
    }
}

fn answer(proved: Vec<service::Proved>) -> Answer {
    let url = proved.first().map(|first| first.url.clone());
    let forwards = proved.into_iter().filter_map(|proved| proved.forward).collect();
    url.map_or(Answer::Nothing, |url| Answer::Url(Open { url, forwards }))
}

/// What a step did as a whole: nothing, if it did nothing to anything.
fn whole(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    let unchanged = outcomes.into_iter().all(|outcome| outcome == Outcome::Unchanged);
    if unchanged { Outcome::Unchanged } else { Outcome::Done }
}
