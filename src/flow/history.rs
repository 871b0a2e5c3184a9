//! `todo history` and `todo rollback`: the revisions that ran well, and the way back to one.

use crate::cli;
use crate::cluster::revision;
use crate::fault::Kind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::back;
use crate::flow::reach;
use crate::project::Project;
use crate::report::listing::Listing;
use crate::run::Run;

/// Lists the revisions, the newest first.
pub async fn history(run: &Run, project: &Project) -> Result<Answer> {
    let target = reach::running(run, project).await?;
    let revisions = revision::history(run, &target).await?;
    let rows = revisions.iter().map(|one| {
        let made = one.created.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        vec![one.number.to_string(), made, one.objects.to_string(), one.images.join(", ")]
    });
    Ok(Answer::Listing(Listing {
        header: vec!["REVISION", "GOOD SINCE", "OBJECTS", "IMAGES"],
        rows: rows.collect(),
        nothing: "no revision yet: `todo up` makes the first",
        json: serde_json::to_value(&revisions)
            .or_fault(Kind::Internal, || "cannot write the history".to_owned())?,
    }))
}

/// Applies the objects of an earlier revision as they were then, and waits until they are healthy.
pub async fn rollback(run: &Run, project: &Project, flags: &cli::Rollback) -> Result<Answer> {
    let target = reach::running(run, project).await?;
    let earlier = revision::earlier(run, &target, flags.revision).await?;
    back::to(run, &target, earlier, &flags.wait).await?;
    Ok(Answer::Nothing)
}
