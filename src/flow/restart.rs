//! `todo restart`: new pods without a change, waited for as after `up`.

use crate::cli;
use crate::cluster;
use crate::cluster::lock;
use crate::cluster::rollout;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::alive::while_up;
use crate::flow::connected::deployed;
use crate::flow::flags::limits;
use crate::project::Project;
use crate::run::Run;

/// Restarts workloads and waits until they are healthy again.
pub async fn restart(run: &Run, project: &Project, flags: &cli::Restart) -> Result<Answer> {
    let target = deployed(run, project, Step::Apply).await?;
    let work = async {
        let step = run.sink.step(Step::Apply);
        let restarted = cluster::restart(run, &target, &flags.names).await?;
        step.finish(Outcome::Done, None);
        rollout(run, &target, &restarted.objects, &limits(&flags.wait), async {}).await?;
        Ok(Answer::Nothing)
    };
    while_up(run, project, &target, Box::pin(lock::scope(run, &target, work))).await
}
