//! Service → URL, the request that verifies it, the forward that keeps it open.
//!
//! No URL is guessed from the state of the cluster: one is reported only after it answered a GET through the very
//! address it names. The route is found by trying, because whether a node's address can be reached depends on the
//! driver, the platform, rootless engines and VPNs, and no table of those was ever complete (minikube's own is in
//! `pkg/minikube/driver/driver.go`: `NeedsPortForward`). A route is left for the next one only with evidence that it
//! cannot work (`detour`): a Service whose pods are being replaced refuses and loses connections for a second, too.

mod backend;
mod blame;
pub mod candidate;
mod certificate;
pub mod check;
mod closed;
pub mod detached;
mod detour;
#[cfg(test)]
mod fake;
pub mod forward;
pub mod hold;
pub mod hosts;
mod http;
pub mod ingress;
pub mod listening;
mod once;
mod opened;
mod tls;
mod verifier;
mod verify;

use crate::event::Code;
use crate::event::Finding;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::limit;
use crate::manifest::Object;
use crate::project;
use crate::project::Expect;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use crate::run::Run;
use blame::Unreachable;
use candidate::Candidate;
use candidate::Live;
use candidate::candidates;
use detached::ForwardOwner;
use detached::ForwardRecord;
use detached::Store;
use futures::future::join_all;
use http::HttpAnswer;
use http::NoAnswer;
use http::Question;
use kube::Api;
use kube::Client;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use once::once;
pub use opened::Opened;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;
use verifier::Prover;

/// How the cluster's node may be reached from here.
#[derive(Debug, Clone, Default)]
pub struct NodeNetwork {
    /// The node's address.
    pub address: Option<IpAddr>,
    /// Ports of the node that are published on this machine, and where.
    pub published: BTreeMap<u16, SocketAddr>,
    /// Where its API server listens at that address: on the node itself, so that kube-proxy has no part in it.
    pub server: Option<SocketAddr>,
    /// Why its address is not expected to be reachable from this machine, if that is known.
    pub unrouted: Option<&'static str>,
    /// The owner of forwards that outlive the run; `None` if they end with it, as in a rehearsal.
    pub owner: Option<ForwardOwner>,
}

/// A service that answered.
#[derive(Debug)]
pub struct VerifiedUrl {
    /// The Service.
    pub service: ObjectName,
    /// The URL that answered.
    pub url: String,
    /// The status of the answer.
    pub status: u16,
    /// How long the answer took.
    pub took: Duration,
    /// The URL on localhost that answered too, if one was requested and `url` is not that.
    pub local: Option<String>,
    /// Keeps `local`, or `url` if there is no `local`, open: for as long as this lives.
    pub forward: Option<Opened>,
    /// Notes about the URL.
    pub notes: Vec<Finding>,
    /// The host in `url`, where this machine does not find it at the address that answered.
    pub unknown: Option<hosts::HostsEntry>,
}

/// The result of one request, for `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAnswer {
    /// The Service.
    pub service: ObjectName,
    /// Its URL; `None` where only a forward reaches it.
    pub url: Option<String>,
    /// Whether it answered as expected.
    pub answers: bool,
    /// The status of the answer.
    pub status: Option<u16>,
    /// How long the answer took.
    pub took: Option<Duration>,
    /// Why it does not answer, or why there is no URL.
    pub why: Option<String>,
}

/// Time limits.
#[derive(Debug, Clone, Copy)]
struct TimeLimits {
    /// One attempt.
    limit: Duration,
    /// The longest pause between two tries.
    pause: Duration,
    /// How long the same wrong answer, or an answer by another route only, must last to be believed.
    stable_for: Duration,
    /// How long an address must accept no connections, with a ready pod behind it all the while, until the delay of
    /// kube-proxy can no longer explain it: several times that delay on a busy machine.
    detour: Duration,
    /// How long a controller may take to read an Ingress: until then its 404 is its own and not the application's.
    read: Duration,
}

const PACE: TimeLimits = TimeLimits {
    limit: Duration::from_secs(2),
    pause: Duration::from_secs(1),
    stable_for: Duration::from_secs(3),
    detour: Duration::from_secs(20),
    read: Duration::from_secs(5),
};

/// How long the API server may take to recover.
const LISTING: Duration = Duration::from_secs(10);

/// Requests every service that is to be opened until it answers as expected, all at once, and reports the URLs that
/// did.
///
/// Without `declared` services the one that is meant to be opened is found among `objects`; none at all is fine.
/// Events are emitted for [`crate::event::Step::Service`], one item per service. Fails with [`FaultKind::Service`]
/// and a finding for each service that gave a wrong answer or none before `deadline`.
pub async fn verify(
    run: &Run,
    client: &Client,
    namespace: &Namespace,
    reach: &NodeNetwork,
    declared: &[project::Service],
    objects: &[Object],
    deadline: Instant,
) -> Result<Vec<VerifiedUrl>> {
    let candidates = find(client, namespace, declared, objects).await?;
    end_unwanted(run, reach, |record| {
        let spec = &record.spec;
        let wants = |candidate: &Candidate| {
            candidate.service == spec.opens && candidate.local_port == spec.local_port
        };
        candidates.iter().any(wants)
    })
    .await;
    let verify = Prover { run, client, namespace, reach, objects, deadline, limits: PACE };
    let answered = verify.all(&candidates).await?;
    let used: Vec<&str> = answered.iter().filter_map(|item| item.forward.as_ref()?.key()).collect();
    end_unwanted(run, reach, |record| used.contains(&record.spec.key().as_str())).await;
    Ok(answered)
}

/// Ends the forwards of earlier runs that are no longer needed: another port was declared, or another route works
/// now.
async fn end_unwanted(run: &Run, reach: &NodeNetwork, wanted: impl Fn(&ForwardRecord) -> bool) {
    let (Some(owner), Some(store)) = (&reach.owner, Store::open(&run.world)) else { return };
    let note = |message: String, help: &str| {
        let note = Code::PortForwardNotEnded.note(message);
        run.sink.warn(note.help(help));
    };
    let listed = match store.list(owner) {
        Ok(listed) => listed,
        Err(error) => {
            return note(format!("earlier port-forwards cannot be listed: {error}"), "see `todo status`");
        }
    };
    for old in listed.iter().filter(|old| old.record.spec.by_up && !wanted(&old.record)) {
        if let Err(error) = store.end(&old.key).await {
            let message = format!("the port-forward {} is no longer needed, but {error}", old.record.url());
            note(message, &format!("end its process yourself: {}", old.record.pid));
        }
    }
}

/// Requests every service that is to be opened once, all at once; through one of the running `forwards`, where no
/// other route works.
pub async fn check_all(
    client: &Client,
    namespace: &Namespace,
    reach: &NodeNetwork,
    declared: &[project::Service],
    objects: &[Object],
    forwards: &[ForwardRecord],
) -> Result<Vec<ServiceAnswer>> {
    let candidates = find(client, namespace, declared, objects).await?;
    let asked = candidates.iter().map(|candidate| once(client, namespace, reach, candidate, forwards, PACE));
    Ok(join_all(asked).await)
}

/// How many endpoints of a Service accept requests.
pub async fn ready(client: &Client, namespace: &Namespace, service: &ObjectName) -> Result<usize> {
    let found = backend::inspect(client, namespace, service, None).await;
    let found = found.map_err(|error| anyhow::anyhow!(backend::words(&error)));
    Ok(found
        .or_fault(Code::ClusterRequestFailed, FaultKind::Service, || {
            format!("cannot see what is behind the Service `{service}`")
        })?
        .ready)
}

async fn find(
    client: &Client,
    namespace: &Namespace,
    declared: &[project::Service],
    objects: &[Object],
) -> Result<Vec<Candidate>> {
    let services = listed(client, namespace, "Services").await?;
    let mut live = Live { services, ingresses: Vec::new() };
    // A caller that does not know the applied objects uses the existing ones.
    if objects.is_empty() || objects.iter().any(|object| object.kind() == "Ingress") {
        live.ingresses = listed(client, namespace, "Ingresses").await?;
    }
    candidates(declared, objects, &live).map_err(|findings| {
        Code::ServiceNotFound.fault(FaultKind::Service, "a Service to open was not found").findings(findings)
    })
}

/// All objects of a kind. If the server is busy or restarting, the request is retried for a while.
async fn listed<K>(client: &Client, namespace: &Namespace, what: &str) -> Result<Vec<K>>
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let all: Api<K> = Api::namespaced(client.clone(), namespace.as_str());
    let end = Instant::now() + LISTING;
    loop {
        let error = match limit::with_timeout(all.list(&ListParams::default())).await {
            Ok(list) => return Ok(list.items),
            Err(error) => error,
        };
        let passes = match &error {
            kube::Error::Api(status) => status.code == 429 || status.code >= 500,
            _ => true,
        };
        if !passes || Instant::now() + PACE.pause > end {
            let why = anyhow::anyhow!(backend::words(&error));
            let doing = format!("cannot list the {what} of namespace `{namespace}`");
            return Err(Code::ClusterRequestFailed
                .caused_by(FaultKind::Service, why.context(doing))
                .hint("see whether the cluster runs (`todo status`), then run it again"));
        }
        tokio::time::sleep(PACE.pause).await;
    }
}

/// The result of one attempt.
enum Attempt {
    Right(HttpAnswer),
    NotYet(Unreachable),
    Wrong(Unreachable),
    Unreachable(String),
}

/// Requests once; returns the result, and the request that led to it: over TLS if the port speaks that.
async fn request(candidate: &Candidate, question: &Question, pace: TimeLimits) -> (Question, Attempt) {
    let (question, answer) = tls::request(question, &candidate.expect, pace.limit).await;
    let result = match answer {
        Ok(answer) => match wrong(&answer, &candidate.expect) {
            None => Attempt::Right(answer),
            Some(why) => {
                // Statuses that proxies, kube-proxy and an ingress controller return for an application that is still
                // starting.
                let not_yet =
                    matches!(answer.status, 502..=504) || answer.status == 404 && candidate.ingress.is_some();
                let trouble = Unreachable::Wrong(answer, why);
                if not_yet { Attempt::NotYet(trouble) } else { Attempt::Wrong(trouble) }
            }
        },
        Err(NoAnswer::Unreachable(why)) => Attempt::Unreachable(why),
        Err(wrong @ (NoAnswer::Garbled(_) | NoAnswer::Tls(_))) => Attempt::Wrong(Unreachable::None(wrong)),
        Err(none) => Attempt::NotYet(Unreachable::None(none)),
    };
    (question, result)
}

/// Why an answer is not the expected one.
fn wrong(answer: &HttpAnswer, expect: &Expect) -> Option<String> {
    let status = answer.status;
    match expect.status {
        Some(wanted) if wanted != status => return Some(format!("answers {status} instead of {wanted}")),
        None if status >= 500 => return Some(format!("answers {status}")),
        _ => {}
    }
    let missing = expect.contains.as_ref().filter(|text| !answer.body.contains(text.as_str()))?;
    Some(format!("answers {status}, but without `{missing}`"))
}

#[cfg(test)]
mod tests;
