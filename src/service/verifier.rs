//! The common inputs of all requests of a run: the client, the deployed objects, and the time limits.

use super::NodeNetwork;
use super::TimeLimits;
use super::backend;
use super::backend::Backends;
use super::candidate::Candidate;
use crate::manifest::Object;
use crate::project::name::Namespace;
use crate::run::Run;
use kube::Client;
use tokio::time::Instant;

/// The inputs of a verification.
pub(super) struct Prover<'a> {
    pub(super) run: &'a Run,
    pub(super) client: &'a Client,
    pub(super) namespace: &'a Namespace,
    pub(super) reach: &'a NodeNetwork,
    pub(super) objects: &'a [Object],
    pub(super) deadline: Instant,
    pub(super) limits: TimeLimits,
}

impl Prover<'_> {
    /// The pods behind a candidate, according to its EndpointSlices; `None` if the cluster is unreachable.
    pub(super) async fn backends(&self, candidate: &Candidate) -> Option<Backends> {
        let port = candidate.port.name.as_deref();
        backend::inspect(self.client, self.namespace, &candidate.service, port).await.ok()
    }
}
