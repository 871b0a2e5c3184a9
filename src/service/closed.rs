//! When nothing is going to answer behind a Service, so that there is nothing to wait for.

use super::blame;
use super::blame::Unreachable;
use super::candidate::Candidate;
use super::http::NoAnswer;
use super::listening;
use super::verifier::Prover;
use tokio::time::Instant;

impl Prover<'_> {
    /// Whether the workload behind it asks for no pods, and has none.
    pub(super) async fn has_no_pods(&self, candidate: &Candidate) -> bool {
        blame::leads_nowhere(candidate, self.objects)
            && self.backends(candidate).await.is_some_and(|backends| backends.ready + backends.unready == 0)
    }

    /// What the kubelet says of the port, where nothing is going to listen on it: it has refused connections for a while, and
    /// either the pods are ready by their own probes, or the program listens on a port that it declares and this one is
    /// none of those. Any other program may still start. `since` is when it began to refuse.
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
        if now - *since.get_or_insert(now) < self.pace.settle {
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

    /// Whether nothing says that the program has started: connections are refused, and no readiness probe asks it.
    pub(super) fn may_still_start(&self, candidate: &Candidate, trouble: &Unreachable) -> bool {
        matches!(trouble, Unreachable::None(NoAnswer::Refused | NoAnswer::Closed))
            && blame::lacks_readiness_probes(candidate, self.objects)
    }
}
