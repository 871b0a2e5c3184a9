//! Verifies the URL, and then does the steps that only a run that got this far does.

use super::wait::Healthy;
use crate::cli;
use crate::cluster::Target;
use crate::cluster::revision::history;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::OpenUrl;
use crate::flow::check;
use crate::flow::connected::Connected;
use crate::flow::hosts;
use crate::flow::reach::ClusterHandle;
use crate::flow::releases;
use crate::image;
use crate::image::Built;
use crate::manifest::Object;
use crate::manifest::origins::OpenedPage;
use crate::manifest::origins::unlisted;
use crate::project::Project;
use crate::project::name::ObjectName;
use crate::run::Run;
use crate::service;
use crate::service::listening::unreachable_ports;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Time limit for the URL to answer once everything is healthy.
pub(crate) const ANSWER: Duration = Duration::from_secs(30);

/// Verifies the URL, runs the project's checks, and removes images that are no longer used.
pub(in crate::flow) async fn verify(to: &Connected<'_>, healthy: Healthy, flags: &cli::Up) -> Result<Answer> {
    let Connected { run, project, cluster, target } = to;
    let Healthy { objects, changed, releases, images } = healthy;
    let opened = open(run, project, target, cluster, &objects, answer_within(&flags.wait)).await;
    let verified = if changed { listened(run, target, &objects, opened).await? } else { opened? };
    origins(run, project, &verified, &objects);
    let unwritten = hosts::found(run, project, &verified, flags.hosts, flags.apply.yes);
    check::after(run, project, cluster, &objects).await?;
    if run.verbose {
        releases::tell_notes(run, project, cluster, &releases).await;
    }
    sweep(to, &images).await;
    Ok(to_answer(&verified, unwritten))
}

/// The time limit for the URL: at most `--timeout`, and longer than usual with a higher `--patience`. A lower one
/// does not shorten it: the wait is for kube-proxy, and not for the application.
fn answer_within(wait: &cli::Wait) -> Duration {
    ANSWER.mul_f64(wait.patience.max(1.0)).min(wait.timeout)
}

/// Requests the URLs until they answer.
pub(crate) async fn open(
    run: &Run,
    project: &Project,
    target: &Target,
    cluster: &ClusterHandle,
    objects: &[Object],
    within: Duration,
) -> Result<Vec<service::VerifiedUrl>> {
    let step = run.sink.step(Step::Service);
    let deadline = Instant::now() + within;
    let (client, namespace) = (&target.client, &target.namespace);
    let reach = cluster.reach(run, project);
    let verified =
        service::verify(run, client, namespace, &reach, &project.services, objects, deadline).await?;
    for item in &verified {
        for note in &item.notes {
            run.sink.warn(note.clone());
        }
    }
    let outcome = if verified.is_empty() { Outcome::Skipped } else { Outcome::Done };
    step.finish(outcome, verified.first().map(|first| first.url.clone()));
    Ok(verified)
}

/// Reports other Services whose port points to one on which nothing listens: as warnings, or with the fault of the
/// URL that did not answer, of which they may be the cause.
async fn listened(
    run: &Run,
    target: &Target,
    objects: &[Object],
    opened: Result<Vec<service::VerifiedUrl>>,
) -> Result<Vec<service::VerifiedUrl>> {
    let services: Vec<&ObjectName> = opened.iter().flatten().map(|item| &item.service).collect();
    let unreachable = unreachable_ports(&target.client, &target.namespace, objects, &services).await;
    match opened {
        Ok(verified) => {
            for finding in unreachable {
                run.sink.warn(finding);
            }
            Ok(verified)
        }
        Err(fault) => {
            let known: Vec<_> = fault.findings.iter().filter_map(|finding| finding.subject.clone()).collect();
            let new =
                |finding: &Finding| finding.subject.as_ref().is_none_or(|subject| !known.contains(subject));
            Err(fault.findings(unreachable.into_iter().filter(new)))
        }
    }
}

/// Reports lists of origins that lack the printed URL.
fn origins(run: &Run, project: &Project, verified: &[service::VerifiedUrl], objects: &[Object]) {
    let Some(first) = verified.first() else { return };
    let lasts =
        project.services.iter().any(|service| service.name == first.service && service.local_port.is_some());
    let page = OpenedPage {
        service: first.service.as_str(),
        url: &first.url,
        local: first.local.as_deref(),
        passing: first.forward.is_some() && first.local.is_none() && !lasts,
    };
    for note in unlisted(objects, page) {
        run.sink.warn(note);
    }
}

/// Removes old images of ours. A failure to free disk space does not fail the run.
async fn sweep(to: &Connected<'_>, built: &[Built]) {
    let Connected { run, project, cluster, target } = to;
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
        image::sweep(&project.image_owner(), &cluster.destination, &keep).await
    };
    if let Err(fault) = swept.await {
        let message = format!("old images could not be removed: {}", fault.causes().join(": "));
        run.sink.warn(Code::ImageCleanupFailed.warning(message).help("the next `todo up` tries again"));
    }
}

/// The first URL, and the hosts entries that are still missing for all of them.
pub(crate) fn to_answer(verified: &[service::VerifiedUrl], unwritten: Option<hosts::Unwritten>) -> Answer {
    let url = verified.first().map(|first| first.url.clone());
    url.map_or(Answer::Nothing, |url| Answer::Url(OpenUrl { url, held: None, unwritten }))
}
