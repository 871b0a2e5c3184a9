//! After a node was started again: waits until the pods' status is newer than the start of the node.
//!
//! Not a rollout. The API server still has the status from before the node was stopped, and until the kubelet has
//! updated it, every pod that was ready is still reported as ready. A container that started before its node did is
//! stale.

use crate::cluster::kind;
use crate::cluster::request::report_waiting;
use crate::cluster::request::unreadable;
use crate::cluster::retry::retry;
use crate::cluster::target::Target;
use crate::event::Step;
use crate::fault::Result;
use crate::run::Run;
use health::live;
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(300);

/// Time limit for the kubelet to update every pod. The rollout judges the pods that are still missing then.
const LIMIT: Duration = Duration::from_secs(60);

/// Where the cluster's DNS and proxy run, without which pods that are up reach nothing.
const SYSTEM: &str = "kube-system";

/// Waits until no pod of the target's namespace has a status from before `started`, and the cluster's own pods are
/// ready.
pub async fn wait_for_fresh_status(run: &Run, target: &Target, started: Timestamp) -> Result<()> {
    let wire = target.wire();
    let end = Instant::now() + LIMIT;
    let waiting = report_waiting(run, Step::Apply, "cluster");
    let pods = async |namespace: &str| {
        let kind = kind::core("Pod");
        let listed =
            retry(report_waiting(run, Step::Apply, "cluster"), || wire.list(&kind, Some(namespace), ""));
        listed.await.map_err(|failure| unreadable(failure, "cannot list the pods"))
    };
    let asleep = async || {
        let ours = pods(target.namespace.as_str()).await?;
        let system = pods(SYSTEM).await?;
        let unready = |pod: &Value| is_memory(pod, started) || !is_ready(pod);
        Ok(ours.iter().any(|pod| is_memory(pod, started)) || system.iter().any(unready))
    };
    while asleep().await? && Instant::now() < end {
        waiting("pods start again with the node".to_owned());
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Whether the pod's status has containers that started before the node did. Kubernetes counts in whole seconds.
fn is_memory(pod: &Value, started: Timestamp) -> bool {
    let before = |status: &Value| {
        live::moment(status, "/state/running/startedAt")
            .is_some_and(|moment| moment.as_second() < started.as_second())
    };
    !live::is_terminating(pod) && live::list(pod, "/status/containerStatuses").iter().any(before)
}

/// Whether the pod need not be waited for: it is ready, has succeeded, or is terminating.
fn is_ready(pod: &Value) -> bool {
    live::is_terminating(pod) || live::text(pod, "/status/phase") == "Succeeded" || live::holds(pod, "Ready")
}

#[cfg(test)]
mod tests {
    use super::is_memory;
    use serde_json::json;

    #[test]
    fn a_container_that_started_before_its_node_is_a_memory() {
        let node = "2026-11-21T10:00:00.5Z".parse().unwrap();
        let pod = |state| json!({ "status": { "containerStatuses": [{ "name": "web", "state": state }] } });
        let running = |at: &str| pod(json!({ "running": { "startedAt": at } }));
        assert!(is_memory(&running("2026-11-21T09:59:59Z"), node));
        assert!(!is_memory(&running("2026-11-21T10:00:00Z"), node));
        assert!(!is_memory(&pod(json!({ "waiting": { "reason": "ContainerCreating" } })), node));
        assert!(!is_memory(&json!({}), node));
    }
}
