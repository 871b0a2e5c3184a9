//! From any state of the profile to one that runs: which remedy comes next, and those that need no minikube.
//!
//! Never a deletion, and each remedy once. A `minikube start` is used only if the cluster is proven not to run: in a
//! running cluster it may end in `kubeadm reset` (`pkg/minikube/bootstrapper/kubeadm/kubeadm.go`: `StartCluster`). If
//! a smaller remedy does not repair it, the run ends.

use crate::event::OpenItem;
use crate::minikube::Break;
use crate::minikube::MinikubeState;
use crate::minikube::Pause;
use crate::minikube::config::Config;
use crate::minikube::services;
use crate::minikube::state::ProfileState;
use crate::minikube::unfinished::Unfinished;
use crate::project::Runtime;
use crate::project::name::Profile;
use anyhow::Context;
use bollard::Docker;
use bollard::body_full;
use bollard::errors::Error;
use bollard::models::ContainerCreateBody;
use bollard::models::HostConfig;
use bollard::query_parameters::ContainerArchiveInfoOptionsBuilder;
use bollard::query_parameters::CreateImageOptionsBuilder;
use bollard::query_parameters::RemoveContainerOptionsBuilder;
use bollard::query_parameters::RemoveImageOptions;
use bollard::query_parameters::UploadToContainerOptionsBuilder;
use futures::TryStreamExt;
use std::path::Path;
use std::time::Duration;

/// How long an API server may take that the kubelet of its node restarts.
pub(crate) const RECOVERY: Duration = Duration::from_secs(90);

/// A change that repairs a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// `minikube start` of a new profile.
    Create,
    /// The engine unpauses the node's containers.
    Thaw,
    /// `minikube unpause`.
    Unpause,
    /// `minikube update-context`.
    UpdateContext,
    /// The kubelet starts its API server again.
    Wait,
    /// systemd restarts a service of the node.
    RestartService,
    /// `minikube node start` of every node but the first.
    StartNode,
    /// The addons that every start ends with.
    Finish,
    /// `minikube start` of an existing profile.
    Start,
}

impl Remedy {
    /// Whether minikube does it, which may write the kubeconfig.
    pub(crate) fn is_minikubes(self) -> bool {
        !matches!(self, Remedy::Thaw | Remedy::Wait | Remedy::RestartService)
    }
}

/// Restarts the service that is down in the node, or the kubelet that waits.
pub(crate) async fn restart_service(profile: &Profile, seen: &ProfileState, item: &OpenItem) {
    let MinikubeState::Broken(broken) = &seen.state else { return };
    let runtime = seen.config.as_ref().and_then(|config| config.runtime().ok()).unwrap_or(Runtime::Docker);
    if let (Some(engine), Some(unit)) = (&seen.engine, services::to_restart(broken)) {
        item.log(broken.to_string());
        item.progress(format!("restarting the service {unit} of the node"), None);
        services::restart(engine, profile.as_str(), unit, runtime).await;
    }
}

/// Whether an interrupted start of a profile has been completed.
pub(crate) fn finished(tried: &[Remedy]) -> bool {
    tried.iter().any(|remedy| matches!(remedy, Remedy::Create | Remedy::Start | Remedy::Finish))
}

/// The next remedy for `state` after those that were tried; `None` if none is left.
///
/// If even the first start is `unfinished`, it may be continued if nothing smaller helps: that cluster was never in
/// use. A running profile is only checked for that.
pub(crate) fn next(
    state: &MinikubeState,
    profile: &Profile,
    unfinished: Option<Unfinished>,
    tried: &[Remedy],
) -> Option<Remedy> {
    let remedies: &[Remedy] = match state {
        MinikubeState::Broken(
            Break::Foreign(_) | Break::ForeignEntry(_) | Break::Unreadable(_) | Break::DiskFull,
        ) => &[],
        MinikubeState::Absent if !tried.is_empty() => &[],
        MinikubeState::Absent => &[Remedy::Create],
        MinikubeState::Paused(Pause::Container) => &[Remedy::Thaw],
        MinikubeState::Paused(Pause::Kubernetes) => &[Remedy::Unpause],
        // Its entry is written last, and the certificates before it.
        MinikubeState::Broken(Break::KubeconfigStale(_)) if unfinished.is_some() => &[Remedy::Start],
        MinikubeState::Broken(Break::KubeconfigStale(_)) => &[Remedy::UpdateContext],
        MinikubeState::Broken(Break::ApiFails(_)) if unfinished.is_some() => &[Remedy::Wait, Remedy::Start],
        MinikubeState::Broken(Break::ApiFails(_)) => &[Remedy::Wait],
        MinikubeState::Broken(broken @ (Break::ServiceDown(_) | Break::BackOff { .. })) => {
            if services::to_restart(broken).is_some() {
                &[Remedy::RestartService]
            } else {
                &[]
            }
        }
        MinikubeState::Broken(Break::NodeDown(name)) if name != profile.as_str() => &[Remedy::StartNode],
        MinikubeState::Running(_) if unfinished == Some(Unfinished::Cluster) => &[Remedy::Start],
        MinikubeState::Running(_) => &[Remedy::Finish],
        MinikubeState::Stopped
        | MinikubeState::Broken(Break::ContainerGone { .. } | Break::NodeDown(_) | Break::ApiDown(_)) => {
            &[Remedy::Start]
        }
    };
    remedies.iter().copied().find(|remedy| !tried.contains(remedy))
}

/// Unpauses those of these containers that are paused.
pub(crate) async fn thaw(engine: &Docker, containers: &[String]) -> anyhow::Result<()> {
    for name in containers {
        match engine.unpause_container(name).await {
            // It was not paused, so nothing needs to be done.
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 409 | 500, .. }) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot unpause the container `{name}`"));
            }
        }
    }
    Ok(())
}

/// Removes the containers of nodes that minikube began to create and can never complete: it lacks their key, or never
/// recorded their address.
///
/// A start that was interrupted while it created the container leaves such a node, and every later start fails with a
/// hint to delete the profile (tried with v1.38.1). The volume stays, so nothing is lost. Returns whether there was
/// one.
pub(crate) async fn remove_unfinished(
    engine: &Docker,
    home: &Path,
    profile: &Profile,
    config: &Config,
) -> anyhow::Result<bool> {
    let nodes = config.nodes.as_deref().unwrap_or_default();
    let mut removed = false;
    for (index, name) in config.machines(profile).iter().enumerate() {
        let key = home.join("machines").join(name).join("id_rsa").try_exists()?;
        let address = nodes.get(index).is_some_and(|node| !node.ip.is_empty());
        if key && address {
            continue;
        }
        let options = RemoveContainerOptionsBuilder::default().force(true).build();
        match engine.remove_container(name, Some(options)).await {
            Ok(()) => removed = true,
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot remove the container `{name}`")),
        }
    }
    Ok(removed)
}

/// kubeadm's files outside the volume, which a new container lacks.
const LOST: [&str; 3] = [
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
];

/// Where minikube remembers with which settings kubeadm last ran: in the volume.
const MEMORY: (&str, &str) = ("/var/tmp/minikube", "kubeadm.yaml");

/// Makes the next `minikube start` recreate the files that a node lost with its container; returns whether that was
/// necessary.
///
/// minikube considers a cluster configured if these settings are unchanged
/// (`pkg/minikube/bootstrapper/kubeadm/kubeadm.go`: `restartPrimaryControlPlane`). They are in the volume, but the
/// files that kubeadm generated from them are not: a node recreated on its old volume gets no kubelet.conf and no
/// manifests, and `minikube start` fails after six minutes (tried with v1.38.1). With other settings it generates
/// them, and finds etcd and all data unchanged. The same applies to the missing parts of a cluster that is
/// `incomplete`.
pub(crate) async fn forget_settings(
    engine: &Docker,
    container: Option<&str>,
    volume: &str,
    incomplete: bool,
) -> anyhow::Result<bool> {
    let Some(container) = container else {
        return through_a_container(engine, volume).await;
    };
    if incomplete {
        return write(engine, container).await;
    }
    for path in LOST {
        if !has(engine, container, path).await? {
            return write(engine, container).await;
        }
    }
    Ok(false)
}

/// Whether a container, running or not, has a file or directory.
pub(crate) async fn has(engine: &Docker, container: &str, path: &str) -> anyhow::Result<bool> {
    let options = ContainerArchiveInfoOptionsBuilder::default().path(path).build();
    match engine.get_container_archive_info(container, Some(options)).await {
        Ok(_) => Ok(true),
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
        Err(error) => {
            Err(error).with_context(|| format!("cannot look for {path} in the container `{container}`"))
        }
    }
}

/// Writes into a volume that no container has: through one that is made for it, of an empty image, and never started.
async fn through_a_container(engine: &Docker, volume: &str) -> anyhow::Result<bool> {
    let empty = tar::Builder::new(Vec::new()).into_inner()?;
    let import = CreateImageOptionsBuilder::default().from_src("-").build();
    let lines: Vec<_> = engine
        .create_image(Some(import), Some(body_full(empty.into())), None)
        .try_collect()
        .await
        .context("cannot make an empty image")?;
    let image = lines.into_iter().filter_map(|line| line.status).next_back().unwrap_or_default();
    let body = ContainerCreateBody {
        image: Some(image.clone()),
        cmd: Some(vec!["never-started".to_owned()]),
        host_config: Some(HostConfig {
            binds: Some(vec![format!("{volume}:/var")]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let made = engine.create_container(None, body).await;
    let written = match &made {
        Ok(container) => write(engine, &container.id).await,
        Err(_) => Ok(false),
    };
    if let Ok(container) = &made {
        engine
            .remove_container(&container.id, None)
            .await
            .context("cannot remove a container created by `todo`")?;
    }
    engine
        .remove_image(&image, None::<RemoveImageOptions>, None)
        .await
        .context("cannot remove an empty image created by `todo`")?;
    made.with_context(|| format!("cannot look into the volume `{volume}`"))?;
    written
}

async fn write(engine: &Docker, container: &str) -> anyhow::Result<bool> {
    let text = "# Emptied by `todo`, so that `minikube start` configures this node again.\n";
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, MEMORY.1, text.as_bytes())?;
    let options = UploadToContainerOptionsBuilder::default().path(MEMORY.0).build();
    let archive = body_full(archive.into_inner()?.into());
    match engine.upload_to_container(container, Some(options), archive).await {
        Ok(()) => Ok(true),
        // Nothing was ever remembered: the node will be configured from scratch anyway.
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
        Err(error) => Err(error).context("cannot write minikube's kubeadm.yaml"),
    }
}

#[cfg(test)]
mod tests {
    use super::Remedy;
    use super::next;
    use crate::minikube::Break;
    use crate::minikube::MinikubeState;
    use crate::minikube::Pause;
    use crate::minikube::Unreadable;
    use crate::minikube::unfinished::Unfinished;
    use crate::project::name::Profile;

    fn all_of(state: &MinikubeState, unfinished: Option<Unfinished>) -> Vec<Remedy> {
        let profile = Profile::parse("mini").unwrap();
        let mut tried = Vec::new();
        while let Some(remedy) = next(state, &profile, unfinished, &tried) {
            tried.push(remedy);
        }
        tried
    }

    #[test]
    fn a_start_is_for_what_does_not_run_and_each_remedy_is_tried_once() {
        let stale = || MinikubeState::Broken(Break::KubeconfigStale(String::new()));
        let fails = || MinikubeState::Broken(Break::ApiFails(String::new()));
        let file = Unreadable { why: String::new(), help: Vec::new() };
        for (state, unfinished, remedies) in [
            (MinikubeState::Absent, None, vec![Remedy::Create]),
            (MinikubeState::Stopped, None, vec![Remedy::Start]),
            (MinikubeState::Paused(Pause::Container), None, vec![Remedy::Thaw]),
            (MinikubeState::Paused(Pause::Kubernetes), None, vec![Remedy::Unpause]),
            (stale(), None, vec![Remedy::UpdateContext]),
            (stale(), Some(Unfinished::Cluster), vec![Remedy::Start]),
            (fails(), None, vec![Remedy::Wait]),
            (fails(), Some(Unfinished::Cluster), vec![Remedy::Wait, Remedy::Start]),
            (MinikubeState::Broken(Break::ApiDown(String::new())), None, vec![Remedy::Start]),
            (MinikubeState::Broken(Break::NodeDown("mini".to_owned())), None, vec![Remedy::Start]),
            (MinikubeState::Broken(Break::NodeDown("mini-m02".to_owned())), None, vec![Remedy::StartNode]),
            (MinikubeState::Broken(Break::ContainerGone { volume: true }), None, vec![Remedy::Start]),
            (MinikubeState::Broken(Break::Foreign("mini".to_owned())), None, vec![]),
            (MinikubeState::Broken(Break::ForeignEntry(String::new())), None, vec![]),
            (MinikubeState::Broken(Break::Unreadable(file)), Some(Unfinished::Cluster), vec![]),
        ] {
            assert_eq!(all_of(&state, unfinished), remedies, "{state:?}, {unfinished:?}");
        }
    }

    #[test]
    fn what_a_remedy_leads_to_has_its_own() {
        let profile = Profile::parse("mini").unwrap();
        let next = |state, tried: &[Remedy]| next(&state, &profile, None, tried);
        assert_eq!(next(MinikubeState::Stopped, &[Remedy::Thaw]), Some(Remedy::Start));
        assert_eq!(
            next(MinikubeState::Broken(Break::ApiDown(String::new())), &[Remedy::Create]),
            Some(Remedy::Start)
        );
        assert_eq!(next(MinikubeState::Absent, &[Remedy::Start]), None);
    }
}
