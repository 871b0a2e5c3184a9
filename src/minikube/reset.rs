//! The reset that `minikube start` announces when it cannot restart a control plane, prevented if there is data to
//! lose.
//!
//! Between the announcement and `kubeadm reset` one program is started in the node, so minikube is killed at once
//! (SIGKILL: it must not continue) and, should `kubeadm reset` already run, the node with it, as by a power cut:
//! etcd's data is on the volume, and the next start finds it. kubeadm reads the cluster's configuration before it
//! deletes anything; whether the kill was early enough is checked afterwards, and reported.

use crate::event::Code;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::minikube::kubelet;
use crate::minikube::repair;
use crate::project::name::Profile;
use crate::world::World;
use bollard::Docker;
use std::time::Duration;

/// For how long the node is watched for a reset that had begun, and how often.
const WATCH: u32 = 30;
const TICK: Duration = Duration::from_millis(50);

/// Where minikube has etcd's data (`pkg/minikube/bootstrapper/bsutil/binaries.go`: `EtcdDataDir`).
const DATA: &str = "/var/lib/minikube/etcd/member";

/// After minikube was killed for `announced`: ensures that nothing in the node continues, and reports what is left.
pub(crate) async fn prevented(
    world: &World,
    engine: Option<&Docker>,
    profile: &Profile,
    announced: &str,
) -> Fault {
    let node = profile.as_str();
    if let Some(engine) = engine {
        for _ in 0..WATCH {
            if kubelet::is_being_reset(engine, node).await {
                let _ = engine.kill_container(node, None).await;
                break;
            }
            tokio::time::sleep(TICK).await;
        }
    }
    let data = match engine {
        Some(engine) => repair::has(engine, node, DATA).await.ok(),
        None => None,
    };
    let left = match data {
        Some(true) => "minikube was stopped before it; the cluster's data is there as it was",
        Some(false) => "minikube was stopped, but the cluster's data is gone",
        None => "minikube was stopped; whether the cluster's data is still there could not be seen",
    };
    let log = world.minikube_folder().unwrap_or_default().join("logs").join("lastStart.txt");
    Code::MinikubeResetPrevented.fault(FaultKind::Minikube, format!("minikube announced a reset of the cluster, which deletes every object in it: {announced}"))
        .context(left)
        .context(format!("cannot start the profile `{profile}`"))
        .hint(format!("minikube's log says why it could not restart it: `{}`", log.display()))
        .hint("fix the cause and run `todo up` again")
        .hint(format!("to reset it anyway (the objects of all projects in it are lost): `minikube start -p {profile} --keep-context`"))
}
