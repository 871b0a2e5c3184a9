//! The Secrets of a project as the cluster has them: for commands that read none of the project's files, and yet show what its
//! programs print.

use crate::cluster::kind;
use crate::cluster::retry::persist;
use crate::cluster::survey::tell;
use crate::cluster::survey::unreadable;
use crate::cluster::target::Target;
use crate::event::Place;
use crate::event::Step;
use crate::fault::Result;
use crate::manifest::Object;
use crate::run::Run;

/// The project's Secrets in its namespace, but for those in which `todo` itself keeps something.
pub async fn secrets(run: &Run, target: &Target, step: Step) -> Result<Vec<Object>> {
    let (wire, kind, selector) = (target.wire(), kind::core("Secret"), target.selector());
    run.or_stopped(async {
        let told = tell(run, step, "the project's Secrets");
        let listed = persist(told, || wire.list(&kind, Some(target.namespace.as_str()), &selector)).await;
        let listed =
            listed.map_err(|failure| unreadable(failure, "cannot see which values are not to be shown"))?;
        Ok(listed.into_iter().map(|secret| Object::made(secret, Place::file("the cluster"))).collect())
    })
    .await
}
