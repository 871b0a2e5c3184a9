//! Whether a cluster's API server answers through the kubeconfig's own entry, with its certificates.
//!
//! Not a health check of the workloads. Listing nodes needs authentication, authorisation and etcd, so an answer
//! means that all of them are up; `/livez` would answer before the certificates of the entry are checked.

use crate::kubernetes;
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

/// Time limit for one request: a paused API server accepts connections and then does not answer.
const ONE: Duration = Duration::from_secs(5);

/// Time limit for a connection; the API server is on this machine or in its network.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection over which an API server has answered: opening another one costs both sides more than most requests.
#[derive(Clone)]
pub struct Connection(pub Client);

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

/// Why there is no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// No response: whether an API server runs is unknown.
    Silent(String),
    /// An API server is running, but failing: its answer is not the expected one.
    Failing(String),
    /// It knows the user, and grants too few rights: not a defect, but deliberate.
    Forbidden(String),
    /// A server is running and does not accept these certificates: status 401, or no TLS.
    Refused(String),
}

impl Unanswered {
    /// The reason.
    pub(crate) fn why(self) -> String {
        match self {
            Unanswered::Silent(why)
            | Unanswered::Failing(why)
            | Unanswered::Forbidden(why)
            | Unanswered::Refused(why) => why,
        }
    }
}

/// Repeats until it answers or `timeout` ends; then the last reason why not. A refusal is not retried.
pub(crate) async fn answers(
    kubeconfig: Kubeconfig,
    context: &str,
    timeout: Duration,
) -> Result<Connection, Unanswered> {
    let client = client(kubeconfig, context).await.map_err(Unanswered::Refused)?;
    let (deadline, one) = (Instant::now() + timeout, ListParams::default().limit(1));
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let nodes = Api::<Node>::all(client.clone());
        let why = match tokio::time::timeout(left.min(ONE), nodes.list_metadata(&one)).await {
            Ok(Ok(_)) => return Ok(Connection(client)),
            Ok(Err(error)) => classified(&error),
            Err(_) => Unanswered::Silent("it does not answer".to_owned()),
        };
        let is_final = matches!(why, Unanswered::Refused(_) | Unanswered::Forbidden(_));
        if is_final || Instant::now() + PAUSE >= deadline {
            return Err(why);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn classified(error: &kube::Error) -> Unanswered {
    let why = innermost(error);
    match error {
        kube::Error::Api(status) => {
            let why = format!("it answers with status {}: {why}", status.code);
            match status.code {
                401 => Unanswered::Refused(why),
                403 => Unanswered::Forbidden(why),
                _ => Unanswered::Failing(why),
            }
        }
        kube::Error::SerdeError(_) => Unanswered::Failing(format!("its answer cannot be read: {why}")),
        _ if is_of_tls(error) => Unanswered::Refused(why),
        _ => Unanswered::Silent(why),
    }
}

/// Whether there was a TLS peer and the handshake failed. rustls's errors are wrapped in I/O errors.
fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let inner = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if inner.is_some() || error.is::<rustls::Error>() {
            return true;
        }
        next = error.source();
    }
    false
}

async fn client(kubeconfig: Kubeconfig, context: &str) -> Result<Client, String> {
    let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|e| innermost(&e))?;
    // The environment's HTTPS_PROXY would be used, and then refused; a node is never behind it.
    config.proxy_url = None;
    // Our own retries report why they wait; kube's wait in silence for minutes.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    kubernetes::client(config).map_err(|error| innermost(&error))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
