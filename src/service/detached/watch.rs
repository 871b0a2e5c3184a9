//! Whether the target of a forward still exists, and reconnecting after the API server or the cluster was restarted.

use crate::limit;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use crate::service::backend;
use crate::service::forward::Forward;
use k8s_openapi::api::core::v1;
use kube::Api;
use kube::Client;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// Time limits.
#[derive(Debug, Clone, Copy)]
pub struct WatchLimits {
    /// Between two looks at the cluster.
    pub look: Duration,
    /// How long an object must be missing to count as deleted: `replace --force` and `up --recreate` delete and
    /// recreate.
    pub confirm: Duration,
    /// How long the API server may be unreachable: a cluster that is stopped and started again still has its
    /// forwards.
    pub unreachable: Duration,
}

/// The values outside of tests; docs/reliability.md names them.
pub const PACE: WatchLimits = WatchLimits {
    look: Duration::from_secs(3),
    confirm: Duration::from_secs(6),
    unreachable: Duration::from_secs(600),
};

/// Why there is no client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotConnected {
    /// The kubeconfig no longer has the context: the cluster was deleted.
    NoContext,
    /// It cannot be read or used now.
    Unusable(String),
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotConnected::NoContext => f.write_str("the kubeconfig does not have the cluster's context"),
            NotConnected::Unusable(why) => f.write_str(why),
        }
    }
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ServiceState {
    There,
    Gone(Gone),
    Unreachable(String),
}

/// Why a forward ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// The Service was deleted.
    Service(Namespace, ObjectName),
    /// The kubeconfig has no such context any more.
    Context,
    /// Behind the context is another cluster.
    Cluster,
    /// The API server was unreachable for this long.
    Unreachable(Duration, String),
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gone::Service(namespace, name) => {
                write!(f, "the Service `{name}` in namespace `{namespace}` was deleted")
            }
            Gone::Context => f.write_str("the cluster's context is no longer in the kubeconfig"),
            Gone::Cluster => f.write_str("the cluster was replaced by another one"),
            Gone::Unreachable(time, why) => {
                write!(f, "the API server did not answer for {} min: {why}", time.as_secs() / 60)
            }
        }
    }
}

/// The watched objects.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Services without which the forward has no target.
    pub services: Vec<(Namespace, ObjectName)>,
    /// The UID of the namespace kube-system, where it is known.
    pub cluster: Option<String>,
}

/// Since when a problem exists: it is only acted on when it lasts.
#[derive(Debug, Default)]
struct Since {
    gone: Option<(Instant, Gone)>,
    unreachable: Option<Instant>,
}

impl Since {
    fn see(&mut self, seen: ServiceState, now: Instant, pace: WatchLimits) -> Option<Gone> {
        match seen {
            ServiceState::There => *self = Since::default(),
            // A cluster cannot become another one and then itself again.
            ServiceState::Gone(Gone::Cluster) => return Some(Gone::Cluster),
            ServiceState::Gone(gone) => {
                self.unreachable = None;
                match &self.gone {
                    Some((since, before)) if *before == gone => {
                        return (now - *since >= pace.confirm).then_some(gone);
                    }
                    _ => self.gone = Some((now, gone)),
                }
            }
            ServiceState::Unreachable(why) => {
                let since = *self.unreachable.get_or_insert(now);
                if now - since >= pace.unreachable {
                    return Some(Gone::Unreachable(pace.unreachable, why));
                }
            }
        }
        None
    }
}

/// Watches the target of `forward` until it is gone. If the API server is unreachable, a new client is created from
/// the kubeconfig, which minikube rewrites at each start, and `forward` uses it from then on.
pub async fn watch(
    forward: &Forward,
    watched: &Watched,
    connect: impl AsyncFn() -> Result<Client, NotConnected>,
    pace: WatchLimits,
) -> Gone {
    let mut since = Since::default();
    let mut client: Option<Client> = Some(forward.client());
    let mut is_known = false;
    loop {
        let seen = match &client {
            Some(client) => inspect(client, watched, &mut is_known).await,
            None => match connect().await {
                Ok(new) => {
                    is_known = false;
                    let seen = inspect(&new, watched, &mut is_known).await;
                    if seen == ServiceState::There {
                        forward.use_client(new.clone());
                    }
                    client = Some(new);
                    seen
                }
                Err(NotConnected::NoContext) => ServiceState::Gone(Gone::Context),
                Err(NotConnected::Unusable(why)) => ServiceState::Unreachable(why),
            },
        };
        if matches!(seen, ServiceState::Unreachable(_)) {
            client = None;
        }
        if let Some(gone) = since.see(seen, Instant::now(), pace) {
            return gone;
        }
        tokio::select! {
            () = tokio::time::sleep(pace.look) => {}
            // A connection that failed is a reason to look at once, but not all the time.
            () = forward.failed() => tokio::time::sleep(pace.look / 6).await,
        }
    }
}

/// One check. The identity of the cluster is read once for each client: a connection reaches one API server.
async fn inspect(client: &Client, watched: &Watched, is_known: &mut bool) -> ServiceState {
    if !*is_known && let Some(wanted) = &watched.cluster {
        match cluster_uid(client).await {
            Ok(Some(uid)) if uid != *wanted => return ServiceState::Gone(Gone::Cluster),
            Ok(_) => *is_known = true,
            Err(error) => return ServiceState::Unreachable(backend::words(&error)),
        }
    }
    for (namespace, name) in &watched.services {
        let services: Api<v1::Service> = Api::namespaced(client.clone(), namespace.as_str());
        match limit::with_timeout(services.get_opt(name.as_str())).await {
            Ok(Some(_)) => {}
            Ok(None) => return ServiceState::Gone(Gone::Service(namespace.clone(), name.clone())),
            Err(error) => return ServiceState::Unreachable(backend::words(&error)),
        }
    }
    ServiceState::There
}

/// The UID of the namespace kube-system, which identifies the cluster (no other object exists in every cluster for
/// all of its life); `None` if this user may not read it.
pub async fn cluster_uid(client: &Client) -> kube::Result<Option<String>> {
    let namespaces: Api<v1::Namespace> = Api::all(client.clone());
    match limit::with_timeout(namespaces.get_opt("kube-system")).await {
        Ok(found) => Ok(found.and_then(|namespace| namespace.metadata.uid)),
        Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
