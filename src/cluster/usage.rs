//! The current resource usage of pods, where the cluster measures it.
//!
//! Missing measurements are not an error: minikube measures only with its addon `metrics-server`, which knows a pod
//! some seconds after its start. And there is no wait: the API server takes long to report that a metrics server
//! behind it is down.

use crate::cluster::rollout::watches::list;
use crate::cluster::target::Target;
use health::cause::quantity;
use health::live;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Add;
use std::time::Duration;

/// How long measuring may hold up the rest.
const LIMIT: Duration = Duration::from_secs(2);

/// The current usage of pods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Thousandths of a CPU.
    pub cpu_m: u64,
    /// Bytes of memory that cannot be given back: the working set.
    pub memory: u64,
}

impl Add for Usage {
    type Output = Usage;

    fn add(self, other: Usage) -> Usage {
        Usage { cpu_m: self.cpu_m + other.cpu_m, memory: self.memory + other.memory }
    }
}

/// The usage of pods by namespace and name.
#[derive(Debug, Default)]
pub(crate) struct Measured(BTreeMap<(String, String), Usage>);

impl Measured {
    /// The total usage of `pods`; `None` if none of them was measured.
    pub(crate) fn total(&self, pods: &[&Value]) -> Option<Usage> {
        pods.iter().filter_map(|pod| self.0.get(&key(pod))).copied().reduce(Usage::add)
    }
}

/// Measures the pods of `namespaces`; empty without a metrics server.
pub(crate) async fn measure(target: &Target, namespaces: impl Iterator<Item = Option<String>>) -> Measured {
    let kind = GroupVersionKind::gvk("metrics.k8s.io", "v1beta1", "PodMetrics");
    let resource = ApiResource::from_gvk_with_plural(&kind, "pods");
    let lists = namespaces.map(|namespace| {
        let resource = &resource;
        async move {
            let list = tokio::time::timeout(LIMIT, list(target, resource, namespace.as_deref())).await;
            list.ok().and_then(Result::ok).unwrap_or_default()
        }
    });
    let pods = futures::future::join_all(lists).await.into_iter().flatten();
    Measured(pods.map(|pod| (key(&pod), usage(&pod))).collect())
}

fn key(pod: &Value) -> (String, String) {
    (live::namespace(pod).to_owned(), live::name(pod).to_owned())
}

fn usage(pod: &Value) -> Usage {
    let sum = |resource: &str| -> i128 {
        live::list(pod, "/containers")
            .iter()
            .filter_map(|container| quantity::parse(container["usage"][resource].as_str()?))
            .sum()
    };
    let whole = |number: i128| u64::try_from(number).unwrap_or(0);
    Usage { cpu_m: whole(sum("cpu")), memory: whole(sum("memory") / 1000) }
}
