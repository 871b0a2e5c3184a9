//! A forward that a run opens as the route to a URL: a process of its own if it must outlive the run, else in this
//! one.

use super::candidate::Candidate;
use super::detached;
use super::detached::Detached;
use super::detached::ForwardOwner;
use super::detached::Spec;
use super::detached::watch::cluster_uid;
use super::forward::Forward;
use crate::event::EventKind;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use crate::run::Run;
use kube::Client;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

/// How long the API server may take to recover.
const ASKING: Duration = Duration::from_secs(10);

/// The pause between two requests while it does not answer.
const PAUSE: Duration = Duration::from_millis(250);

/// A forward, and how long it lasts.
#[derive(Debug)]
pub enum Opened {
    /// As long as this value: in a rehearsal, and while a Service is only checked.
    Here(Forward),
    /// Until it is ended.
    Detached(Box<Detached>),
}

/// The target Service of a forward, and its purpose.
pub(super) struct Wish<'a> {
    pub(super) run: &'a Run,
    pub(super) client: &'a Client,
    /// The owner; `None` if it is not to outlive the run.
    pub(super) owner: Option<&'a ForwardOwner>,
    pub(super) candidate: &'a Candidate,
    pub(super) namespace: &'a Namespace,
    pub(super) service: &'a ObjectName,
    pub(super) port: u16,
    pub(super) port_name: Option<&'a str>,
}

impl Opened {
    pub(super) async fn open(wish: Wish<'_>) -> io::Result<Opened> {
        let Wish { run, client, owner, candidate, namespace, service, port, port_name } = wish;
        let local_port = candidate.local_port;
        let Some(owner) = owner else {
            let forward = Forward::open(client, namespace, service, port_name, local_port).await?;
            return Ok(Opened::Here(forward));
        };
        let spec = Spec {
            owner: with_cluster(client, owner).await?,
            opens: candidate.service.clone(),
            namespace: namespace.clone(),
            service: service.clone(),
            port,
            port_name: port_name.map(str::to_owned),
            local_port,
            by_up: true,
        };
        Ok(Opened::Detached(Box::new(detached::open(run, &spec).await?)))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match self {
            Opened::Here(forward) => forward.address(),
            Opened::Detached(detached) => detached.address(),
        }
    }

    /// The requested port, if another program uses it.
    #[must_use]
    pub fn missed(&self) -> Option<u16> {
        match self {
            Opened::Here(forward) => forward.missed(),
            Opened::Detached(detached) => detached.missed(),
        }
    }

    /// The last error of a connection to the pod, as the API server or the kubelet reported it.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        match self {
            Opened::Here(forward) => forward.last_error(),
            Opened::Detached(detached) => detached.last_error(),
        }
    }

    /// The name of the files of a detached one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Opened::Here(_) => None,
            Opened::Detached(detached) => Some(detached.key()),
        }
    }

    /// A forward held by this process.
    #[must_use]
    pub fn into_here(self) -> Option<Forward> {
        match self {
            Opened::Here(forward) => Some(forward),
            Opened::Detached(_) => None,
        }
    }

    /// Discards it: a forward that this run has started ends.
    pub(super) async fn give_up(self) {
        if let Opened::Detached(detached) = self {
            detached.end_if_new().await;
        }
    }

    /// Reports one that stays, and records the URL that has answered through it.
    pub fn report(&self, run: &Run, (service, port): (&ObjectName, u16), url: &str) {
        let (pid, detached, reused) = match self {
            Opened::Here(_) => (std::process::id(), false, false),
            Opened::Detached(detached) => {
                detached.answers_at(url);
                (detached.pid(), true, detached.is_reused())
            }
        };
        let service = service.to_string();
        let address = self.address().to_string();
        run.sink.emit(EventKind::Forwarded { service, port, address, pid, detached, reused });
    }
}

/// An owner whose cluster is identified by its UID, if this user may read that. If the server is busy, the request is
/// retried.
pub(super) async fn with_cluster(client: &Client, owner: &ForwardOwner) -> io::Result<ForwardOwner> {
    let end = Instant::now() + ASKING;
    loop {
        match cluster_uid(client).await {
            Ok(cluster) => return Ok(ForwardOwner { cluster, ..owner.clone() }),
            Err(error) if Instant::now() > end => {
                return Err(io::Error::other(super::backend::words(&error)));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
