//! The current state of the profile, without starting minikube if the engine and the API server suffice.
//!
//! Applies no remedy: nothing here changes anything. Some 10 ms instead of the 500 of `minikube status`.

use crate::docker;
use crate::docker::reach;
use crate::event::Code;
use crate::event::Outcome;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::minikube::Break;
use crate::minikube::MinikubeState;
use crate::minikube::Node;
use crate::minikube::NodeEngine;
use crate::minikube::Pause;
use crate::minikube::api;
use crate::minikube::broken::Unreadable;
use crate::minikube::config;
use crate::minikube::config::Config;
use crate::minikube::endpoint;
use crate::minikube::kubeconfig;
use crate::minikube::kubelet;
use crate::minikube::paused::paused;
use crate::minikube::probe::Unanswered;
use crate::minikube::services;
use crate::minikube::status;
use crate::minikube::unfinished::Unfinished;
use crate::minikube::unfinished::unfinished;
use crate::project::Runtime;
use crate::project::name::Profile;
use crate::run::Run;
use bollard::Docker;
use bollard::models::ContainerInspectResponse;
use bollard::models::ContainerStateStatusEnum as Status;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How long an API server of a running node may take to answer before it counts as down.
pub(crate) const BRIEF: Duration = Duration::from_secs(3);

/// Time limit for `minikube status`: it waits for a silent API server for 15 seconds (`kverify/api_server.go`).
const STATUS: Duration = Duration::from_secs(40);

/// The label that minikube gives a node's container: the profile (`pkg/drivers/kic/oci/types.go`).
const LABEL: &str = "name.minikube.sigs.k8s.io";

/// Everything that was found about a profile.
#[derive(Debug)]
pub(crate) struct ProfileState {
    pub(crate) state: MinikubeState,
    /// The saved configuration, if there is one.
    pub(crate) config: Option<Config>,
    /// The first node's container, if it has one.
    pub(crate) container: Option<String>,
    /// Whether the volume of the first node exists, where nodes are containers.
    pub(crate) volume: bool,
    /// The engine that the node containers run in, where they do.
    pub(crate) engine: Option<Docker>,
    /// Whether there ever was a cluster: minikube writes its configuration first, its certificates long after.
    pub(crate) begun: bool,
    /// How far the first start got, if it was interrupted or failed.
    pub(crate) unfinished: Option<Unfinished>,
}

/// Looks at `profile`, giving its API server `timeout` to answer.
pub(crate) async fn inspect(run: &Run, profile: &Profile, timeout: Duration) -> Result<ProfileState> {
    let remembered = match config::read(&run.world, profile) {
        Ok(remembered) => remembered,
        Err(why) => {
            let file = Unreadable::config(why, profile);
            return Ok(ProfileState::bare(MinikubeState::Broken(Break::Unreadable(file)), None));
        }
    };
    let Some(config) = remembered else {
        return absent(run, profile).await;
    };
    if let Err(runtime) = config.runtime() {
        return Err(Code::ContainerRuntimeUnsupported.fault(
            FaultKind::Minikube,
            format!("the profile `{profile}` has the container runtime `{runtime}`, into which images cannot be loaded"),
        )
        .hint(format!(
            "name another `profile` in deploy.toml, or recreate it (the data in its volumes is lost): `minikube delete -p {profile}`, then `todo up`"
        )));
    }
    let mut seen = if config.driver == "docker" {
        Box::pin(containers(run, profile, config, timeout)).await?
    } else {
        Box::pin(machine(run, profile, config, timeout)).await?
    };
    seen.begun = config::folder(&run.world, profile).is_some_and(|folder| folder.join("client.crt").exists());
    if let Some(config) = &seen.config {
        seen.unfinished = unfinished(&run.world, profile, config, &seen.state).await;
    }
    Ok(seen)
}

/// A profile that minikube does not know may have left a volume, which a new one will reuse.
///
/// Nor may a container of that name be replaced: `minikube start` deletes one that it does not know, however healthy
/// the cluster in it (`pkg/drivers/kic/kic.go`: `Create`), and it may be known in another `MINIKUBE_HOME`.
async fn absent(run: &Run, profile: &Profile) -> Result<ProfileState> {
    let mut seen = ProfileState::bare(MinikubeState::Absent, None);
    if let Ok((_, engine)) = reach::reach(&run.world).await {
        let node = inspect_container(&engine, profile.as_str()).await;
        let node = node.or_fault(Code::DockerRequestFailed, FaultKind::Minikube, || {
            format!("cannot inspect the container `{profile}`")
        })?;
        if let Some(node) = node {
            let file = config::folder(&run.world, profile).unwrap_or_default().join("config.json");
            seen.state = MinikubeState::Broken(if is_of(&node, profile) {
                Break::Unreadable(Unreadable::forgotten(&file, profile))
            } else {
                Break::Foreign(profile.to_string())
            });
            seen.container = node.id;
        }
        seen.volume = engine.inspect_volume(profile.as_str()).await.is_ok();
        seen.engine = Some(engine);
    }
    Ok(seen)
}

/// Whether minikube created this container for the profile.
fn is_of(node: &ContainerInspectResponse, profile: &Profile) -> bool {
    let labels = node.config.as_ref().and_then(|config| config.labels.as_ref());
    labels.is_some_and(|labels| labels.get(LABEL).is_some_and(|of| of == profile.as_str()))
}

/// Nodes that are containers of the host's engine.
async fn containers(run: &Run, profile: &Profile, config: Config, timeout: Duration) -> Result<ProfileState> {
    let (host, engine) = reach::reach(&run.world).await.map_err(|error| {
        let help = error.help();
        Code::DockerUnreachable.caused_by(FaultKind::Prerequisite, error).hint(help)
    })?;
    let machines = config.machines(profile);
    let inspected = join_all(machines.iter().map(|name| inspect_container(&engine, name))).await;
    let mut nodes = Vec::new();
    for (name, found) in machines.iter().zip(inspected) {
        nodes.push((
            name.clone(),
            found.or_fault(Code::DockerRequestFailed, FaultKind::Minikube, || {
                format!("cannot inspect the container `{name}`")
            })?,
        ));
    }
    let first = nodes.first().and_then(|(_, found)| found.as_ref());
    let mut seen = ProfileState::bare(MinikubeState::Absent, None);
    seen.container = first.and_then(|node| node.id.clone());
    seen.volume = first.is_some() || engine.inspect_volume(profile.as_str()).await.is_ok();
    seen.state = match standing(profile, &nodes) {
        Some(state) => state,
        None => running(run, profile, &config, (host, &engine), nodes, timeout).await?,
    };
    if let MinikubeState::Broken(Break::ContainerGone { volume }) = &mut seen.state {
        *volume = seen.volume;
    }
    seen.engine = Some(engine);
    seen.config = Some(config);
    Ok(seen)
}

async fn inspect_container(engine: &Docker, name: &str) -> anyhow::Result<Option<ContainerInspectResponse>> {
    match engine.inspect_container(name, None).await {
        Ok(found) => Ok(Some(found)),
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The state according to the containers alone; `None` if all of them run.
fn standing(
    profile: &Profile,
    nodes: &[(String, Option<ContainerInspectResponse>)],
) -> Option<MinikubeState> {
    let status = |node: &ContainerInspectResponse| node.state.as_ref().and_then(|state| state.status);
    for (name, found) in nodes {
        let Some(node) = found else {
            return Some(MinikubeState::Broken(Break::ContainerGone { volume: false }));
        };
        if !is_of(node, profile) {
            return Some(MinikubeState::Broken(Break::Foreign(name.clone())));
        }
    }
    let found: Vec<Option<Status>> =
        nodes.iter().filter_map(|(_, node)| Some(status(node.as_ref()?))).collect();
    if found.contains(&Some(Status::PAUSED)) {
        return Some(MinikubeState::Paused(Pause::Container));
    }
    match found.iter().filter(|status| **status != Some(Status::RUNNING)).count() {
        0 => None,
        down if down == found.len() => Some(MinikubeState::Stopped),
        _ => {
            let down = nodes.iter().find(|(_, node)| node.as_ref().and_then(status) != Some(Status::RUNNING));
            let name = down.map_or_else(String::new, |(name, _)| name.clone());
            Some(MinikubeState::Broken(Break::NodeDown(name)))
        }
    }
}

/// All containers run: does the kubeconfig point to their API server, and does that answer?
async fn running(
    run: &Run,
    profile: &Profile,
    config: &Config,
    (host, engine): (docker::Address, &Docker),
    nodes: Vec<(String, Option<ContainerInspectResponse>)>,
    timeout: Duration,
) -> Result<MinikubeState> {
    let home = home(run)?;
    let remote = endpoint::remote(&host).await;
    let runtime = config.runtime().unwrap_or(Runtime::Docker);
    let mut engines = Vec::new();
    let mut first = None;
    for (container, node) in nodes {
        let Some(node) = node else { continue };
        let published = endpoint::published(&node, remote);
        let docker = (runtime == Runtime::Docker).then(|| endpoint::engine(&published, &home)).flatten();
        engines.push(NodeEngine { container, docker });
        first.get_or_insert((published, endpoint::address(&node), endpoint::started(&node)));
    }
    let (published, address, started) = first.unwrap_or_default();
    let port = config.api_port();
    let mut api: Vec<SocketAddr> = address.map(|ip| SocketAddr::new(ip, port)).into_iter().collect();
    api.extend(published.get(&port));
    api.extend(shared_address(config));
    let mut node = draft(run, profile, config, host, engines, published, address)?;
    node.started = started;
    // Whether it is paused is known long before the request to a paused API server times out.
    let reached = tokio::select! {
        reached = api::reach(&run.world, &node, &api, timeout) => reached,
        true = paused(node.docker.clone()) => return Ok(MinikubeState::Paused(Pause::Kubernetes)),
        broken = services::until_broken(engine, profile.as_str(), runtime), if timeout > BRIEF => {
            return Ok(MinikubeState::Broken(broken));
        }
    };
    match reached {
        Ok(api) => {
            node.api = Some(api);
            Ok(MinikubeState::Running(Box::new(node)))
        }
        Err(Ok(broken)) => Ok(MinikubeState::Broken(broken)),
        Err(Err(Unanswered::Silent(why))) => silent(run, profile, engine, runtime, why, timeout).await,
        Err(Err(other)) => Ok(MinikubeState::Broken(Break::ApiFails(other.why()))),
    }
}

/// An API server that does not answer: down, if no kubelet runs that would start it again.
///
/// If the engine does not report that, `minikube status` is run. That takes it seconds, so not without a `timeout`.
async fn silent(
    run: &Run,
    profile: &Profile,
    engine: &Docker,
    runtime: Runtime,
    why: String,
    timeout: Duration,
) -> Result<MinikubeState> {
    if !timeout.is_zero()
        && let Some(broken) = services::broken(engine, profile.as_str(), runtime).await
    {
        return Ok(MinikubeState::Broken(broken));
    }
    let kubelet = kubelet::kubelet_runs(engine, profile.as_str()).await;
    if kubelet == Some(true) || kubelet.is_none() && timeout.is_zero() {
        return Ok(MinikubeState::Broken(Break::ApiFails(why)));
    }
    let answer = if timeout.is_zero() {
        None
    } else {
        tokio::time::timeout(STATUS, status::query(run, profile)).await.ok().transpose()?.flatten()
    };
    Ok(match (kubelet, answer) {
        // It reports paused containers also if the node's engine does not answer.
        (_, Some(paused @ MinikubeState::Paused(_))) => paused,
        (Some(_), _) | (None, Some(MinikubeState::Broken(Break::ApiDown(_)))) => {
            MinikubeState::Broken(Break::ApiDown(why))
        }
        (None, _) => MinikubeState::Broken(Break::ApiFails(why)),
    })
}

/// A node that is a machine of its own, or this very machine.
async fn machine(run: &Run, profile: &Profile, config: Config, timeout: Duration) -> Result<ProfileState> {
    let home = home(run)?;
    let host = docker::host(&run.world).unwrap_or(docker::Address::Unix("/var/run/docker.sock".into()));
    let address = if config.driver == "none" { None } else { config.address() };
    let docker = match (config.runtime(), address) {
        (Ok(Runtime::Docker), Some(address)) => Some(endpoint::engine_at(address, &home)),
        (Ok(Runtime::Docker), None) => Some(host.clone()),
        _ => None,
    };
    let engines = config
        .machines(profile)
        .into_iter()
        .enumerate()
        .map(|(index, container)| {
            let docker = if index == 0 { docker.clone() } else { None };
            NodeEngine { container, docker }
        })
        .collect();
    let mut api: Vec<SocketAddr> =
        config.address().map(|ip| SocketAddr::new(ip, config.api_port())).into_iter().collect();
    api.extend(shared_address(&config));
    let mut node = draft(run, profile, &config, host, engines, BTreeMap::new(), config.address())?;
    let state = match api::reach(&run.world, &node, &api, timeout).await {
        Ok(api) => {
            node.api = Some(api);
            MinikubeState::Running(Box::new(node))
        }
        Err(Ok(broken)) if !matches!(broken, Break::KubeconfigStale(_)) => MinikubeState::Broken(broken),
        Err(_) => {
            status::query(run, profile).await?.unwrap_or_else(|| MinikubeState::Running(Box::new(node)))
        }
    };
    Ok(ProfileState::bare(state, Some(config)))
}

/// The address that several control planes share.
fn shared_address(config: &Config) -> Option<SocketAddr> {
    let ip = config.kubernetes.api_server_havip.parse().ok()?;
    Some(SocketAddr::new(ip, config.api_port()))
}

fn draft(
    run: &Run,
    profile: &Profile,
    config: &Config,
    host: docker::Address,
    engines: Vec<NodeEngine>,
    published: BTreeMap<u16, SocketAddr>,
    address: Option<IpAddr>,
) -> Result<Node> {
    let kubeconfig = kubeconfig::of_context(&run.world, profile.as_str())
        .ok_or_else(|| {
            Code::HomeNotFound.fault(FaultKind::Prerequisite, "there is no home directory for a kubeconfig")
        })
        .map_err(|fault| fault.hint("set one: `export KUBECONFIG=/some/file`"))?;
    let unrouted = endpoint::unrouted(&run.world, &config.driver, &host);
    Ok(Node {
        profile: profile.clone(),
        runtime: config.runtime().unwrap_or(Runtime::Docker),
        docker: engines.first().and_then(|first| first.docker.clone()),
        engines,
        host,
        kubeconfig,
        context: profile.to_string(),
        api: None,
        address,
        server: address.map(|address| SocketAddr::new(address, config.api_port())),
        unrouted,
        published,
        started: None,
        outcome: Outcome::Unchanged,
        notes: Vec::new(),
    })
}

fn home(run: &Run) -> Result<PathBuf> {
    run.world.minikube_folder().ok_or_else(|| {
        Code::HomeNotFound
            .fault(FaultKind::Prerequisite, "there is no home directory for minikube")
            .hint("set one: `export MINIKUBE_HOME=/some/folder`")
    })
}

impl ProfileState {
    /// Whether a reset of the cluster would lose data: an earlier start completed, and its data exists.
    pub(crate) fn has_data(&self) -> bool {
        let container = self.config.as_ref().is_none_or(|config| config.driver == "docker");
        self.unfinished.is_none() && if container { self.volume } else { self.begun }
    }

    fn bare(state: MinikubeState, config: Option<Config>) -> ProfileState {
        ProfileState {
            state,
            config,
            container: None,
            volume: false,
            engine: None,
            begun: false,
            unfinished: None,
        }
    }
}
