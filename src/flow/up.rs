//! `todo up`: makes the cluster agree with the project, and ends with a URL that has answered.

use crate::cli;
use crate::cluster::apply;
use crate::cluster::apply::Applied;
use crate::cluster::apply::AppliedObject;
use crate::cluster::apply::ApplyOptions;
use crate::cluster::awake::awake;
use crate::cluster::foreign;
use crate::cluster::hook;
use crate::cluster::owner::Doing;
use crate::cluster::owner::Wants;
use crate::cluster::revision::history;
use crate::cluster::rollout::Limits;
use crate::cluster::rollout::rollout;
use crate::cluster::room;
use crate::cluster::settle::settle;
use crate::cluster::target::Target;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Kind;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::Open;
use crate::flow::alive::while_up;
use crate::flow::back;
use crate::flow::check;
use crate::flow::gather::Gathered;
use crate::flow::gather::gather;
use crate::flow::generate::generate;
use crate::flow::hooks;
use crate::flow::hooks::Course;
use crate::flow::hosts;
use crate::flow::ingress;
use crate::flow::outlook::outlook;
use crate::flow::owner;
use crate::flow::reach::Site;
use crate::flow::redaction;
use crate::flow::releases;
use crate::flow::status::is_well;
use crate::image;
use crate::image::Built;
use crate::image::Destination;
use crate::image::survey::Surveyed;
use crate::manifest::Object;
use crate::manifest::Release;
use crate::manifest::origins::Page;
use crate::manifest::origins::unlisted;
use crate::minikube;
use crate::plan::Plan;
use crate::preflight;
use crate::project::Project;
use crate::project::name::ObjectName;
use crate::run::Run;
use crate::service;
use crate::service::listening::unheard;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long the URL may take to answer once everything is healthy.
pub(crate) const ANSWER: Duration = Duration::from_secs(30);

/// After how long images that are not there yet are being built.
const BUILDING: Duration = Duration::from_millis(300);

/// Brings the project up.
pub async fn up(run: &Run, project: &Arc<Project>, flags: &cli::Up) -> Result<Answer> {
    let gathered = prepare(run, project).await?;
    check::early(run, project, &gathered.plan.objects).await?;
    let (site, started) = match &project.elsewhere {
        Some(other) => (Site::of_target(run, other)?, None),
        None => start(run, project).await?,
    };
    let target = site.target(run, project).await?;
    let deployed = deploy(run, project, flags, gathered, &site, &target, started);
    while_up(run, project, &target, Box::pin(deployed)).await
}

/// Everything that needs the cluster.
async fn deploy(
    run: &Run,
    project: &Arc<Project>,
    flags: &cli::Up,
    gathered: Gathered,
    site: &Site,
    target: &Target,
    started: Option<Timestamp>,
) -> Result<Answer> {
    let Gathered { plan, images } = gathered;
    let adopted = hooks::owners(run, target, &plan.releases, flags.apply.adopt).await?;
    let wants = Wants::of(&plan.objects);
    let adopt = owner::check(run, project, target, Some(&wants), flags.apply.adopt, Doing::Up).await?;
    let flags = &cli::Up { apply: cli::Apply { adopt, ..flags.apply }, ..flags.clone() };
    let idle = async {
        let (objects, releases) = (plan.objects.clone(), plan.releases.clone());
        let options = options(flags.apply);
        let ahead = outlook(run, project, site, target, objects, releases, &images, &options).await;
        // Who cannot tell goes on, and says why where it matters. What is unchanged and broken will be waited for.
        ahead.is_ok_and(|ahead| ahead.is_nothing()) && is_well(run, target).await.is_ok_and(|well| well)
    };
    // What the node cannot reach ends the run as soon as it is known, however long the images take.
    let (built, unasked, ()) = tokio::try_join!(
        beside(build(run, project, &site.destination, &images), possible(run, target, &plan.objects, flags)),
        check::before(run, project, site, &plan.objects, idle),
        ingress::served(run, project, target, &plan.objects),
    )?;
    if let Some(started) = started {
        awake(run, target, started).await?;
    }
    let written = Box::pin(write(run, project, site, target, plan, &built, adopted, flags)).await?;
    let Written { applied, released, mut course, releases } = written;
    let objects: Vec<Object> =
        applied.objects.iter().chain(&released).map(|applied| applied.object.clone()).collect();
    let helms: Vec<_> = released.iter().map(|one| (one.id.clone(), one.resource.clone())).collect();
    let changed = !applied.is_unchanged();
    let (limits, quiet) = (limits(&flags.wait), flags.helm.no_hooks);
    redaction::cluster(run, target, Step::Apply).await;
    let ended = async {
        let mut applied = rolled(run, target, applied, released, &limits).await?;
        if course.has_leaving() {
            applied.unlock().await;
            course.leave(run, target, &limits, quiet).await?;
        }
        settle(run, target, applied).await
    };
    if let Err(mut fault) = ended.await {
        if unasked && fault.kind == Kind::Rollout {
            fault = fault.findings(check::late(run, project, site, &objects).await);
        }
        return Err(if flags.rollback { back::after(run, target, fault, &flags.wait).await } else { fault });
    }
    course.left(run, target, &limits, quiet).await?;
    course.end(run, target, &limits, &helms).await?;
    let opened = open(run, project, target, site, &objects, answer_within(&flags.wait)).await;
    let proved = if changed { listened(run, target, &objects, opened).await? } else { opened? };
    origins(run, project, &proved, &objects);
    let unwritten = hosts::found(run, project, &proved, flags.hosts, flags.apply.yes);
    check::after(run, project, site, &objects).await?;
    if run.verbose {
        releases::tell_notes(run, project, site, &releases).await;
    }
    sweep(run, project, target, &site.destination, &built).await;
    Ok(answer(&proved, unwritten))
}

/// What the user allows.
pub(crate) fn options(flags: cli::Apply) -> ApplyOptions {
    let cli::Apply { force_conflicts, recreate, prune_data, yes, adopt } = flags;
    ApplyOptions { force_conflicts, recreate, prune_data, yes, adopt, ..ApplyOptions::default() }
}

/// Everything of this machine and of the project's files, before anything outside is touched.
async fn prepare(run: &Run, project: &Arc<Project>) -> Result<Gathered> {
    let step = run.sink.step(Step::Preflight);
    let gathered = gather(run, project).await?;
    for finding in preflight::preflight(run, project, project.elsewhere.as_ref()).await?.findings {
        run.sink.warn(finding);
    }
    releases::possible(run, project, &gathered.plan.releases).await?;
    step.finish(Outcome::Done, Some(format!("{} objects", gathered.plan.objects.len())));
    Ok(gathered)
}

/// The project's minikube, and when it was started if that was now.
async fn start(run: &Run, project: &Project) -> Result<(Site, Option<Timestamp>)> {
    let step = run.sink.step(Step::Minikube);
    let node = minikube::ensure(run, &project.minikube).await?;
    for note in &node.notes {
        run.sink.warn(note.clone());
    }
    step.finish(node.outcome, Some(format!("profile {}", node.profile)));
    let started = node.started.filter(|_| node.outcome != Outcome::Unchanged);
    Ok((Site::of_node(&node), started))
}

async fn build(run: &Run, project: &Project, to: &Destination, images: &[Surveyed]) -> Result<Vec<Built>> {
    let step = run.sink.step(Step::Image);
    let built = image::make(run, &project.image_owner(), to, images).await?;
    step.finish(whole(built.iter().map(|image| image.outcome)), image::summary(&built));
    Ok(built)
}

/// Builds, and looks meanwhile whether there is room for it: what would be refused or stay pending need not be built.
/// Where nothing has to be built the server says it within the same second, and an unchanged run asks nobody.
async fn beside(
    build: impl Future<Output = Result<Vec<Built>>>,
    room: impl Future<Output = Result<()>>,
) -> Result<Vec<Built>> {
    let mut build = std::pin::pin!(build);
    tokio::select! {
        done = &mut build => return done,
        () = tokio::time::sleep(BUILDING) => {}
    }
    let (images, ()) = tokio::try_join!(build, room)?;
    Ok(images)
}

/// Whether there is room for the objects, and none of them is another project's.
async fn possible(run: &Run, target: &Target, objects: &[Object], flags: &cli::Up) -> Result<()> {
    room::check(run, target, objects).await?;
    if flags.apply.force_conflicts {
        return Ok(());
    }
    Box::pin(foreign::check(run, target, objects)).await
}

/// What was written, by us and by Helm, and what is still to be done about the charts.
struct Written {
    applied: Applied,
    released: Vec<AppliedObject>,
    course: Course,
    releases: Vec<Release>,
}

#[expect(clippy::too_many_arguments, reason = "each is what another step has found")]
async fn write(
    run: &Run,
    project: &Project,
    site: &Site,
    target: &Target,
    plan: Plan,
    built: &[Built],
    adopted: Vec<(String, String)>,
    flags: &cli::Up,
) -> Result<Written> {
    let step = run.sink.step(Step::Apply);
    let Plan { mut objects, mut releases, .. } = plan;
    let references = built.iter().map(|image| (image.name.clone(), image.reference.clone())).collect();
    if flags.helm.no_hooks {
        for release in &mut releases {
            release.hooks.clear();
        }
    }
    let bound = releases::bound(&mut objects, &mut releases, &project.bindings, &references, site.pull);
    run.or_stopped(generate(run, target, &project.secrets, &mut objects)).await?;
    redaction::objects(run, &objects);
    let charts = !releases.is_empty();
    let mut course = Course::default();
    if charts {
        course = Course::of(run, target, &releases, &objects, adopted).await?;
    }
    let (helms, objects): (Vec<Object>, Vec<Object>) =
        objects.into_iter().partition(|object| releases::is_helms(&releases, object));
    let options = ApplyOptions { limits: limits(&flags.wait), charts, ..options(flags.apply) };
    if course.has_beginning() || !helms.is_empty() {
        if !flags.apply.force_conflicts {
            Box::pin(foreign::check(run, target, &objects)).await?;
        }
        hook::ground(run, target).await?;
        let first: Vec<Object> =
            objects.iter().filter(|object| is_ground(project, object)).cloned().collect();
        apply::apply(run, target, first, &options).await?.release().await;
        course.begin(run, target, &limits(&flags.wait)).await?;
    }
    let applied = apply::apply(run, target, objects, &options).await?;
    let installed = async {
        if !charts && applied.may_have_charts() {
            course = Course::of(run, target, &[], &[], Vec::new()).await?;
        }
        releases::install(run, project, site, target, &releases, &helms, &course, built).await
    };
    let released = match installed.await {
        Ok(released) => released,
        Err(fault) => {
            applied.release().await;
            return Err(fault);
        }
    };
    if !applied.is_unchanged()
        && let Some(note) = bound.note()
    {
        run.sink.warn(note);
    }
    step.finish(whole(applied.objects.iter().chain(&released).map(|object| object.outcome)), None);
    Ok(Written { applied, released, course, releases })
}

/// What a chart's hooks, and Helm, find there already: namespaces, and what deploy.toml itself gives the pods to read.
fn is_ground(project: &Project, object: &Object) -> bool {
    let ours = project.file.file_name().is_some_and(|name| object.place.file == Path::new(name));
    object.kind() == "Namespace" || ours && matches!(object.kind(), "Secret" | "ConfigMap")
}

/// How long the user waits.
pub(crate) fn limits(wait: &cli::Wait) -> Limits {
    Limits { no_progress: wait.timeout, patience: wait.patience, ..Limits::default() }
}

/// Waits until what was applied is healthy, and then removes what is no longer wanted.
pub(crate) async fn healthy(run: &Run, target: &Target, applied: Applied, wait: &cli::Wait) -> Result<()> {
    let applied = rolled(run, target, applied, Vec::new(), &limits(wait)).await?;
    settle(run, target, applied).await.map(drop)
}

/// Waits until what was applied is healthy, and what Helm has installed, too: it may be what the rest waits for.
async fn rolled(
    run: &Run,
    target: &Target,
    mut applied: Applied,
    released: Vec<AppliedObject>,
    limits: &Limits,
) -> Result<Applied> {
    let own = applied.objects.len();
    applied.objects.extend(released);
    let rolled = rollout(run, target, &applied, limits).await;
    applied.objects.truncate(own);
    match rolled {
        Ok(_) => Ok(applied),
        Err(fault) => {
            applied.release().await;
            Err(fault)
        }
    }
}

/// How long the URL may take: never longer than `--timeout`, and longer than usual for who asked for more patience. Less
/// patience shortens nothing here: it is kube-proxy that is waited for, and not the application.
fn answer_within(wait: &cli::Wait) -> Duration {
    ANSWER.mul_f64(wait.patience.max(1.0)).min(wait.timeout)
}

/// Asks what people open until it answers.
pub(crate) async fn open(
    run: &Run,
    project: &Project,
    target: &Target,
    site: &Site,
    objects: &[Object],
    within: Duration,
) -> Result<Vec<service::Proved>> {
    let step = run.sink.step(Step::Service);
    let deadline = Instant::now() + within;
    let (client, namespace) = (&target.client, &target.namespace);
    let reach = site.reach(run, project);
    let proved = service::prove(run, client, namespace, &reach, &project.services, objects, deadline).await?;
    for one in &proved {
        for note in &one.notes {
            let note = Code::ServiceNote.note(note.as_str());
            run.sink.warn(note.about(format!("Service/{}", one.service)));
        }
    }
    let outcome = if proved.is_empty() { Outcome::Skipped } else { Outcome::Done };
    step.finish(outcome, proved.first().map(|first| first.url.clone()));
    Ok(proved)
}

/// Tells which other Services lead to a port on which nothing listens: as warnings, or beside what did not answer, which
/// they may be the cause of.
async fn listened(
    run: &Run,
    target: &Target,
    objects: &[Object],
    opened: Result<Vec<service::Proved>>,
) -> Result<Vec<service::Proved>> {
    let told: Vec<&ObjectName> = opened.iter().flatten().map(|one| &one.service).collect();
    let unheard = unheard(run, &target.client, &target.namespace, objects, &told).await;
    match opened {
        Ok(proved) => {
            for finding in unheard {
                run.sink.warn(finding);
            }
            Ok(proved)
        }
        Err(fault) => {
            let known: Vec<_> = fault.findings.iter().filter_map(|one| one.subject.clone()).collect();
            let new = |one: &Finding| one.subject.as_ref().is_none_or(|subject| !known.contains(subject));
            Err(fault.findings(unheard.into_iter().filter(new)))
        }
    }
}

/// Tells which lists of origins lack the URL that is printed.
fn origins(run: &Run, project: &Project, proved: &[service::Proved], objects: &[Object]) {
    let Some(first) = proved.first() else { return };
    let lasts = project.services.iter().any(|one| one.name == first.service && one.local_port.is_some());
    let page = Page {
        service: first.service.as_str(),
        url: &first.url,
        local: first.local.as_deref(),
        passing: first.forward.is_some() && first.local.is_none() && !lasts,
    };
    for note in unlisted(objects, page) {
        run.sink.warn(note);
    }
}

/// Removes old images of ours. Nobody waits for disk space, so what goes wrong with it is no failure of the run.
async fn sweep(run: &Run, project: &Project, target: &Target, to: &Destination, built: &[Built]) {
    if built.iter().all(|image| image.outcome == Outcome::Unchanged) {
        return;
    }
    let swept = async {
        let revisions = history(run, target).await?;
        let named = revisions.into_iter().flat_map(|revision| revision.images);
        let keep: BTreeSet<String> = built
            .iter()
            .flat_map(|image| [image.reference.clone(), image.tag.clone()])
            .chain(named)
            .collect();
        image::sweep(run, &project.image_owner(), to, &keep).await
    };
    if let Err(fault) = swept.await {
        let message = format!("old images stay for now: {}", fault.causes().join(": "));
        run.sink.warn(Code::ImageCleanupFailed.warning(message).help("the next `todo up` tries again"));
    }
}

/// The first URL, and what the hosts of all of them still lack.
pub(crate) fn answer(proved: &[service::Proved], unwritten: Option<hosts::Unwritten>) -> Answer {
    let url = proved.first().map(|first| first.url.clone());
    url.map_or(Answer::Nothing, |url| Answer::Url(Open { url, held: None, unwritten }))
}

/// What a step did as a whole: nothing, if it did nothing to anything.
fn whole(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    let unchanged = outcomes.into_iter().all(|outcome| outcome == Outcome::Unchanged);
    if unchanged { Outcome::Unchanged } else { Outcome::Done }
}
