//! Waits for an API server that does not answer while the kubelet of its node runs, which restarts it.
//!
//! A restart of the API server or of etcd, or of the node's Docker engine, takes 5 to 60 seconds.

use crate::event::OpenItem;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::minikube::Break;
use crate::minikube::MinikubeState;
use crate::minikube::inspect;
use crate::minikube::look_for;
use crate::minikube::repair;
use crate::minikube::repair::RECOVERY;
use crate::minikube::services;
use crate::minikube::state;
use crate::project;
use crate::run::Run;

/// As [`inspect`], for a command that needs the cluster: an API server that restarts is waited for as long as by
/// [`super::ensure`]. Nothing is changed.
///
/// Reports the wait as an item of [`Step::Minikube`].
pub async fn look_patiently(run: &Run, desired: &project::Minikube) -> Result<MinikubeState> {
    let state = inspect(run, desired).await?;
    let MinikubeState::Broken(Break::ApiFails(why)) = &state else { return Ok(state) };
    report_wait(run, async |item| {
        item.waiting(format!("it does not answer ({why}), and the kubelet runs, which restarts it"));
        look_for(run, desired, RECOVERY).await
    })
    .await
}

/// The same for a command that changes the cluster: a service of the node that is down, and a kubelet in back-off
/// before it restarts the API server, are restarted as by [`super::ensure`]. A stopped node stays stopped.
pub async fn recovered(run: &Run, desired: &project::Minikube) -> Result<MinikubeState> {
    let seen = state::inspect(run, &desired.profile, state::BRIEF).await?;
    if let MinikubeState::Broken(broken) = &seen.state
        && services::to_restart(broken).is_some()
    {
        return report_wait(run, async |item| {
            repair::restart_service(&desired.profile, &seen, item).await;
            item.waiting("its answer, after the restart of a service of the node");
            look_for(run, desired, RECOVERY).await
        })
        .await;
    }
    look_patiently(run, desired).await
}

async fn report_wait(
    run: &Run,
    wait: impl AsyncFnOnce(&OpenItem) -> Result<MinikubeState>,
) -> Result<MinikubeState> {
    let step = run.sink.step(Step::Minikube);
    let item = run.sink.item(Step::Minikube, "API server");
    let state = wait(&item).await?;
    let (outcome, text) = if matches!(state, MinikubeState::Running(_)) {
        (Outcome::Unchanged, "the API server answers again")
    } else {
        (Outcome::Failed, "the API server does not answer")
    };
    item.finish(outcome, Some(text.to_owned()));
    step.finish(outcome, Some(text.to_owned()));
    Ok(state)
}
