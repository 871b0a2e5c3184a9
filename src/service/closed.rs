//! When nothing is going to answer behind a Service, so that there is nothing to wait for.

use super::blame;
use super::blame::Unreachable;
use super::candidate::Candidate;
use super::http::NoAnswer;
use super::listening;
use super::verify::Prover;
use tokio::time::Instant;

impl Prover<'_> {
    /// Whether the workload behind it asks for no pods, and has none.
    pub(super) async fn has_no_pods(&self, candidate: &Candidate) -> bool {
        blame::leads_nowhere(candidate, self.objects)
            && self.backends(candidate).await.is_some_and(|backends| backends.ready + backends.unready == 0)
    }

    /// What the kubelet says of the port, where nothing is going to listen on it: the pods are ready by their own probes, and
    /// it has refused connections for a while. `since` is when it began to.
    pub(super) async fn is_closed(
        &self,
        candidate: &Candidate,
        trouble: &Unreachable,
        since: &mut Option<Instant>,
    ) -> Option<String> {
        let shut = matches!(trouble, Unreachable::None(NoAnswer::Refused | NoAnswer::Closed));
        if !shut || !blame::has_readiness_probes(candidate, self.objects) {
            *since = None;
            return None;
        }
        let now = Instant::now();
        if now - *since.get_or_insert(now) < self.pace.settle {
            return None;
        }
        let backends = self.backends(candidate).await?;
        let (pod, port) = backends.pods.first()?;
        let told = listening::refusal(self.client, self.namespace, pod, *port).await;
        if told.is_none() {
            *since = None;
        }
        told
    }
}
