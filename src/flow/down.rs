//! `todo down`: deletes everything `up` created, and keeps the data by default.

use crate::cli;
use crate::cluster::Doing;
use crate::cluster::Limits;
use crate::cluster::RemoveOptions;
use crate::cluster::Removed;
use crate::cluster::Target;
use crate::cluster::helm;
use crate::cluster::helm::Where;
use crate::cluster::hook;
use crate::cluster::lock;
use crate::cluster::release;
use crate::cluster::release::ReleaseRecord;
use crate::cluster::remove;
use crate::cluster::remove_keeping_namespaces;
use crate::event::Code;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::alive::while_up;
use crate::flow::forwards;
use crate::flow::hooks;
use crate::flow::hosts;
use crate::flow::owner;
use crate::flow::reach;
use crate::flow::reach::ClusterHandle;
use crate::flow::reach::ClusterState;
use crate::flow::redaction;
use crate::image;
use crate::manifest::hook::Moment;
use crate::minikube;
use crate::minikube::Break;
use crate::minikube::MinikubeState;
use crate::project::Project;
use crate::run::Run;

/// Deletes the project's objects. A cluster that does not run is not started for it.
pub async fn down(run: &Run, project: &Project, flags: &cli::Down) -> Result<Answer> {
    if let Some(other) = project.elsewhere.as_ref().filter(|_| flags.stop || flags.delete) {
        let message = format!(
            "the target `{}` is not a minikube cluster, so it cannot be stopped or deleted",
            other.name
        );
        return Err(Code::ArgumentInvalid
            .fault(FaultKind::Usage, message)
            .hint("omit `--stop` and `--delete`; `--purge` deletes the project's volumes, too"));
    }
    match reach::recovered(run, project).await? {
        // Deleting the cluster deletes everything in it.
        _ if flags.delete => {}
        ClusterState::Running(cluster) => {
            let target = cluster.target(run, project).await?;
            let work = lock::scope(run, &target, take_away(run, project, &cluster, &target, flags));
            while_up(run, project, &target, Box::pin(work)).await?;
        }
        ClusterState::NotRunning(state) => out_of_reach(run, project, &state)?,
    }
    forwards::end(run, project, None).await?;
    hosts::gone(run, project, flags.hosts);
    if flags.stop || flags.delete {
        let step = run.sink.step(Step::Minikube);
        let profile = &project.minikube.profile;
        let ended = if flags.stop {
            minikube::stop(run, profile).await
        } else {
            minikube::delete(run, profile).await
        };
        step.finish(ended?, Some(format!("profile {profile}")));
    }
    Ok(Answer::Nothing)
}

/// The error if the project may have objects in a cluster that cannot be reached. None if it has no objects.
fn out_of_reach(run: &Run, project: &Project, state: &MinikubeState) -> Result<()> {
    let profile = &project.minikube.profile;
    if let Some(fault) = minikube::refusal(profile, state) {
        return Err(fault.context("nothing was deleted"));
    }
    let way = "start it with `todo up`, then run `todo down`; `todo down --delete` deletes the whole cluster";
    let why = match state {
        MinikubeState::Running(_)
        | MinikubeState::Absent
        | MinikubeState::Broken(Break::ContainerGone { volume: false }) => {
            return Ok(());
        }
        MinikubeState::Stopped => {
            let asleep =
                format!("the profile `{profile}` is stopped: the project's objects and data are still in it");
            run.sink.warn(Code::ProfileNotRunning.warning(asleep).help(way));
            return Ok(());
        }
        MinikubeState::Paused(_) => format!("the profile `{profile}` is paused"),
        MinikubeState::Broken(why) => format!("the profile `{profile}` cannot be used: {why}"),
    };
    Err(Code::ProfileNotRunning.fault(FaultKind::Minikube, why).context("nothing was deleted").hint(way))
}

async fn take_away(
    run: &Run,
    project: &Project,
    cluster: &ClusterHandle,
    target: &Target,
    flags: &cli::Down,
) -> Result<()> {
    let step = run.sink.step(Step::Remove);
    let adopt = owner::check(run, project, target, None, flags.adopt, Doing::Down).await?;
    let mut record = release::load(run, target).await?;
    let purge = flags.purge;
    let charts = !record.releases.is_empty();
    if charts {
        // Hooks print when they fail, and their output is shown.
        redaction::cluster(run, target, Step::Remove).await;
        begin(run, target, cluster, &mut record, flags).await?;
    }
    let options = RemoveOptions { purge, adopt };
    let mut removed = Removed::default();
    if charts {
        removed = remove_keeping_namespaces(run, target, &options).await?;
        end(run, target, record, flags).await?;
    }
    removed.removed.extend(remove(run, target, &options).await?.removed);
    if flags.purge {
        image::remove_all(&project.image_owner(), &cluster.destination).await?;
    }
    let outcome = if removed.removed.is_empty() { Outcome::Unchanged } else { Outcome::Done };
    step.finish(outcome, None);
    Ok(())
}

/// The hooks of charts before the deletion; then Helm uninstalls the releases that it has installed.
async fn begin(
    run: &Run,
    target: &Target,
    cluster: &ClusterHandle,
    record: &mut ReleaseRecord,
    flags: &cli::Down,
) -> Result<()> {
    if !flags.no_hooks {
        hooks::remember(run, target, record, &[Moment::PreDelete, Moment::PostDelete]).await?;
        hooks::recorded(run, target, record, Moment::PreDelete, &Limits::default()).await?;
    }
    for deployed in record.releases.values().filter(|deployed| deployed.helm.is_some()) {
        let at = Where {
            kubeconfig: &cluster.kubeconfig,
            context: &cluster.context,
            namespace: &deployed.namespace,
        };
        helm::uninstall(run, at, &deployed.name).await?;
    }
    Ok(())
}

/// The hooks of charts after the deletion; then the objects that hooks have left are deleted, and the release record.
async fn end(run: &Run, target: &Target, mut record: ReleaseRecord, flags: &cli::Down) -> Result<()> {
    if !flags.no_hooks {
        hooks::recorded(run, target, &record, Moment::PostDelete, &Limits::default()).await?;
    }
    for deployed in record.releases.values() {
        hook::sweep(run, target, &deployed.left, flags.purge).await?;
    }
    record.releases.clear();
    release::write(run, target, &record).await
}

#[cfg(test)]
mod tests {
    use super::out_of_reach;
    use crate::event::EventKind;
    use crate::fault::FaultKind;
    use crate::minikube::Break;
    use crate::minikube::MinikubeState;
    use crate::minikube::Pause;
    use crate::project::check::sample;
    use crate::run::Run;
    use crate::world::World;
    use std::path::Path;

    #[test]
    fn what_cannot_be_asked_is_not_called_gone() {
        let project = sample(Path::new("/p"), "");
        let (run, mut events, _) = Run::fake(World::fake("/", [("", ""); 0]));
        let ended = |state: MinikubeState| out_of_reach(&run, &project, &state).map_err(|fault| fault.kind);
        assert_eq!(ended(MinikubeState::Absent), Ok(()));
        assert_eq!(ended(MinikubeState::Broken(Break::ContainerGone { volume: false })), Ok(()));
        assert_eq!(
            ended(MinikubeState::Broken(Break::ApiDown("times out".to_owned()))),
            Err(FaultKind::Minikube)
        );
        assert_eq!(ended(MinikubeState::Paused(Pause::Container)), Err(FaultKind::Minikube));
        assert!(events.try_recv().is_err());
        assert_eq!(ended(MinikubeState::Stopped), Ok(()));
        let Ok(reported) = events.try_recv() else { panic!("nothing is said of what stays there") };
        assert!(matches!(reported.kind, EventKind::Warned { .. }), "{reported:?}");
    }
}
