//! `todo unlock`: releases the lock of a run that is gone, at the user's request.

use crate::answer::listing::Listing;
use crate::cluster::Doing;
use crate::cluster::lock;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::owner;
use crate::flow::reach;
use crate::project::Project;
use crate::run::Run;
use serde_json::json;

/// Releases the project's lock, whichever run holds it.
pub async fn unlock(run: &Run, project: &Project) -> Result<Answer> {
    let target = reach::running(run, project).await?;
    owner::check(run, project, &target, None, false, Doing::Using).await?;
    let owner = lock::unlock(&target).await?;
    let rows = owner.iter().map(|owner| vec!["was held by".to_owned(), owner.to_string()]).collect();
    let json = json!({ "was_held_by": owner.map(|owner| json!({ "who": owner.who, "since": owner.since })) });
    Ok(Answer::Listing(Listing {
        header: Vec::new(),
        rows,
        below: Vec::new(),
        nothing: "it was not locked",
        json,
    }))
}
