//! Whether the API server answers at this moment, and whether its nodes still report to it.
//!
//! One short question. A connection that is open says nothing: where a node is killed, or its network goes, its watches
//! stay open and silent for minutes.

use crate::cluster::live;
use crate::cluster::rollout::read;
use crate::cluster::target::Target;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(3);

/// What the API server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulse {
    /// It answers.
    Answers {
        /// The nodes whose kubelet has stopped reporting: what is said of their pods is out of date.
        silent: Vec<String>,
        /// Whether those are all nodes there are.
        all: bool,
    },
    /// It does not answer: why.
    Silent(String),
}

/// Asks once.
pub async fn pulse(target: &Target) -> Pulse {
    let nodes = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Node"));
    match tokio::time::timeout(LIMIT, read(target, &nodes, None)).await {
        Ok(Ok(nodes)) => answers(&nodes),
        // A refusal is an answer, too.
        Ok(Err(kube::Error::Api(_))) => Pulse::Answers { silent: Vec::new(), all: false },
        Ok(Err(error)) => Pulse::Silent(innermost(&error)),
        Err(_) => Pulse::Silent(format!("no answer within {} s", LIMIT.as_secs())),
    }
}

/// A node that does not report is `Unknown` after `--node-monitor-grace-period` (50 s; `kubernetes:
/// pkg/controller/nodelifecycle`). `False` is said by the kubelet itself.
fn answers(nodes: &[Value]) -> Pulse {
    let silent =
        |node: &&Value| live::condition(node, "Ready").is_some_and(|ready| ready.status == "Unknown");
    let silent: Vec<String> = nodes.iter().filter(silent).map(|node| live::name(node).to_owned()).collect();
    Pulse::Answers { all: !silent.is_empty() && silent.len() == nodes.len(), silent }
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
            let silent = silent.into_iter().map(str::to_owned).collect();
            assert_eq!(answers(&nodes), Pulse::Answers { silent, all });
        }
    }
}
