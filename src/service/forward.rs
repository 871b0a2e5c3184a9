//! A port of this machine that is forwarded to a pod, for nodes whose address cannot be reached: held by this
//! process, which may exist only for that (`detached`).
//!
//! Not `kubectl port-forward`, which ends with the pod it chose: every connection chooses a ready pod of its own, and
//! one that arrives while the pods are being replaced waits for the next. The price is one request to the API server
//! per connection, because a WebSocket of the API server carries one connection only.

use super::backend;
use crate::limit;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::Client;
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::io::copy;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long a connection waits for a pod that is ready, and for an API server that is being restarted.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait between two looks for a pod.
const PAUSE: Duration = Duration::from_millis(250);

/// How long an answer may still take after the client has closed its direction. kube closes both directions at the
/// first end, so we do not pass that end on.
const LAST_WORD: Duration = Duration::from_secs(30);

/// How many ports above the requested one are tried.
const NEXT: u16 = 20;

/// A forward; it ends when this is dropped.
#[derive(Debug)]
pub struct Forward {
    address: SocketAddr,
    wanted: Option<u16>,
    state: Arc<ForwardState>,
    task: JoinHandle<()>,
}

/// The state that connections share.
struct ForwardState {
    client: Mutex<Client>,
    trouble: Mutex<Option<String>>,
    failed: Notify,
}

impl fmt::Debug for ForwardState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({:?})", self.trouble)
    }
}

impl Forward {
    /// Listens on 127.0.0.1 at `wanted`, else on the next free port, else on any, and forwards connections to a ready
    /// pod behind the port of `service` that EndpointSlices name `port`.
    pub async fn open(
        client: &Client,
        namespace: &Namespace,
        service: &ObjectName,
        port: Option<&str>,
        wanted: Option<u16>,
    ) -> io::Result<Forward> {
        Forward::open_again(client, namespace, service, port, wanted, None).await
    }

    /// As [`Forward::open`]; where no port is `wanted`, at the one `before` if that is free.
    pub async fn open_again(
        client: &Client,
        namespace: &Namespace,
        service: &ObjectName,
        port: Option<&str>,
        wanted: Option<u16>,
        before: Option<u16>,
    ) -> io::Result<Forward> {
        let listener = listen(wanted, before).await?;
        let address = listener.local_addr()?;
        let client = Mutex::new(client.clone());
        let state = Arc::new(ForwardState { client, trouble: Mutex::new(None), failed: Notify::new() });
        let lane = Lane {
            state: Arc::clone(&state),
            namespace: namespace.clone(),
            service: service.clone(),
            port: port.map(str::to_owned),
        };
        let task = tokio::spawn(accept(listener, lane));
        Ok(Forward { address, wanted, state, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requested port, if another program uses it.
    #[must_use]
    pub fn missed(&self) -> Option<u16> {
        self.wanted.filter(|wanted| *wanted != self.address.port())
    }

    /// The last error of a connection to the pod, as the API server or the kubelet reported it.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.state.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The connection to the API server that it uses.
    #[must_use]
    pub fn client(&self) -> Client {
        self.state.client()
    }

    /// Uses another connection to the API server from now on.
    pub fn use_client(&self, client: Client) {
        *self.state.client.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }

    /// Waits until a connection cannot reach a pod.
    pub async fn failed(&self) {
        self.state.failed.notified().await;
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(wanted: Option<u16>, before: Option<u16>) -> io::Result<TcpListener> {
    let before = before.filter(|_| wanted.is_none());
    let next = wanted.into_iter().flat_map(|port| port..=port.saturating_add(NEXT));
    for port in next.chain(before) {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(listener);
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

impl ForwardState {
    fn client(&self) -> Client {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The data that every connection needs.
#[derive(Clone)]
struct Lane {
    state: Arc<ForwardState>,
    namespace: Namespace,
    service: ObjectName,
    port: Option<String>,
}

async fn accept(listener: TcpListener, lane: Lane) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(lane.clone().carry(socket));
                }
                // Too many open files: some will be closed.
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

impl Lane {
    async fn carry(self, mut socket: TcpStream) {
        let deadline = Instant::now() + PATIENCE;
        let (mut forwarder, port) = loop {
            match self.connect().await {
                Ok(connected) => break connected,
                Err(why) => self.note(Some(why)),
            }
            if Instant::now() + PAUSE > deadline {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        };
        let (Some(stream), Some(error)) = (forwarder.take_stream(port), forwarder.take_error(port)) else {
            return;
        };
        let _ = socket.set_nodelay(true);
        let (mut from_client, mut to_client) = socket.split();
        let (mut from_pod, mut to_pod) = tokio::io::split(stream);
        let up = async {
            let _ = copy(&mut from_client, &mut to_pod).await;
            tokio::time::sleep(LAST_WORD).await;
        };
        let down = copy(&mut from_pod, &mut to_client);
        let failed = async {
            match error.await {
                Some(why) => why,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            moved = down => if moved.is_ok_and(|bytes| bytes > 0) { self.note(None) },
            () = up => self.note(None),
            why = failed => self.note(Some(why)),
        }
        let _ = to_client.shutdown().await;
        forwarder.abort();
    }

    async fn connect(&self) -> Result<(kube::api::Portforwarder, u16), String> {
        let client = self.state.client();
        let backends = backend::inspect(&client, &self.namespace, &self.service, self.port.as_deref())
            .await
            .map_err(|error| backend::words(&error))?;
        let (pod, port) = backends.pods.first().ok_or_else(|| backends.why_none())?;
        let pods: Api<Pod> = Api::namespaced(client, self.namespace.as_str());
        let forwarder = limit::with_timeout(pods.portforward(pod, &[*port]))
            .await
            .map_err(|error| backend::words(&error))?;
        Ok((forwarder, *port))
    }

    fn note(&self, why: Option<String>) {
        if why.is_some() {
            self.state.failed.notify_one();
        }
        *self.state.trouble.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

#[cfg(test)]
pub(super) mod tests;
