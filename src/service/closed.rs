//! When nothing will ever answer behind a Service, so that waiting is useless.

use super::blame;
use super::blame::Unreachable;
use super::candidate::Candidate;
use super::http::NoAnswer;
use super::listening;
use super::verifier::Prover;
use tokio::time::Instant;

impl Prover<'_> {
    /// Whether the workload behind it requests no pods, and has none.
    pub(super) async fn has_no_pods(&self, candidate: &Candidate) -> bool {
        blame::leads_nowhere(candidate, self.objects)
            && self.backends(candidate).await.is_some_and(|backends| backends.ready + backends.unready == 0)
    }

    /// The kubelet's message about the port, if nothing will ever listen on it: it has refused connections for a
    /// while, and either the pods are ready by their own probes, or the program listens on a declared port and this
    /// one is not declared. Any other program may still start. `since` is when it began to refuse.
    pub(super) async fn is_closed(
        &self,
        candidate: &Candidate,
        trouble: &Unreachable,
        since: &mut Option<Instant>,
    ) -> Option<String> {
        let shut = matches!(trouble, Unreachable::None(NoAnswer::Refused | NoAnswer::Closed));
        if !shut {
            *since = None;
            return None;
        }
        let now = Instant::now();
        if now - *since.get_or_insert(now) < self.limits.stable_for {
            return None;
        }
        let backends = self.backends(candidate).await?;
        let (pod, port) = backends.pods.first()?;
        let Some(message) = listening::refusal(self.client, self.namespace, pod, *port).await else {
            *since = None;
            return None;
        };
        if blame::has_readiness_probes(candidate, self.objects) {
            return Some(message);
        }
        for other in blame::ports_beside(candidate, self.objects, *port) {
            if listening::accepts(self.client, self.namespace, pod, other).await {
                return Some(format!("{message}; the program listens on {other}"));
            }
        }
        None
    }

    /// Whether there is no evidence that the program has started: connections are refused, and it has no readiness
    /// probe.
    pub(super) fn may_still_start(&self, candidate: &Candidate, trouble: &Unreachable) -> bool {
        matches!(trouble, Unreachable::None(NoAnswer::Refused | NoAnswer::Closed))
            && blame::lacks_readiness_probes(candidate, self.objects)
    }
}
