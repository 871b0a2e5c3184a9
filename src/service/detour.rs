//! Whether a route that accepts no connections can be left for the next one, and the reason that is reported.
//!
//! While the pods of a Service are replaced, the node's address refuses connections or loses them for a second or
//! two, which looks exactly like an address that cannot be reached. So a failed attempt is no evidence. These are:
//! - the node's address is silent on the port of its API server, too, which listens on the node itself, without
//!   kube-proxy: this machine has no route to it (the docker driver on macOS, Windows and in WSL, a remote or
//!   rootless engine, a VPN);
//! - another address of the same Service answers all the while, and kube-proxy writes the rules of all at once;
//! - the application answers through the API server, and the address has accepted no connection for several times
//!   what kube-proxy needs, with a pod ready all the while: a firewall, or a program that listens on its pod's
//!   127.0.0.1 only.

use super::Attempt;
use super::blame::Unreachable;
use super::candidate::Candidate;
use super::candidate::Route;
use super::forward::Forward;
use super::http;
use super::http::NoAnswer;
use super::http::Question;
use super::request;
use super::verifier::Prover;
use tokio::time::Instant;

/// How often in a row the node must be silent: one lost packet is not enough.
const SILENT: u32 = 3;

/// The evidence against a route.
pub(super) struct Detour<'a> {
    verify: &'a Prover<'a>,
    candidate: &'a Candidate,
    question: &'a Question,
    rest: &'a [Route],
    /// How often in a row the node's API server was silent at the same address.
    silent: u32,
    /// Since when another route answers.
    other: Option<Instant>,
    /// Since when no connection was taken although a pod was ready.
    shut: Option<Instant>,
    /// A forward through the API server, for comparison.
    forward: Option<Forward>,
}

impl<'a> Detour<'a> {
    /// Without evidence yet. `rest` are the remaining routes.
    pub(super) fn new(
        verify: &'a Prover<'a>,
        candidate: &'a Candidate,
        question: &'a Question,
        rest: &'a [Route],
    ) -> Detour<'a> {
        Detour { verify, candidate, question, rest, silent: 0, other: None, shut: None, forward: None }
    }

    /// Why to try the next route after this problem, as the end of a sentence that begins with the URL; `None` if
    /// this one may still work.
    pub(super) async fn needed(&mut self, trouble: &Unreachable) -> Option<String> {
        let none = match trouble {
            Unreachable::None(none) if none.is_like_a_rollout() && !self.rest.is_empty() => none,
            _ => {
                self.reset();
                return None;
            }
        };
        let pace = self.verify.limits;
        if let Some(why) = self.unrouted(none).await {
            return Some(why);
        }
        let ready = self.verify.backends(self.candidate).await.map_or(0, |backends| backends.ready);
        if ready == 0 {
            self.reset();
            return None;
        }
        let now = Instant::now();
        let shut = now - *self.shut.get_or_insert(now) >= pace.detour;
        if !(self.other_answers().await || shut && self.application_answers().await) {
            self.other = None;
            return None;
        }
        let lasts = Instant::now() - *self.other.get_or_insert(now);
        (lasts >= pace.stable_for).then(|| match none {
            _ if !shut => none.to_string(),
            NoAnswer::Refused | NoAnswer::Closed => format!(
                "{none}, though the application answers through the API server: it may listen on 127.0.0.1 of its pod only, not on 0.0.0.0, or a firewall refuses"
            ),
            _ => format!(
                "{none}, though the application answers through the API server: a firewall may be in the way"
            ),
        })
    }

    /// The forward through the API server, if it was tried.
    pub(super) fn tried(self) -> Option<Forward> {
        self.forward
    }

    /// The address answered, or there is no ready pod yet: the evidence is discarded.
    fn reset(&mut self) {
        (self.silent, self.other, self.shut) = (0, None, None);
    }

    /// Why this machine has no route to the node's address, if that is proven.
    async fn unrouted(&mut self, none: &NoAnswer) -> Option<String> {
        let (reach, limit) = (self.verify.reach, self.verify.limits.limit / 2);
        let server = reach.server.filter(|server| self.question.host() == server.ip().to_string())?;
        let silent = |none: &NoAnswer| matches!(none, NoAnswer::NoConnection(_) | NoAnswer::Unreachable(_));
        let heard = !silent(none)
            || !http::connect(&server.to_string(), limit).await.is_err_and(|none| silent(&none));
        self.silent = if heard { 0 } else { self.silent + 1 };
        let enough = if reach.unrouted.is_some() { 1 } else { SILENT };
        let why = reach.unrouted.unwrap_or("a VPN or a firewall may take the way to it");
        (self.silent >= enough).then(|| {
            format!("cannot be reached from here, and neither can the node's API server at {server}: {why}")
        })
    }

    /// Whether the application answers at another address now.
    async fn other_answers(&self) -> bool {
        for question in self.rest.iter().filter_map(Route::question) {
            if let (_, Attempt::Right(_)) = request(self.candidate, question, self.verify.limits).await {
                return true;
            }
        }
        false
    }

    /// Whether the application answers through a forward.
    async fn application_answers(&mut self) -> bool {
        if self.forward.is_none() {
            let Prover { client, namespace, .. } = self.verify;
            let (service, port) = (&self.candidate.service, self.candidate.port.name.as_deref());
            self.forward = Forward::open(client, namespace, service, port, None).await.ok();
        }
        let Some(forward) = &self.forward else { return false };
        let (_, result) =
            request(self.candidate, &self.candidate.forwarded(forward.address()), self.verify.limits).await;
        matches!(
            result,
            Attempt::Right(_)
                | Attempt::Wrong(Unreachable::Wrong(..))
                | Attempt::NotYet(Unreachable::Wrong(..))
        )
    }
}

// Only on Linux are connections lost in a way that a test can rely on.
#[cfg(all(test, target_os = "linux"))]
mod tests;
