//! The profile: the node that we build in and deploy to, found running or brought to run.
//!
//! Not a wrapper of minikube: it is started only when something has to change. A profile that runs is recognised by its
//! container, its remembered configuration and its API server's answer, in some 10 ms, and used as it is.
//! Read [`ensure`], then `state` (what is there), `repair` (which remedy is next) and `start`.

mod advice;
mod api;
mod broken;
mod config;
mod current;
mod endpoint;
mod entry;
mod events;
#[cfg(test)]
mod garbled;
mod inside;
mod kubeconfig;
mod kubelet;
mod probe;
mod program;
mod ready;
mod repair;
mod reset;
mod start;
mod state;
mod status;
mod stop;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod text;

pub use broken::Unreadable;
pub use broken::refusal;
pub use inside::inside;
pub use kubeconfig::path as kubeconfig;
pub use probe::Connection;
pub use stop::delete;
pub use stop::stop;

use crate::docker;
use crate::event::Code;
use crate::event::Finding;
use crate::event::OpenItem;
use crate::event::Outcome;
use crate::event::Step;
use crate::exec::Call;
use crate::fault::Kind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::project;
use crate::project::Runtime;
use crate::project::name::Profile;
use crate::run::Run;
use current::Before;
use jiff::Timestamp;
use repair::Remedy;
use state::Seen;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The addon that is enabled only once it is known that nobody else serves its class: by [`enable`], never by a start.
pub const INGRESS: &str = "ingress";

/// How long an API server may take after something was done about it.
const AFTER: Duration = Duration::from_secs(30);

/// How long an API server may take that the kubelet of its node starts again by itself: it crashed, or etcd did.
const RECOVERY: Duration = Duration::from_secs(90);

/// A profile that runs.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name.
    pub profile: Profile,
    /// The container runtime that it has, whatever the project asks for.
    pub runtime: Runtime,
    /// The engine in its first node, over TLS; `None` where that is containerd.
    pub docker: Option<docker::Address>,
    /// Every node.
    pub engines: Vec<NodeEngine>,
    /// The engine that the node containers run in.
    pub host: docker::Address,
    /// The kubeconfig that has its entry.
    pub kubeconfig: PathBuf,
    /// The entry's name, which is the profile's. Whether it is the current context is the user's affair.
    pub context: String,
    /// The connection that found it answering, where it was asked at all.
    pub api: Option<Connection>,
    /// The first node's own address. It cannot be reached from everywhere.
    pub address: Option<IpAddr>,
    /// Where the API server listens at that address.
    pub server: Option<SocketAddr>,
    /// Why that address is not expected to be reached from this machine, where that is known.
    pub unrouted: Option<&'static str>,
    /// What of the first node is published outside: container port → address.
    pub published: BTreeMap<u16, SocketAddr>,
    /// When its container was started, where it is one.
    pub started: Option<Timestamp>,
    /// What had to be done: nothing, [`Outcome::Created`] (a new cluster), [`Outcome::Changed`] (started, unpaused,
    /// repaired), [`Outcome::Recreated`] (the node's container was made anew).
    pub outcome: Outcome,
    /// What is worth knowing about it.
    pub notes: Vec<Finding>,
}

/// One node of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEngine {
    /// Its container's name, which is its machine's and its Kubernetes node's name too.
    pub container: String,
    /// Its engine over TLS, where it has one that can be reached.
    pub docker: Option<docker::Address>,
}

/// What a profile is now.
#[derive(Debug)]
pub enum State {
    /// minikube knows no such profile.
    Absent,
    /// Its nodes are stopped.
    Stopped,
    /// It is frozen.
    Paused(Pause),
    /// It runs and answers.
    Running(Box<Node>),
    /// It neither runs nor rests.
    Broken(Break),
}

/// How a profile was frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// `docker pause`: the whole node.
    Container,
    /// `minikube pause`: the control plane in it.
    Kubernetes,
}

/// What is wrong with a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// minikube knows the profile, but a node's container is gone.
    ContainerGone {
        /// Whether the volume with its data is still there.
        volume: bool,
    },
    /// A node of several is down: its name.
    NodeDown(String),
    /// The API server does not answer, nor does the kubelet run that would start it: why.
    ApiDown(String),
    /// The node and its kubelet run, but the API server answers with trouble, a refusal, or not at all: why.
    ApiFails(String),
    /// The kubeconfig was read, and its entry is missing or does not lead to the API server: why.
    KubeconfigStale(String),
    /// A container of this name is somebody else's.
    Foreign(String),
    /// The kubeconfig's entry of this name is another cluster's: whose.
    ForeignEntry(String),
    /// A kubeconfig, or a file of minikube's own, cannot be read.
    Unreadable(Unreadable),
}

/// What `wanted`'s profile is now. Changes nothing.
pub async fn look(run: &Run, wanted: &project::Minikube) -> Result<State> {
    let seen = run.or_stopped(state::look(run, &wanted.profile, state::BRIEF)).await?;
    Ok(match (seen.state, seen.config) {
        (State::Running(mut node), Some(config)) => {
            node.notes = config.differences(wanted);
            State::Running(node)
        }
        (state @ State::Broken(Break::Foreign(_) | Break::Unreadable(_)), _) => state,
        // What would keep `up` from starting it is known before.
        (state, _) => match kubeconfig::readable_by_minikube(&run.world) {
            Ok(()) => state,
            Err(why) => State::Broken(Break::Unreadable(Unreadable::kubeconfig(why))),
        },
    })
}

/// Brings `wanted`'s profile to run: made, started, unpaused or repaired, as it needs, and never deleted or reset.
///
/// Only what is proved to be wrong is repaired, by the smallest means (`docs/reliability.md` has the table); what only may
/// be wrong is a fault. kubectl's current context is the profile afterwards where there was none.
///
/// Tells its progress as an item of [`Step::Minikube`].
pub async fn ensure(run: &Run, wanted: &project::Minikube) -> Result<Node> {
    let item = run.sink.item(Step::Minikube, "minikube");
    let (mut node, version) = converge(run, wanted, &item).await?;
    match current::choose(&run.world, &node.context) {
        Ok(true) => item.log(format!("kubectl had no current context; now it is `{}`", node.context)),
        Ok(false) => {}
        Err(error) => node.notes.push(
            Code::KubectlContextNotSet
                .note(format!("kubectl has no current context: {error:#}"))
                .about(format!("profile {}", node.profile))
                .help(format!("`kubectl config use-context {}`", node.context)),
        ),
    }
    item.finish(node.outcome, Some(format!("Kubernetes {version}")));
    Ok(node)
}

/// Enables an addon of a profile that runs, and waits for its pods as long as minikube does.
pub async fn enable(run: &Run, profile: &Profile, addon: &str) -> Result<()> {
    let call = program::call(run, profile, ["addons", "enable", addon])?;
    done(run, profile, &call, &format!("enable the addon `{addon}`")).await
}

async fn converge(run: &Run, wanted: &project::Minikube, item: &OpenItem) -> Result<(Node, String)> {
    let profile = &wanted.profile;
    let mut tried = Vec::new();
    let mut notes = Vec::new();
    let mut seen = run.or_stopped(state::look(run, profile, state::BRIEF)).await?;
    // A start that was interrupted early leaves a profile that never was a cluster.
    let new = matches!(seen.state, State::Absent) || seen.container.is_none() && !seen.begun;
    let node_was = seen.container.clone();
    let (mut node, config) = loop {
        let remedy = match (seen.state, seen.config) {
            (State::Running(node), Some(config)) if !seen.unfinished || repair::finished(&tried) => {
                break (*node, config);
            }
            (state, config) => {
                let remedy = repair::next(&state, profile, seen.unfinished, &tried)
                    .ok_or_else(|| broken::fault(profile, &state))?;
                seen = Seen { state, config, ..seen };
                remedy
            }
        };
        apply(run, wanted, remedy, &seen, &mut notes, item).await?;
        tried.push(remedy);
        item.waiting("the API server's answer");
        let patience = if remedy == Remedy::Wait { RECOVERY } else { AFTER };
        seen = run.or_stopped(state::look(run, profile, patience)).await?;
    };
    node.outcome = match tried.as_slice() {
        [] | [Remedy::Wait] => Outcome::Unchanged,
        _ if new => Outcome::Created,
        _ if seen.container != node_was => Outcome::Recreated,
        _ => Outcome::Changed,
    };
    for addon in config.lacking(&wanted.addons) {
        item.progress(format!("enabling the addon {addon}"), None);
        enable(run, profile, addon).await?;
        if node.outcome == Outcome::Unchanged {
            node.outcome = Outcome::Changed;
        }
    }
    notes.extend(config.differences(wanted));
    node.notes = notes;
    Ok((node, config.kubernetes.version))
}

async fn apply(
    run: &Run,
    wanted: &project::Minikube,
    remedy: Remedy,
    seen: &Seen,
    notes: &mut Vec<Finding>,
    item: &OpenItem,
) -> Result<()> {
    let profile = &wanted.profile;
    let broken = |doing: &str| format!("cannot {doing} the profile `{profile}`");
    ready::check(run, profile, remedy, seen)?;
    let before = if remedy.is_minikubes() { Before::of(&run.world) } else { Ok(None) };
    let before = before
        .or_fault(Code::KubeconfigInvalid, Kind::Minikube, || "cannot read the kubeconfig".to_owned())?;
    let machines = seen.config.as_ref().map_or_else(Vec::new, |config| config.machines(profile));
    let done = match remedy {
        Remedy::Wait => Ok(()),
        Remedy::Thaw => {
            item.progress("unpausing the node", None);
            match &seen.engine {
                Some(engine) => repair::thaw(engine, &machines).await.or_fault(
                    Code::MinikubeFailed,
                    Kind::Minikube,
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
                let call = program::call(run, profile, ["node", "start", name])?;
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
            let fresh = prepare(run, wanted, seen, notes).await.or_fault(
                Code::MinikubeFailed,
                Kind::Minikube,
                || broken("prepare the start of"),
            )?;
            let at = start::At {
                existing: seen.config.as_ref(),
                engine: seen.engine.as_ref(),
                fresh,
                keep: seen.has_data(),
            };
            start::start(run, wanted, at, item).await.map(|found| notes.extend(found))
        }
    };
    // A failed command may have switched the context as well as one that succeeded.
    if let Some(before) = before {
        before.restore().or_fault(Code::FileNotWritable, Kind::Minikube, || {
            "cannot restore the current kubectl context".to_owned()
        })?;
    }
    done
}

async fn done(run: &Run, profile: &Profile, call: &Call, doing: &str) -> Result<()> {
    call.output(run).await.map(drop).map_err(|error| program::fault(run, profile, doing, error))
}

/// What has to be done, or said, before a `minikube start`; returns whether it will make the node's container.
async fn prepare(
    run: &Run,
    wanted: &project::Minikube,
    seen: &Seen,
    notes: &mut Vec<Finding>,
) -> anyhow::Result<bool> {
    let profile = &wanted.profile;
    let mut container = seen.container.as_deref();
    // Only where no start has come to its end: what a container holds beside its volume goes with it.
    if let (Some(engine), Some(config), Some(home)) =
        (&seen.engine, &seen.config, run.world.minikube_folder())
        && container.is_some()
        && seen.unfinished
        && repair::remove_unfinished(engine, &home, profile, config).await?
    {
        container = None;
    }
    let about = |finding: Finding| finding.about(format!("profile {profile}"));
    match (&seen.state, &seen.engine) {
        (State::Broken(Break::ContainerGone { volume: false }), _) if seen.begun => notes.push(about(
            Code::MinikubeClusterReset.warning("the node's volume is gone with its container: the cluster is a new one, without the data that it held")
                .help("what this project deploys is applied again; restore its data from a backup"),
        )),
        (State::Absent, Some(engine)) if seen.volume => {
            let message = "an earlier cluster of this name left its volume; the new one takes it over, with the data in it";
            let note = Code::MinikubeVolumeReused.note(message);
            notes.push(about(note.help(format!("to begin without it: `minikube delete -p {profile}`, then `todo up`"))));
            repair::forget_settings(engine, None, profile.as_str()).await?;
        }
        (State::Broken(_) | State::Stopped, Some(engine)) if seen.volume => {
            repair::forget_settings(engine, container, profile.as_str()).await?;
        }
        _ => {}
    }
    Ok(container.is_none())
}
