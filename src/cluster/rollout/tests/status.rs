//! `todo status` against the same API server.

use super::DEPLOYMENTS;
use super::PODS;
use super::SETS;
use super::applied;
use super::deployment;
use super::harness;
use super::pod;
use super::replica_set;
use crate::cluster::status::status;
use crate::cluster::usage::Usage;
use crate::event::Outcome;
use crate::manifest::ObjectId;
use health::status::Health;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn status_tells_what_is_there_and_what_is_not() {
    let harness = harness();
    let mut ready = deployment(2, 2, 1);
    ready["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z".into();
    harness.api.put(DEPLOYMENTS, ready);
    let there = applied(Outcome::Unchanged).objects.remove(0);
    let mut absent = there.id.clone();
    absent.name = "api".to_owned();
    let desired = [(there.id, there.resource.clone()), (absent, there.resource)];
    let statuses = status(&harness.target, &desired).await.unwrap();
    assert_eq!((statuses[0].health, statuses[0].replicas.unwrap().ready), (Health::Ready, 1));
    assert!(statuses[0].age_seconds.unwrap() > 86_400);
    assert_eq!((statuses[1].health, statuses[1].reason.as_str()), (Health::Unknown, "NotFound"));
    assert_eq!(harness.api.requests().len(), 5);
    assert_eq!(statuses[0].usage, None, "nobody measures");
}

#[tokio::test(start_paused = true)]
async fn status_tells_what_pods_use_where_it_is_measured() {
    const METRICS: &str = "/apis/metrics.k8s.io/v1beta1/namespaces/todo/pods";
    let harness = harness();
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 1));
    harness.api.put(SETS, replica_set());
    let running = pod(1, &json!({"running": {}}));
    let named = running["metadata"].clone();
    harness.api.put(PODS, running);
    let container = |cpu: &str, memory: &str| json!({"name": "c", "usage": {"cpu": cpu, "memory": memory}});
    let containers = [container("12345678n", "20480Ki"), container("2m", "1Mi")];
    let metadata = json!({"name": named["name"], "namespace": named["namespace"]});
    harness.api.put(METRICS, json!({"metadata": metadata, "containers": containers}));
    let there = applied(Outcome::Unchanged).objects.remove(0);
    let desired = [(there.id, there.resource)];
    let looked = async || status(&harness.target, &desired).await.unwrap().remove(0).usage;
    assert_eq!(looked().await, Some(Usage { cpu_m: 15, memory: 21 << 20 }));
    // With a metrics server that is down, or access to it forbidden, only the figures are missing.
    harness.api.stumble(METRICS, &[503]);
    assert_eq!(looked().await, None);
    harness.api.slow_down(METRICS, Duration::from_secs(60));
    assert_eq!(looked().await, None);
}

#[tokio::test(start_paused = true)]
async fn status_tells_by_what_an_autoscaler_scales_and_that_nobody_measures() {
    const SCALERS: &str = "/apis/autoscaling/v2/namespaces/todo/horizontalpodautoscalers";
    let harness = harness();
    let target = json!({"type": "Utilization", "averageUtilization": 70});
    let metrics = json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
    let current =
        json!([{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 12}}}]);
    let scaler = |status: Value| {
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": "todo", "uid": "h"},
            "spec": {"minReplicas": 2, "maxReplicas": 5, "metrics": metrics}, "status": status})
    };
    let now = harness.target.clock.now().to_string();
    let active = |status: &str, reason: &str| {
        json!([{"type": "ScalingActive", "status": status, "reason": reason, "lastTransitionTime": now,
        "message": "unable to fetch metrics from resource metrics API: the server could not find the requested resource"}])
    };
    let id = ObjectId {
        group: "autoscaling".to_owned(),
        kind: "HorizontalPodAutoscaler".to_owned(),
        namespace: Some("todo".to_owned()),
        name: "web".to_owned(),
    };
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("autoscaling", "v2", &id.kind));
    let desired = [(id, resource)];
    for (live, expected) in [
        (
            json!({"currentReplicas": 3, "currentMetrics": current, "conditions": active("True", "ValidMetricFound")}),
            "3 replicas, of 2 to 5; cpu 12% of 70%",
        ),
        (
            json!({"currentReplicas": 2, "conditions": active("False", "FailedGetResourceMetric")}),
            "2 replicas, of 2 to 5; cpu ? of 70%; there are no metrics: write `addons = [\"metrics-server\"]` under [minikube]",
        ),
    ] {
        harness.api.put_silently(SCALERS, scaler(live));
        let found = status(&harness.target, &desired).await.unwrap().remove(0);
        assert_eq!((found.health, found.message.as_str()), (Health::Ready, expected));
    }
    let pods = harness.api.requests().into_iter().filter(|asked| asked.ends_with("/pods")).count();
    assert_eq!(pods, 0, "an autoscaler has no pods of its own");
}
