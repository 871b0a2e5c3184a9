//! How much of their volumes claims use, where the kubelet measures it (`/stats/summary` of a node).
//!
//! It does not measure `hostPath` volumes, which minikube's standard storage class creates; then the usage is
//! unknown. An unreachable node is not an error, and there is no long wait: this is shown in addition to more
//! important data.

use crate::cluster::rollout::watches::list;
use crate::cluster::target::Target;
use futures::future::join_all;
use health::live;
use http::Request;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long measuring may hold up the rest.
const LIMIT: Duration = Duration::from_secs(2);

/// The bytes that are used, by namespace and name of the claim.
#[derive(Debug, Default)]
pub(crate) struct Used(BTreeMap<(String, String), u64>);

impl Used {
    /// Those of a claim.
    pub(crate) fn for_claim(&self, claim: &Value) -> Option<u64> {
        self.0.get(&(live::namespace(claim).to_owned(), live::name(claim).to_owned())).copied()
    }
}

/// Requests the summary of every node.
pub(crate) async fn measure(target: &Target) -> Used {
    let measured = tokio::time::timeout(LIMIT, async {
        let nodes = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Node"));
        let nodes = list(target, &nodes, None).await.unwrap_or_default();
        let summaries = join_all(nodes.iter().map(|node| summary(target, live::name(node)))).await;
        Used(summaries.iter().flatten().flat_map(used).collect())
    });
    measured.await.unwrap_or_default()
}

async fn summary(target: &Target, node: &str) -> Option<Value> {
    let request = Request::get(format!("/api/v1/nodes/{node}/proxy/stats/summary")).body(Vec::new()).ok()?;
    target.client.request(request).await.ok()
}

/// The usage of claims in a summary. Pods that share one measure the same.
fn used(summary: &Value) -> Vec<((String, String), u64)> {
    let volumes = live::list(summary, "/pods").iter().flat_map(|pod| live::list(pod, "/volume"));
    let of = |volume: &Value| {
        let claim = |key: &str| Some(volume["pvcRef"][key].as_str()?.to_owned());
        Some(((claim("namespace")?, claim("name")?), volume["usedBytes"].as_u64()?))
    };
    volumes.filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::Used;
    use super::used;
    use serde_json::json;

    #[test]
    fn a_claim_uses_what_the_kubelet_measured_of_its_volume() {
        let summary = json!({"node": {}, "pods": [
            {"volume": [{"name": "token", "usedBytes": 5}, {"usedBytes": 700, "pvcRef": {"name": "data", "namespace": "shop"}}]},
            {"volume": [{"pvcRef": {"name": "logs", "namespace": "shop"}}]},
            {},
        ]});
        let measured = Used(used(&summary).into_iter().collect());
        let of = |name: &str| measured.for_claim(&json!({"metadata": {"namespace": "shop", "name": name}}));
        assert_eq!((of("data"), of("logs"), of("other")), (Some(700), None, None));
        assert!(used(&json!({})).is_empty());
    }
}
