//! Whether the API server answers at this moment, and whether its nodes still report to it.
//!
//! One short request. An open connection proves nothing: if a node is killed, or its network fails, its watches stay
//! open and silent for minutes.

use crate::cluster::rollout::watches::list;
use crate::cluster::target::Target;
use health::live;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;
use serde_json::Value;
use std::time::Duration;

/// Time limit for an answer.
const LIMIT: Duration = Duration::from_secs(3);

/// The API server's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulse {
    /// It answers.
    Answers {
        /// The nodes whose kubelet has stopped reporting, according to the control plane.
        silent: Vec<SilentNode>,
        /// Whether those are all nodes there are.
        all: bool,
    },
    /// It does not answer: why.
    Silent(String),
}

/// A node whose condition `Ready` is `Unknown`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilentNode {
    /// Its name.
    pub name: String,
    /// When its kubelet last renewed its lease, which it does every 10 s while it can reach the API server.
    pub renewed: Option<String>,
}

/// Sends one request.
pub async fn pulse(target: &Target) -> Pulse {
    let nodes = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Node"));
    match tokio::time::timeout(LIMIT, list(target, &nodes, None)).await {
        Ok(Ok(nodes)) => {
            let leases = if nodes.iter().any(is_silent) { leases(target).await } else { Vec::new() };
            answers(&nodes, &leases)
        }
        // A refusal is an answer, too.
        Ok(Err(kube::Error::Api(_))) => Pulse::Answers { silent: Vec::new(), all: false },
        Ok(Err(error)) => Pulse::Silent(innermost(&error)),
        Err(_) => Pulse::Silent(format!("no answer within {} s", LIMIT.as_secs())),
    }
}

/// A node that does not report is `Unknown` after `--node-monitor-grace-period` (50 s;
/// `kubernetes: pkg/controller/nodelifecycle`). `False` is reported by the kubelet itself.
///
/// The node controller may itself be behind: after the API server has restarted, it missed for a minute a lease that
/// the kubelet renewed all the time (seen with v1.35.1). So the lease counts.
fn answers(nodes: &[Value], leases: &[Value]) -> Pulse {
    let renewed = |name: &str| {
        let lease = leases.iter().find(|lease| live::name(lease) == name)?;
        lease["spec"]["renewTime"].as_str().map(str::to_owned)
    };
    let silent: Vec<SilentNode> = nodes
        .iter()
        .filter(|node| is_silent(node))
        .map(|node| SilentNode { name: live::name(node).to_owned(), renewed: renewed(live::name(node)) })
        .collect();
    Pulse::Answers { all: !silent.is_empty() && silent.len() == nodes.len(), silent }
}

fn is_silent(node: &Value) -> bool {
    live::condition(node, "Ready").is_some_and(|ready| ready.status == "Unknown")
}

/// The leases of all nodes; none where they may not be read.
async fn leases(target: &Target) -> Vec<Value> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("coordination.k8s.io", "v1", "Lease"));
    let read = tokio::time::timeout(LIMIT, list(target, &kind, Some("kube-node-lease"))).await;
    read.ok().and_then(Result::ok).unwrap_or_default()
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::Pulse;
    use super::SilentNode;
    use super::answers;
    use serde_json::json;

    #[test]
    fn a_node_that_does_not_report_is_told_from_one_that_says_that_it_is_not_ready() {
        let node = |name: &str, ready: &str| {
            json!({"kind": "Node", "metadata": {"name": name},
                   "status": {"conditions": [{"type": "Ready", "status": ready}]}})
        };
        for (nodes, silent, all) in [
            (vec![node("a", "True"), node("b", "False")], vec![], false),
            (vec![node("a", "True"), node("b", "Unknown")], vec!["b"], false),
            (vec![node("a", "Unknown")], vec!["a"], true),
            (vec![], vec![], false),
        ] {
            let node = |name: &str| SilentNode { name: name.to_owned(), renewed: None };
            let silent = silent.into_iter().map(node).collect();
            assert_eq!(answers(&nodes, &[]), Pulse::Answers { silent, all });
        }
    }
}
