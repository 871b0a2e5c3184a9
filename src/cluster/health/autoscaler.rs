//! HorizontalPodAutoscalers: between how many replicas they choose, by which metrics, and whether they have any.
//!
//! One without metrics keeps the replicas between its limits and does nothing else. That is no failure of a rollout (in
//! the first minute none has metrics), but `status` must say it, for nothing else does.

use crate::cluster::health::Judgement;
use crate::cluster::live;
use serde_json::Value;
use std::fmt::Write;

/// How an autoscaler does.
pub(super) fn judge(object: &Value) -> Judgement {
    let judgement = Judgement::ready("Exists", told(object));
    match live::condition(object, "ScalingActive") {
        // A metric that has not come yet is normal in the first minutes (krane knows the same exception).
        Some(active)
            if active.status == "False"
                && active.reason != "ScalingDisabled"
                && !active.reason.starts_with("FailedGet") =>
        {
            judgement.note(format!("it does not scale: {}", active.message))
        }
        _ => judgement,
    }
}

/// `2 replicas, of 1 to 5; cpu 12% of 70%`.
fn told(object: &Value) -> String {
    let spec = &object["spec"];
    let least = spec["minReplicas"].as_u64().unwrap_or(1);
    let most = spec["maxReplicas"].as_u64().unwrap_or(least);
    let now = object["status"]["currentReplicas"].as_u64().unwrap_or(0);
    let replicas = if now == 1 { "replica" } else { "replicas" };
    let mut text = format!("{now} {replicas}, of {least} to {most}");
    for metric in live::list(object, "/spec/metrics") {
        let _ = write!(text, "; {}", one(metric, object));
    }
    if live::condition(object, "ScalingActive").is_some_and(|active| active.reason.starts_with("FailedGet")) {
        text.push_str("; there are no metrics: write `addons = [\"metrics-server\"]` under [minikube]");
    }
    text
}

fn one(metric: &Value, object: &Value) -> String {
    let (name, source) = source(metric);
    let same = |current: &&Value| self::source(current).0 == name && current["type"] == metric["type"];
    let current =
        live::list(object, "/status/currentMetrics").iter().find(same).map(|found| self::source(found).1);
    let target = &source["target"];
    let (key, unit) = match target["type"].as_str() {
        Some("Utilization") => ("averageUtilization", "%"),
        Some("Value") => ("value", ""),
        _ => ("averageValue", ""),
    };
    let amount = |holder: &Value| match &holder[key] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(format!("{number}{unit}")),
        _ => None,
    };
    let now = current.and_then(|current| amount(&current["current"])).unwrap_or_else(|| "?".to_owned());
    format!("{name} {now} of {}", amount(target).unwrap_or_else(|| "?".to_owned()))
}

/// The name of what is measured, and where it is told.
fn source(metric: &Value) -> (String, &Value) {
    let held = ["resource", "containerResource", "pods", "object", "external"];
    let source =
        held.iter().map(|key| &metric[*key]).find(|source| source.is_object()).unwrap_or(&Value::Null);
    let name = source["name"].as_str().or_else(|| source["metric"]["name"].as_str());
    (name.unwrap_or("a metric").to_owned(), source)
}

#[cfg(test)]
mod tests {
    use super::told;
    use serde_json::json;

    #[test]
    fn what_it_scales_by_is_told_with_what_is_missing() {
        let target = json!({"type": "Utilization", "averageUtilization": 70});
        let mut scaler = json!({
            "spec": {"minReplicas": 2, "maxReplicas": 5, "metrics": [
                {"type": "Resource", "resource": {"name": "cpu", "target": target}},
                {"type": "Pods", "pods": {"metric": {"name": "requests"}, "target": {"type": "AverageValue", "averageValue": "1k"}}},
            ]},
            "status": {"currentReplicas": 2, "currentMetrics": [
                {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 12, "averageValue": "24m"}}},
            ]},
        });
        assert_eq!(told(&scaler), "2 replicas, of 2 to 5; cpu 12% of 70%; requests ? of 1k");
        // As an API server without metrics says it (Kubernetes 1.35).
        scaler["status"] = json!({"currentReplicas": 1, "currentMetrics": null, "conditions": [
            {"type": "AbleToScale", "status": "True", "reason": "SucceededGetScale"},
            {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message":
             "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to fetch metrics \
              from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)"},
        ]});
        assert_eq!(
            told(&scaler),
            "1 replica, of 2 to 5; cpu ? of 70%; requests ? of 1k; there are no metrics: write `addons = [\"metrics-server\"]` under [minikube]"
        );
        assert_eq!(told(&json!({"spec": {"maxReplicas": 3}})), "0 replicas, of 1 to 3");
    }
}
