//! The cluster of a run, as the other modules need it: the project's minikube, or the `[target]` that was named.

use crate::cluster::Guard;
use crate::cluster::Target;
use crate::cluster::client;
use crate::cluster::kubeconfig_with;
use crate::docker;
use crate::event::Code;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::image::Destination;
use crate::image::NodeStore;
use crate::manifest::bind::PullPolicy;
use crate::minikube;
use crate::minikube::Connection;
use crate::minikube::MinikubeState;
use crate::minikube::Node;
use crate::project::OtherCluster;
use crate::project::Project;
use crate::project::Runtime;
use crate::project::name::Profile;
use crate::project::origin::Origin;
use crate::run::Run;
use crate::service::NodeNetwork;
use crate::service::detached::ForwardOwner;
use crate::service::detached::watch::NotConnected;
use kube::Client;
use kube::config::Kubeconfig;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a cluster is, and how images and requests get there.
#[derive(Debug)]
pub(crate) struct ClusterHandle {
    /// The kubeconfig that contains it.
    pub(crate) kubeconfig: PathBuf,
    /// Its context in there.
    pub(crate) context: String,
    guard: Guard,
    /// An existing connection.
    api: Option<Connection>,
    /// Where its images are built, and the stores that must have them.
    pub(crate) destination: Destination,
    /// When its nodes fetch them.
    pub(crate) pull: PullPolicy,
    /// How this machine reaches its ports.
    pub(crate) reach: NodeNetwork,
}

impl ClusterHandle {
    /// The project's minikube.
    pub(crate) fn of_node(node: &Node) -> ClusterHandle {
        let stores = node.engines.iter().map(|engine| match (&engine.docker, node.runtime) {
            (Some(docker), Runtime::Docker) => NodeStore::Docker(docker.clone()),
            _ => NodeStore::Containerd { host: node.host.clone(), container: engine.container.clone() },
        });
        let destination = Destination {
            builder: node.docker.clone().unwrap_or_else(|| node.host.clone()),
            nodes: stores.collect(),
            registry: None,
        };
        ClusterHandle {
            kubeconfig: node.kubeconfig.clone(),
            context: node.context.clone(),
            guard: Guard::LocalMinikube,
            api: node.api.clone(),
            destination,
            pull: PullPolicy::Never,
            reach: NodeNetwork {
                address: node.address,
                published: node.published.clone(),
                server: node.server,
                unrouted: node.unrouted,
                owner: None,
            },
        }
    }

    /// The cluster of a `[target]`: its images are built by this machine's engine and come from its registry.
    pub(crate) fn of_target(run: &Run, other: &OtherCluster) -> Result<ClusterHandle> {
        let kubeconfig = kubeconfig_with(&run.world, &other.context)
            .map_err(|fault| fault.context(format!("the target `{}` cannot be used", other.name)))?;
        let builder =
            docker::host(&run.world).or_fault(Code::DockerHostInvalid, FaultKind::Prerequisite, || {
                "the address of the Docker engine is invalid".to_owned()
            })?;
        Ok(ClusterHandle {
            kubeconfig,
            context: other.context.clone(),
            guard: Guard::Named,
            api: None,
            destination: Destination { builder, nodes: Vec::new(), registry: other.registry.clone() },
            pull: PullPolicy::IfNotPresent,
            reach: NodeNetwork::default(),
        })
    }

    /// How this machine reaches its ports, with forwards that outlive the run: unless it is a rehearsal, or the path
    /// of this program, which is needed to start them, is unknown.
    pub(crate) fn reach(&self, run: &Run, project: &Project) -> NodeNetwork {
        let may_start = run.world.programs.is_none() && run.world.program.is_some();
        let owner = may_start.then(|| self.owner(project));
        NodeNetwork { owner, ..self.reach.clone() }
    }

    /// The owner of the forwards of `project` in this cluster.
    pub(crate) fn owner(&self, project: &Project) -> ForwardOwner {
        let minikube = self.guard == Guard::LocalMinikube;
        owner_by(project, self.kubeconfig.clone(), self.context.clone(), minikube)
    }

    /// The cluster's API server, and the project's place in it.
    pub(crate) async fn target(&self, run: &Run, project: &Project) -> Result<Target> {
        let origin = Arc::new(Origin::locate(&run.world, &project.file));
        let (namespace, project) = (project.namespace.clone(), project.name.clone());
        if let Some(Connection(client)) = &self.api {
            let (client, clock) = (client.clone(), run.world.clock.clone());
            let profile = self.guard.profile(&self.context);
            return Ok(Target { client, namespace, project, origin, clock, lock: Arc::default(), profile });
        }
        Target::guarded(run, &self.kubeconfig, &self.context, self.guard, namespace, project, origin).await
    }
}

/// The owner of the forwards of `project`, also if its cluster does not run.
pub(crate) fn owner(run: &Run, project: &Project) -> Result<ForwardOwner> {
    if let Some(other) = &project.elsewhere {
        return Ok(ClusterHandle::of_target(run, other)?.owner(project));
    }
    let kubeconfig = minikube::kubeconfig(&run.world).ok_or_else(|| {
        Code::HomeNotFound
            .fault(FaultKind::Prerequisite, "there is no home directory for a kubeconfig")
            .hint("set one: `export KUBECONFIG=/some/file`")
    })?;
    Ok(owner_by(project, kubeconfig, project.minikube.profile.to_string(), true))
}

fn owner_by(project: &Project, kubeconfig: PathBuf, context: String, minikube: bool) -> ForwardOwner {
    let (home, project) = (project.namespace.clone(), project.name.clone());
    ForwardOwner { project, home, kubeconfig, context, minikube, cluster: None }
}

/// A connection to the cluster of `owner` after the kubeconfig, as it is now.
pub(crate) async fn connect(run: &Run, owner: &ForwardOwner) -> std::result::Result<Client, NotConnected> {
    let unusable = |why: String| NotConnected::Unusable(why);
    if matches!(owner.kubeconfig.try_exists(), Ok(false)) {
        return Err(NotConnected::NoContext);
    }
    let file = Kubeconfig::read_from(&owner.kubeconfig).map_err(|error| unusable(error.to_string()))?;
    // A file that is being written may have none for a moment; `watch` reacts only if that lasts.
    if !file.contexts.iter().any(|entry| entry.name == owner.context) {
        return Err(NotConnected::NoContext);
    }
    let guard = if owner.minikube { Guard::LocalMinikube } else { Guard::Named };
    let client = client(run, &owner.kubeconfig, &owner.context, guard).await;
    client.map_err(|fault| unusable(fault.causes().join(": ")))
}

/// The current state of the run's cluster.
#[derive(Debug)]
pub(crate) enum ClusterState {
    /// It is running and reachable.
    Running(Box<ClusterHandle>),
    /// It is the project's minikube, which does not run.
    NotRunning(MinikubeState),
}

/// Reads the state, and changes nothing.
pub(crate) async fn inspect(run: &Run, project: &Project) -> Result<ClusterState> {
    match &project.elsewhere {
        Some(other) => elsewhere(run, other),
        None => minikube::inspect(run, &project.minikube).await.map(ClusterState::from_state),
    }
}

/// The same for a command that needs the cluster: an API server that restarts is waited for.
pub(crate) async fn look_patiently(run: &Run, project: &Project) -> Result<ClusterState> {
    match &project.elsewhere {
        Some(other) => elsewhere(run, other),
        None => minikube::look_patiently(run, &project.minikube).await.map(ClusterState::from_state),
    }
}

/// The same for a command that changes the cluster: a node whose services are down is repaired, too.
pub(crate) async fn recovered(run: &Run, project: &Project) -> Result<ClusterState> {
    match &project.elsewhere {
        Some(other) => elsewhere(run, other),
        None => minikube::recovered(run, &project.minikube).await.map(ClusterState::from_state),
    }
}

fn elsewhere(run: &Run, other: &OtherCluster) -> Result<ClusterState> {
    ClusterHandle::of_target(run, other).map(|cluster| ClusterState::Running(Box::new(cluster)))
}

impl ClusterState {
    fn from_state(state: MinikubeState) -> ClusterState {
        match state {
            MinikubeState::Running(node) => ClusterState::Running(Box::new(ClusterHandle::of_node(&node))),
            state => ClusterState::NotRunning(state),
        }
    }
}

/// The project's place in a cluster that must be running already.
pub(crate) async fn running(run: &Run, project: &Project) -> Result<Target> {
    there(run, project).await?.target(run, project).await
}

/// A cluster that must be running already.
pub(crate) async fn there(run: &Run, project: &Project) -> Result<ClusterHandle> {
    match look_patiently(run, project).await? {
        ClusterState::Running(cluster) => Ok(*cluster),
        ClusterState::NotRunning(state) => Err(unusable(&project.minikube.profile, &state)),
    }
}

/// The fault of a command that needs a cluster which is in `state`.
pub(crate) fn unusable(profile: &Profile, state: &MinikubeState) -> Fault {
    let why = match state {
        MinikubeState::Broken(broken) => format!("the profile `{profile}` cannot be used: {broken}"),
        _ => format!("the profile `{profile}` is not running"),
    };
    minikube::refusal(profile, state).unwrap_or_else(|| {
        Code::ProfileNotRunning.fault(FaultKind::Minikube, why).hint("`todo up` starts or repairs it")
    })
}
