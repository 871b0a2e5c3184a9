//! Whether `minikube pause` stopped Kubernetes, according to the node's own engine.

use crate::docker;
use bollard::query_parameters::ListContainersOptionsBuilder;
use std::collections::HashMap;
use std::time::Duration;

/// An API server that is silent for less is not a problem.
const AT_ONCE: Duration = Duration::from_millis(300);

/// Whether `minikube pause` stopped the API server, according to the node's own engine. Not queried if the API server
/// answers at once.
pub(crate) async fn paused(docker: Option<docker::Address>) -> bool {
    tokio::time::sleep(AT_ONCE).await;
    let ask = async {
        let engine = docker::connect(&docker?).ok()?.negotiate_version().await.ok()?;
        let filters = HashMap::from([
            ("name".to_owned(), vec!["k8s_kube-apiserver".to_owned()]),
            ("status".to_owned(), vec!["paused".to_owned()]),
        ]);
        let options = ListContainersOptionsBuilder::default().filters(&filters).build();
        engine.list_containers(Some(options)).await.ok()
    };
    ask.await.is_some_and(|found| !found.is_empty())
}
