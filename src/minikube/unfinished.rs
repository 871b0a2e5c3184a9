//! A first `minikube start` that was interrupted: how far it got.
//!
//! minikube creates the node's container, has kubeadm create the cluster in it, grants `kube-system` its rights, and
//! enables the addons last. The parts missing after an interruption are not created by a later start: that one finds
//! the settings of kubeadm as it would write them, and considers the cluster complete
//! (`pkg/minikube/bootstrapper/kubeadm/kubeadm.go`: `restartPrimaryControlPlane`; tried with v1.38.1: a node without
//! kube-proxy and CoreDNS).

use crate::event::OpenItem;
use crate::fault::Result;
use crate::minikube::MinikubeState;
use crate::minikube::config;
use crate::minikube::config::Config;
use crate::minikube::kubelet;
use crate::minikube::probe::Connection;
use crate::project::name::Profile;
use crate::world::World;
use bollard::Docker;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Api;
use kube::api::ListParams;
use std::time::Duration;
use tokio::time::Instant;

/// The object that minikube creates after kubeadm has completed (`elevateKubeSystemPrivileges`).
const LAST: &str = "minikube-rbac";

/// Time limit for each of the two requests.
const QUESTION: Duration = Duration::from_secs(5);

/// How long kubeadm may continue in the node. It gives up by itself if an API server does not start within 4 minutes.
const KUBEADM: Duration = Duration::from_secs(5 * 60);

/// How long between two looks at it.
const PAUSE: Duration = Duration::from_millis(500);

/// How far an interrupted first start got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// Only addons are missing.
    Addons,
    /// The cluster itself may be incomplete, or is not there at all.
    Cluster,
}

/// How far the first start got, if it was interrupted.
pub(crate) async fn unfinished(
    world: &World,
    profile: &Profile,
    config: &Config,
    state: &MinikubeState,
) -> Option<Unfinished> {
    if !config.lacks_defaults() || !config::is_unfinished(world, profile) {
        return None;
    }
    let api = if let MinikubeState::Running(node) = state { node.api.as_ref() } else { None };
    Some(match api {
        Some(api) if is_complete(api).await => Unfinished::Addons,
        _ => Unfinished::Cluster,
    })
}

/// Whether kubeadm and minikube have created all parts of a cluster, and its nodes have their network.
async fn is_complete(Connection(client): &Connection) -> bool {
    let rights = Api::<ClusterRoleBinding>::all(client.clone());
    let nodes = Api::<Node>::all(client.clone());
    let asked = async {
        let (rights, all) = (rights.get_metadata_opt(LAST), ListParams::default());
        let (rights, nodes) = tokio::try_join!(rights, nodes.list(&all))?;
        Ok::<bool, kube::Error>(rights.is_some() && nodes.items.iter().all(is_ready))
    };
    matches!(tokio::time::timeout(QUESTION, asked).await, Ok(Ok(true)))
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Waits for kubeadm, which continues in the node when minikube is killed: the next start finds its files. Returns
/// whether it was running and has ended.
pub(crate) async fn kubeadm_ends(engine: &Docker, profile: &Profile, item: &OpenItem) -> Result<bool> {
    let end = Instant::now() + KUBEADM;
    let mut waited = false;
    while Instant::now() < end && kubelet::kubeadm_runs(engine, profile.as_str()).await {
        if !waited {
            item.waiting("kubeadm, which an interrupted start has left in the node");
            waited = true;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(waited && Instant::now() < end)
}
