//! From the profile's state to one that runs: inspect, apply one remedy, inspect again.
//!
//! Not the decision which remedy comes next (`repair`), nor `minikube start` itself (`start`).

use crate::event::Code;
use crate::event::Finding;
use crate::event::OpenItem;
use crate::event::Outcome;
use crate::exec::Call;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::minikube::Break;
use crate::minikube::MinikubeState;
use crate::minikube::Node;
use crate::minikube::broken;
use crate::minikube::config;
use crate::minikube::current::Before;
use crate::minikube::enable;
use crate::minikube::exclusive::Exclusive;
use crate::minikube::exclusive::exclusive;
use crate::minikube::program;
use crate::minikube::ready;
use crate::minikube::repair;
use crate::minikube::repair::RECOVERY;
use crate::minikube::repair::Remedy;
use crate::minikube::start;
use crate::minikube::state;
use crate::minikube::state::ProfileState;
use crate::minikube::unfinished::kubeadm_ends;
use crate::project;
use crate::project::name::Profile;
use crate::run::Run;
use std::time::Duration;

/// How long an API server may take to answer after a remedy.
const AFTER: Duration = Duration::from_secs(30);

/// Applies one remedy after the other until the profile runs; returns its node and its Kubernetes version.
pub(crate) async fn converge(
    run: &Run,
    desired: &project::Minikube,
    item: &OpenItem,
) -> Result<(Node, String)> {
    let profile = &desired.profile;
    let mut tried = Vec::new();
    let mut notes = Vec::new();
    let mut seen = state::inspect(run, profile, state::BRIEF).await?;
    // A start that was interrupted early leaves a profile without a cluster.
    let new = matches!(seen.state, MinikubeState::Absent) || seen.container.is_none() && !seen.begun;
    let node_was = seen.container.clone();
    let (mut node, config) = loop {
        let remedy = match (seen.state, seen.config) {
            (MinikubeState::Running(node), Some(config))
                if seen.unfinished.is_none() || repair::finished(&tried) =>
            {
                break (*node, config);
            }
            (state, config) => {
                let remedy = repair::next(&state, profile, seen.unfinished, &tried)
                    .ok_or_else(|| broken::fault(profile, &state))?;
                seen = ProfileState { state, config, ..seen };
                remedy
            }
        };
        if remedy.is_minikubes() {
            let (lock, was_busy) = exclusive(run, profile, item).await?;
            if was_busy || kubeadm_ended(profile, &seen, item).await? {
                drop(lock);
                seen = state::inspect(run, profile, state::BRIEF).await?;
                continue;
            }
            run.shield(apply(run, desired, remedy, &seen, &mut notes, item, &lock)).await?;
        } else {
            let nobodys = Exclusive::default();
            run.shield(apply(run, desired, remedy, &seen, &mut notes, item, &nobodys)).await?;
        }
        tried.push(remedy);
        item.waiting("the API server's answer");
        let timeout = if remedy == Remedy::Wait { RECOVERY } else { AFTER };
        seen = state::inspect(run, profile, timeout).await?;
    };
    node.outcome = match tried.as_slice() {
        [] | [Remedy::Wait] => Outcome::Unchanged,
        _ if new => Outcome::Created,
        _ if seen.container != node_was => Outcome::Recreated,
        _ => Outcome::Changed,
    };
    for addon in config.lacking(&desired.addons) {
        item.progress(format!("enabling the addon {addon}"), None);
        enable(run, profile, addon).await?;
        if node.outcome == Outcome::Unchanged {
            node.outcome = Outcome::Changed;
        }
    }
    notes.extend(config.differences(desired));
    node.notes = notes;
    Ok((node, config.kubernetes.version))
}

async fn apply(
    run: &Run,
    desired: &project::Minikube,
    remedy: Remedy,
    seen: &ProfileState,
    notes: &mut Vec<Finding>,
    item: &OpenItem,
    lock: &Exclusive,
) -> Result<()> {
    let profile = &desired.profile;
    let broken = |doing: &str| format!("cannot {doing} the profile `{profile}`");
    ready::check(run, profile, remedy, seen)?;
    let before = if remedy.is_minikubes() { Before::read(&run.world) } else { Ok(None) };
    let before = before
        .or_fault(Code::KubeconfigInvalid, FaultKind::Minikube, || "cannot read the kubeconfig".to_owned())?;
    let machines = seen.config.as_ref().map_or_else(Vec::new, |config| config.machines(profile));
    let done = match remedy {
        Remedy::Wait => Ok(()),
        Remedy::RestartService => {
            repair::restart_service(profile, seen, item).await;
            Ok(())
        }
        Remedy::Thaw => {
            item.progress("unpausing the node", None);
            match &seen.engine {
                Some(engine) => repair::thaw(engine, &machines).await.or_fault(
                    Code::MinikubeFailed,
                    FaultKind::Minikube,
                    || broken("unpause"),
                ),
                None => Ok(()),
            }
        }
        Remedy::Unpause => {
            item.progress("unpausing Kubernetes", None);
            let call = program::call(run, profile, ["unpause", "-A", "-o", "json"])?;
            done(run, profile, &call, &format!("unpause the profile `{profile}`")).await
        }
        Remedy::UpdateContext => {
            item.progress("writing the kubeconfig's entry", None);
            let call = program::call(run, profile, ["update-context"])?;
            let doing = format!("write the kubeconfig's entry of the profile `{profile}`");
            let stopped = || run.stopped().is_some();
            let written = done(run, profile, &call, &doing).await;
            written.map_err(|fault| if stopped() { fault } else { broken::entry_fault(profile, fault) })
        }
        Remedy::StartNode => {
            let mut started = Ok(());
            for name in machines.iter().skip(1) {
                item.progress(format!("starting the node {name}"), None);
                let call = program::call(run, profile, ["node", "start", name])?.holding(lock.file());
                started = started.and(done(run, profile, &call, &format!("start the node `{name}`")).await);
            }
            started
        }
        Remedy::Finish => {
            let mut enabled = Ok(());
            for addon in config::DEFAULTS {
                item.progress(format!("enabling the addon {addon}"), None);
                enabled = enabled.and(enable(run, profile, addon).await);
            }
            enabled
        }
        Remedy::Create | Remedy::Start => {
            let fresh = prepare(run, desired, seen, notes).await.or_fault(
                Code::MinikubeFailed,
                FaultKind::Minikube,
                || broken("prepare the start of"),
            )?;
            let at = start::StartFrom {
                existing: seen.config.as_ref(),
                engine: seen.engine.as_ref(),
                fresh,
                keep: seen.has_data(),
                lock,
            };
            start::start(run, desired, at, item).await.map(|found| notes.extend(found))
        }
    };
    // A failed command may have switched the context as well as one that succeeded.
    if let Some(before) = before {
        before.restore().or_fault(Code::FileNotWritable, FaultKind::Minikube, || {
            "cannot restore the current kubectl context".to_owned()
        })?;
    }
    done
}

/// Waits for the kubeadm of an interrupted start; returns whether there was one.
async fn kubeadm_ended(profile: &Profile, seen: &ProfileState, item: &OpenItem) -> Result<bool> {
    match &seen.engine {
        Some(engine) if seen.unfinished.is_some() => kubeadm_ends(engine, profile, item).await,
        _ => Ok(false),
    }
}

/// Runs a call of minikube; `doing` describes it in the fault.
pub(crate) async fn done(run: &Run, profile: &Profile, call: &Call, doing: &str) -> Result<()> {
    call.output(run).await.map(drop).map_err(|error| program::fault(run, profile, doing, error))
}

/// Does and reports what is needed before a `minikube start`; returns whether it will create the node's container.
async fn prepare(
    run: &Run,
    desired: &project::Minikube,
    seen: &ProfileState,
    notes: &mut Vec<Finding>,
) -> anyhow::Result<bool> {
    let profile = &desired.profile;
    let mut container = seen.container.as_deref();
    // Only if no start has completed: a container's data outside its volume is deleted with it.
    if let (Some(engine), Some(config), Some(home)) =
        (&seen.engine, &seen.config, run.world.minikube_folder())
        && container.is_some()
        && seen.unfinished.is_some()
        && repair::remove_unfinished(engine, &home, profile, config).await?
    {
        container = None;
    }
    let about = |finding: Finding| finding.about(format!("profile {profile}"));
    match (&seen.state, &seen.engine) {
        (MinikubeState::Broken(Break::ContainerGone { volume: false }), _) if seen.begun => notes.push(about(
            Code::MinikubeClusterReset.warning("the node's volume is gone with its container: the cluster is a new one, without the data that it held")
                .help("what this project deploys is applied again; restore its data from a backup"),
        )),
        (MinikubeState::Absent, Some(engine)) if seen.volume => {
            let message = "an earlier cluster of this name left its volume; the new one takes it over, with the data in it";
            let note = Code::MinikubeVolumeReused.note(message);
            notes.push(about(note.help(format!("to begin without it: `minikube delete -p {profile}`, then `todo up`"))));
            repair::forget_settings(engine, None, profile.as_str(), false).await?;
        }
        (MinikubeState::Running(_) | MinikubeState::Broken(_) | MinikubeState::Stopped, Some(engine)) if seen.volume => {
            let incomplete = seen.unfinished.is_some();
            repair::forget_settings(engine, container, profile.as_str(), incomplete).await?;
        }
        _ => {}
    }
    Ok(container.is_none())
}
