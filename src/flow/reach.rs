//! What minikube says about a node, as what the other rooms ask for.

use crate::cluster::target::Target;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::fault::Result;
use crate::image::Destination;
use crate::image::NodeStore;
use crate::minikube;
use crate::minikube::Node;
use crate::minikube::State;
use crate::project::Project;
use crate::project::Runtime;
use crate::run::Run;
use crate::service::Reach;

/// Where images are built for this node, and the stores that must have them.
pub(crate) fn destination(node: &Node) -> Destination {
    let stores = node.engines.iter().map(|engine| match (&engine.docker, node.runtime) {
        (Some(docker), Runtime::Docker) => NodeStore::Docker(docker.clone()),
        _ => NodeStore::Containerd { host: node.host.clone(), container: engine.container.clone() },
    });
    Destination { builder: node.docker.clone().unwrap_or_else(|| node.host.clone()), nodes: stores.collect() }
}

/// How this machine reaches the node's ports.
pub(crate) fn reach(node: &Node) -> Reach {
    Reach { address: node.address, published: node.published.clone() }
}

/// The node's API server, and the project's place in it.
pub(crate) async fn target(run: &Run, project: &Project, node: &Node) -> Result<Target> {
    let (namespace, name) = (project.namespace.clone(), project.name.clone());
    Target::connect(run, &node.kubeconfig, &node.context, namespace, name).await
}

/// The project's place in a cluster that must be running already.
pub(crate) async fn running(run: &Run, project: &Project) -> Result<Target> {
    match minikube::look(run, &project.minikube).await? {
        State::Running(node) => target(run, project, &node).await,
        _ => {
            let profile = &project.minikube.profile;
            let message = format!("the profile `{profile}` does not run");
            Err(Fault::message(Kind::Minikube, message).hint("`todo up` brings it to run"))
        }
    }
}
