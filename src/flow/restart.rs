//! `todo restart`: new pods without a change, waited for as after `up`.

use crate::cli;
use crate::cluster::owner::Doing;
use crate::cluster::restart;
use crate::cluster::rollout::rollout;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::alive::while_up;
use crate::flow::owner;
use crate::flow::reach;
use crate::flow::redaction;
use crate::flow::up::limits;
use crate::project::Project;
use crate::run::Run;

/// Restarts workloads and waits until they are healthy again.
pub async fn restart(run: &Run, project: &Project, flags: &cli::Restart) -> Result<Answer> {
    let target = reach::running(run, project).await?;
    owner::check(run, project, &target, None, false, Doing::Using).await?;
    let work = async {
        redaction::cluster(run, &target, Step::Apply).await;
        let step = run.sink.step(Step::Apply);
        let restarted = restart::restart(run, &target, &flags.names).await?;
        step.finish(Outcome::Done, None);
        let ended = rollout(run, &target, &restarted, &limits(&flags.wait)).await;
        restarted.release().await;
        ended.map(|_| Answer::Nothing)
    };
    while_up(run, project, &target, Box::pin(work)).await
}
