//! The profile: the node that we build in and deploy to, found running or started.
//!
//! Not a wrapper of minikube: it is started only when something has to change. A profile that runs is recognised by
//! its container, its saved configuration and its API server's answer, in some 10 ms, and used as it is. Read
//! [`ensure`], then `state` (the current state), `repair` (which remedy is next) and `start`.

mod advice;
mod api;
mod broken;
mod config;
mod converge;
mod current;
mod endpoint;
mod entry;
mod events;
mod exclusive;
#[cfg(test)]
mod garbled;
mod inside;
mod kubeconfig;
mod kubelet;
mod paused;
mod probe;
mod program;
mod ready;
mod recover;
mod repair;
mod reset;
mod services;
mod start;
mod state;
mod status;
mod stop;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod text;
mod unfinished;

pub use broken::Unreadable;
pub use broken::refusal;
pub use config::profiles;
pub use inside::inside;
pub use kubeconfig::path as kubeconfig;
pub use probe::Connection;
pub use recover::look_patiently;
pub use recover::recovered;
pub use services::NodeService;
pub use services::ServiceState;
pub use stop::delete;
pub use stop::stop;

use crate::docker;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::project;
use crate::project::Runtime;
use crate::project::name::Profile;
use crate::run::Run;
use crate::world::World;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The addon that is enabled only once it is known that no other controller serves its class: by [`enable`], never by
/// a start.
pub const INGRESS: &str = "ingress";

/// A profile that runs.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name.
    pub profile: Profile,
    /// The container runtime that it has, whatever deploy.toml requests.
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
    /// The connection that found it answering, if the API server was queried at all.
    pub api: Option<Connection>,
    /// The first node's own address. It cannot be reached from everywhere.
    pub address: Option<IpAddr>,
    /// Where the API server listens at that address.
    pub server: Option<SocketAddr>,
    /// Why that address is not expected to be reachable from this machine, if that is known.
    pub unrouted: Option<&'static str>,
    /// The published ports of the first node: container port → address.
    pub published: BTreeMap<u16, SocketAddr>,
    /// When its container was started, if it is a container.
    pub started: Option<Timestamp>,
    /// What was done: nothing, [`Outcome::Created`] (a new cluster), [`Outcome::Changed`] (started, unpaused,
    /// repaired), [`Outcome::Recreated`] (the node's container was recreated).
    pub outcome: Outcome,
    /// Notes about it.
    pub notes: Vec<Finding>,
}

/// One node of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEngine {
    /// Its container's name, which is its machine's and its Kubernetes node's name too.
    pub container: String,
    /// Its engine over TLS, if it has one that is reachable.
    pub docker: Option<docker::Address>,
}

/// The current state of a profile.
#[derive(Debug)]
pub enum MinikubeState {
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

/// The defect of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// minikube knows the profile, but a node's container was deleted.
    ContainerGone {
        /// Whether the volume with its data is still there.
        volume: bool,
    },
    /// A node of several is down: its name.
    NodeDown(String),
    /// The API server does not answer, nor does the kubelet run that would start it: why.
    ApiDown(String),
    /// The node and its kubelet run, but the API server answers with an error, a refusal, or not at all: why.
    ApiFails(String),
    /// A service that the node needs does not run, and the kubelet alone cannot restart the API server.
    ServiceDown(NodeService),
    /// The kubelet waits before it starts a container of the control plane again, which has ended too often.
    BackOff {
        /// etcd or kube-apiserver.
        container: String,
        /// How long it waits, as Go writes durations.
        pause: String,
    },
    /// The disk that holds the node's `/var` is full.
    DiskFull,
    /// The kubeconfig was read, and its entry is missing or does not point to the API server: why.
    KubeconfigStale(String),
    /// A container of this name belongs to another program or user.
    Foreign(String),
    /// The kubeconfig's entry of this name belongs to another cluster: which.
    ForeignEntry(String),
    /// A kubeconfig, or a file of minikube's own, cannot be read.
    Unreadable(Unreadable),
}

/// Whether kubectl has files and no current context.
pub fn has_no_context(world: &World) -> bool {
    current::is_unset(world).unwrap_or(false)
}

/// Makes `context` kubectl's current one if there is none; returns whether there was none.
///
/// # Errors
/// When it cannot be written.
pub fn set_context(world: &World, context: &str) -> Result<bool> {
    current::choose(world, context).or_fault(Code::KubectlContextNotSet, FaultKind::Minikube, || {
        "cannot set kubectl's current context".to_owned()
    })
}

/// The current state of `wanted`'s profile. Changes nothing.
pub async fn inspect(run: &Run, wanted: &project::Minikube) -> Result<MinikubeState> {
    look_for(run, wanted, state::BRIEF).await
}

async fn look_for(run: &Run, wanted: &project::Minikube, timeout: Duration) -> Result<MinikubeState> {
    let seen = state::inspect(run, &wanted.profile, timeout).await?;
    Ok(match (seen.state, seen.config) {
        (MinikubeState::Running(mut node), Some(config)) => {
            node.notes = config.differences(wanted);
            MinikubeState::Running(node)
        }
        (state @ MinikubeState::Broken(Break::Foreign(_) | Break::Unreadable(_)), _) => state,
        // A kubeconfig that would keep `up` from starting it is reported before.
        (state, _) => match kubeconfig::readable_by_minikube(&run.world) {
            Ok(()) => state,
            Err(why) => MinikubeState::Broken(Break::Unreadable(Unreadable::kubeconfig(why))),
        },
    })
}

/// Gets `wanted`'s profile running: created, started, unpaused or repaired, as needed, and never deleted or reset.
///
/// Only proven defects are repaired, by the smallest means (`docs/reliability.md` has the table); a suspected one is
/// a fault. kubectl's current context is the profile afterwards if there was none.
///
/// Reports its progress as an item of [`Step::Minikube`].
pub async fn ensure(run: &Run, wanted: &project::Minikube) -> Result<Node> {
    let item = run.sink.item(Step::Minikube, "minikube");
    let (mut node, version) = Box::pin(converge::converge(run, wanted, &item)).await?;
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
    converge::done(run, profile, &call, &format!("enable the addon `{addon}`")).await
}
