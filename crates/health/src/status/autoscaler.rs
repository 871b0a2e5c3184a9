//! HorizontalPodAutoscalers: between how many replicas they choose, by which metrics, and whether they have any.
//!
//! One without metrics keeps the replicas between its limits and does nothing else. That is not a failure of a rollout
//! (in the first minute none has metrics), but `status` must report it, because nothing else does.

use crate::live;
use crate::live::Condition;
use crate::status::Context;
use crate::status::HealthStatus;
use jiff::SignedDuration;
use regex::Regex;
use serde_json::Value;
use std::fmt::Write;
use std::sync::LazyLock;

/// In the first minutes no metric has come yet: that is normal.
const FIRST_FIGURES: SignedDuration = SignedDuration::from_secs(300);

/// How an autoscaler does. Nothing waits for one: pods start without it, too.
pub(super) fn compute(object: &Value, context: Context<'_>) -> HealthStatus {
    let figures = describe(object);
    for kind in ["AbleToScale", "ScalingActive"] {
        let Some(bad) = live::condition(object, kind).filter(|item| item.status == "False") else { continue };
        if bad.reason == "ScalingDisabled" {
            return HealthStatus::ready(
                "ScalingDisabled",
                format!("{figures}; it does not scale: its target has 0 replicas"),
            );
        }
        let cause = Cause::from_condition(object, &bad);
        let is_new = matches!((bad.changed, context.now), (Some(since), Some(now)) if now.duration_since(since) < FIRST_FIGURES);
        let message = format!("{figures}; {}", cause.describe());
        let may_pass = bad.reason.starts_with("FailedGet") && kind == "ScalingActive";
        return if may_pass && is_new && !matches!(cause, Cause::NoRequest { .. }) {
            HealthStatus::ready("Exists", message)
        } else {
            HealthStatus::progressing(bad.reason, message).non_blocking()
        };
    }
    HealthStatus::ready("Exists", figures)
}

/// Why an autoscaler does not scale.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause<'a> {
    /// The target is a share of a request, and a container has no such request.
    NoRequest { container: &'a str, resource: &'a str },
    /// The resource metrics API is not served.
    NoMetricsServer,
    /// The resource metrics API has no figures of these pods yet.
    NoFigures,
    /// A custom or external metric that its API does not give.
    NoSuchMetric { kind: &'static str, message: &'a str },
    /// The message of its controller.
    Other(&'a str),
}

impl<'a> Cause<'a> {
    /// Read from the controller's sentences (`kubernetes: pkg/controller/podautoscaler`).
    fn from_condition(object: &Value, bad: &Condition<'a>) -> Cause<'a> {
        if let Some(found) = NO_REQUEST.captures(bad.message) {
            let part = |index: usize| found.get(index).map_or("", |part| part.as_str());
            return Cause::NoRequest { resource: part(1), container: part(2) };
        }
        match bad.reason {
            "FailedGetResourceMetric" | "FailedGetContainerResourceMetric" => {
                let gone =
                    ["could not find the requested resource", "currently unable to handle the request"];
                if gone.iter().any(|sign| bad.message.contains(sign)) {
                    Cause::NoMetricsServer
                } else if bad.message.contains("no metrics returned")
                    || bad.message.contains("did not receive metrics")
                {
                    Cause::NoFigures
                } else {
                    Cause::Other(if bad.message.is_empty() { bad.reason } else { bad.message })
                }
            }
            "FailedGetPodsMetric" | "FailedGetObjectMetric" => {
                Cause::NoSuchMetric { kind: "custom", message: bad.message }
            }
            "FailedGetExternalMetric" => Cause::NoSuchMetric { kind: "external", message: bad.message },
            _ if bad.message.is_empty() => Cause::Other(bad.reason),
            // A target that is not there is named by the controller.
            "FailedGetScale" if live::text(object, "/spec/scaleTargetRef/name").is_empty() => {
                Cause::Other("its target cannot be read")
            }
            _ => Cause::Other(bad.message),
        }
    }

    fn describe(&self) -> String {
        match self {
            Cause::NoRequest { container, resource } => format!(
                "container `{container}` has no {} request, of which its target is a share: write `resources.requests.{resource}`",
                if *resource == "cpu" { "CPU" } else { resource },
            ),
            Cause::NoMetricsServer => {
                "there are no metrics: write `addons = [\"metrics-server\"]` under [minikube]".to_owned()
            }
            Cause::NoFigures => "metrics-server has no figures of its pods yet".to_owned(),
            Cause::NoSuchMetric { kind, message } => {
                format!("the {kind} metrics API does not give it: {message}")
            }
            Cause::Other(message) => format!("it does not scale: {message}"),
        }
    }
}

static NO_REQUEST: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"missing request for (\S+) in container (\S+)"));

#[expect(clippy::expect_used, reason = "a constant of this file; a test compiles it")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// `2 replicas, of 1 to 5; cpu 12% of 70%`.
fn describe(object: &Value) -> String {
    let spec = &object["spec"];
    let least = spec["minReplicas"].as_u64().unwrap_or(1);
    let most = spec["maxReplicas"].as_u64().unwrap_or(least);
    let now = object["status"]["currentReplicas"].as_u64().unwrap_or(0);
    let replicas = if now == 1 { "replica" } else { "replicas" };
    let mut text = format!("{now} {replicas}, of {least} to {most}");
    for metric in live::list(object, "/spec/metrics") {
        let _ = write!(text, "; {}", one(metric, object));
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

/// The name of what is measured, and the field that contains it.
fn source(metric: &Value) -> (String, &Value) {
    let held = ["resource", "containerResource", "pods", "object", "external"];
    let source =
        held.iter().map(|key| &metric[*key]).find(|source| source.is_object()).unwrap_or(&Value::Null);
    let name = source["name"].as_str().or_else(|| source["metric"]["name"].as_str());
    (name.unwrap_or("a metric").to_owned(), source)
}

#[cfg(test)]
mod tests {
    use super::Cause;
    use super::describe;
    use crate::live::read_condition;
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
        assert_eq!(describe(&scaler), "2 replicas, of 2 to 5; cpu 12% of 70%; requests ? of 1k");
        // As reported by an API server without metrics (Kubernetes 1.35).
        scaler["status"] = json!({"currentReplicas": 1, "currentMetrics": null, "conditions": [
            {"type": "AbleToScale", "status": "True", "reason": "SucceededGetScale"},
            {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message":
             "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to fetch metrics \
              from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)"},
        ]});
        assert_eq!(describe(&scaler), "1 replica, of 2 to 5; cpu ? of 70%; requests ? of 1k");
        assert_eq!(describe(&json!({"spec": {"maxReplicas": 3}})), "0 replicas, of 1 to 3");
    }

    #[test]
    fn each_reason_not_to_scale_has_its_own_cause() {
        let object = json!({"spec": {"scaleTargetRef": {"name": "web"}}});
        for (reason, message, cause) in [
            (
                "FailedGetResourceMetric",
                "unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)",
                Cause::NoMetricsServer,
            ),
            (
                "FailedGetResourceMetric",
                "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API",
                Cause::NoFigures,
            ),
            (
                "FailedGetResourceMetric",
                "failed to get memory utilization: missing request for memory in container app of Pod web-5d-x",
                Cause::NoRequest { container: "app", resource: "memory" },
            ),
            (
                "FailedGetPodsMetric",
                "unable to get metric jobs: no metrics returned from custom metrics API",
                Cause::NoSuchMetric {
                    kind: "custom",
                    message: "unable to get metric jobs: no metrics returned from custom metrics API",
                },
            ),
            ("InvalidSelector", "no selector", Cause::Other("no selector")),
        ] {
            let condition =
                json!({"type": "ScalingActive", "status": "False", "reason": reason, "message": message});
            assert_eq!(Cause::from_condition(&object, &read_condition(&condition)), cause, "{message}");
        }
    }
}
