//! `todo history` and `todo rollback`: the revisions that ran well, and the rollback to one.

use crate::answer::listing::Listing;
use crate::cli;
use crate::cluster::Target;
use crate::cluster::lock;
use crate::cluster::release;
use crate::cluster::revision;
use crate::event::Code;
use crate::event::Step;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::alive::while_up;
use crate::flow::back;
use crate::flow::connected::deployed;
use crate::flow::flags::limits;
use crate::flow::hooks;
use crate::manifest::hook::Moment;
use crate::project::Project;
use crate::run::Run;

/// Lists the revisions, the newest first.
pub async fn history(run: &Run, project: &Project) -> Result<Answer> {
    let target = deployed(run, project, Step::Preflight).await?;
    let revisions = revision::history(run, &target).await?;
    let rows = revisions.iter().map(|revision| {
        let made = revision.created.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        vec![
            revision.number.to_string(),
            made,
            revision.git.clone().unwrap_or_default(),
            revision.objects.to_string(),
            revision.images.join(", "),
        ]
    });
    Ok(Answer::Listing(Listing {
        header: vec!["REVISION", "GOOD SINCE", "GIT", "OBJECTS", "IMAGES"],
        rows: rows.collect(),
        below: Vec::new(),
        nothing: "no revision yet: `todo up` makes the first",
        json: serde_json::to_value(&revisions)
            .or_fault(Code::InternalError, FaultKind::Internal, || "cannot write the history".to_owned())?,
    }))
}

/// Applies the objects of an earlier revision as they were then, and waits until they are healthy.
pub async fn rollback(run: &Run, project: &Project, flags: &cli::Rollback) -> Result<Answer> {
    let target = deployed(run, project, Step::Apply).await?;
    let work = Box::pin(lock::scope(run, &target, back_to(run, &target, flags)));
    while_up(run, project, &target, work).await
}

async fn back_to(run: &Run, target: &Target, flags: &cli::Rollback) -> Result<Answer> {
    let earlier = revision::earlier(run, target, flags.revision).await?;
    let mut record = release::load(run, target).await?;
    let limits = limits(&flags.wait);
    let moments = [Moment::PreRollback, Moment::PostRollback];
    hooks::remember(run, target, &mut record, &moments).await?;
    hooks::recorded(run, target, &record, moments[0], &limits).await?;
    back::to(run, target, earlier, &flags.wait).await?;
    hooks::recorded(run, target, &record, moments[1], &limits).await?;
    if !record.releases.is_empty() {
        // The deployed objects are no longer those of the last `up`: the next one is an upgrade.
        record.releases.values_mut().for_each(|deployed| deployed.digest = None);
        release::write(run, target, &record).await?;
    }
    Ok(Answer::Nothing)
}
