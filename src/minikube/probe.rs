//! Whether a cluster's API server answers through the kubeconfig's own entry, with its certificates.
//!
//! Not a health check of what runs in it. Listing nodes needs authentication, authorisation and etcd, so an answer means
//! that all of them are up; `/livez` would answer before the certificates of the entry were ever looked at.

use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::Client;
use kube::Config;
use kube::api::ListParams;
use kube::config::KubeConfigOptions;
use kube::config::Kubeconfig;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// How long between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// How long one request may take: a paused API server accepts connections and then says nothing.
const ONE: Duration = Duration::from_secs(5);

/// How long a connection may take; the API server is on this machine or in its network.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection over which an API server has answered: to make another costs both sides more than most requests.
#[derive(Clone)]
pub struct Connection(pub Client);

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

/// Asks until it answers or `patience` ends; then the last reason why not.
pub(crate) async fn answers(
    kubeconfig: Kubeconfig,
    context: &str,
    patience: Duration,
) -> Result<Connection, String> {
    let client = client(kubeconfig, context).await?;
    let (deadline, one) = (Instant::now() + patience, ListParams::default().limit(1));
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let nodes = Api::<Node>::all(client.clone());
        let why = match tokio::time::timeout(left.min(ONE), nodes.list_metadata(&one)).await {
            Ok(Ok(_)) => return Ok(Connection(client)),
            Ok(Err(error)) => innermost(&error),
            Err(_) => "it does not answer".to_owned(),
        };
        if Instant::now() + PAUSE >= deadline {
            return Err(why);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn client(kubeconfig: Kubeconfig, context: &str) -> Result<Client, String> {
    let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|e| innermost(&e))?;
    // The environment's HTTPS_PROXY would be taken, and then refused; a node is never behind it.
    config.proxy_url = None;
    // Ours tell why they wait; kube's wait in silence for minutes.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    Client::try_from(config).map_err(|error| innermost(&error))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
