//! `todo timeline`: where the time of the last run went, step by step, and of its pods.

use crate::answer::record::RunRecord;
use crate::answer::timeline::PodTimes;
use crate::answer::timeline::Timeline;
use crate::answer::usual::Usual;
use crate::cluster::pod_times;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::connected::deployed;
use crate::flow::runs;
use crate::project::Project;
use crate::run::Run;
use crate::world::World;

/// Returns the last run of the project from this machine, and, if its cluster is reachable, its pods.
pub async fn timeline(run: &Run, project: &Project) -> Result<Answer> {
    let cluster = project.minikube.profile.as_str();
    let is_alike =
        |record: &RunRecord| record.is_of(project.name.as_str(), project.namespace.as_str(), cluster);
    let mut kept = runs::load(&run.world, is_alike).into_iter();
    let Some(last) = kept.next() else { return Ok(Answer::Timeline(Box::default())) };
    let earlier: Vec<RunRecord> = kept.map(|kept| kept.record).collect();
    let usual = Usual::from_records(earlier.iter().filter(|record| record.command == last.record.command));
    Ok(Answer::Timeline(Box::new(Timeline { run: Some(last), usual, pods: pods(run, project).await })))
}

/// How long the steps of a run usually take, for the live view.
pub(crate) fn expected(world: &World, command: &str, [project, namespace, profile]: [&str; 3]) -> Usual {
    let is_alike =
        |record: &RunRecord| record.command == command && record.is_of(project, namespace, profile);
    Usual::from_records(runs::load(world, is_alike).iter().map(|kept| &kept.record))
}

/// The pods that run now. An unreachable cluster does not hide the run.
async fn pods(run: &Run, project: &Project) -> Vec<PodTimes> {
    let asked = async {
        let target = deployed(run, project, Step::Preflight).await?;
        pod_times(run, &target).await
    };
    asked.await.unwrap_or_default()
}
