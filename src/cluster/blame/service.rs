//! A Service without endpoints, because its selector matches no pods.
//!
//! Checked at the end, when everything else is ready: before that, having no endpoint is normal. What the manifests
//! alone show (no template has such labels, no container such a port) was reported before anything was written.

use crate::event::Code;
use crate::event::Finding;
use crate::manifest::Object;
use health::live;
use health::snapshot::Snapshot;
use serde_json::Value;

/// What keeps `service` from reaching its pods, if anything; `applied` is what was written.
pub(crate) fn selector_mismatch(service: &Value, applied: &Object, snapshot: &Snapshot) -> Option<Finding> {
    let selector = service.pointer("/spec/selector")?.as_object().filter(|labels| !labels.is_empty())?;
    if live::text(service, "/spec/type") == "ExternalName" {
        return None;
    }
    let namespace = live::namespace(service);
    let mut pods = templates(namespace, snapshot)
        .chain(snapshot.kind("", "Pod", namespace).filter(|pod| !live::is_terminating(pod)));
    if pods.any(|pod| selector.iter().all(|(key, value)| pod["metadata"]["labels"].get(key) == Some(value))) {
        return None;
    }
    let asked: Vec<String> =
        selector.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    Some(
        Code::SelectorMismatch
            .warning(format!("its selector `{}` matches no pod", asked.join(",")))
            .about(live::id(service).to_string())
            .at(applied.place_of("/spec/selector").clone())
            .evidence(labels_there(namespace, snapshot))
            .help("give the selector the labels of the pod template that it is meant for"),
    )
}

/// The pod templates of the namespace's workloads, whether they have pods just now or not.
fn templates<'a>(namespace: &'a str, snapshot: &'a Snapshot) -> impl Iterator<Item = &'a Value> {
    let apps = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"].map(|kind| ("apps", kind));
    apps.into_iter()
        .chain([("batch", "Job")])
        .flat_map(move |(group, kind)| snapshot.kind(group, kind, namespace))
        .filter_map(|workload| workload.pointer("/spec/template"))
}

fn labels_there(namespace: &str, snapshot: &Snapshot) -> Vec<String> {
    let mut there: Vec<String> = ["Deployment", "StatefulSet", "DaemonSet"]
        .iter()
        .flat_map(|kind| snapshot.kind("apps", kind, namespace))
        .map(|workload| {
            let labels = workload["spec"]["template"]["metadata"]["labels"].as_object();
            let labels: Vec<String> = labels
                .into_iter()
                .flatten()
                .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
                .collect();
            format!("{}: {}", live::id(workload), labels.join(","))
        })
        .collect();
    there.truncate(5);
    there
}

#[cfg(test)]
mod tests {
    use super::selector_mismatch;
    use crate::event::Place;
    use crate::manifest::Object;
    use health::snapshot::Snapshot;
    use serde_json::Value;
    use serde_json::json;

    fn mismatch(spec: &Value, ports: &Value) -> Option<(String, Vec<String>)> {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "todo"}, "spec": spec});
        let snapshot = Snapshot::from_objects(&[json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "front", "namespace": "todo"},
            "spec": {"replicas": 0, "template": {"metadata": {"labels": {"app": "front", "tier": "ui"}},
                                                "spec": {"containers": [{"name": "c", "ports": ports}]}}}})]);
        let finding =
            selector_mismatch(&service, &Object::made(service.clone(), Place::file("s.yaml")), &snapshot)?;
        Some((finding.message, finding.evidence))
    }

    #[test]
    fn a_service_that_leads_to_its_pods_is_fine_even_if_there_are_none_now() {
        let ports = json!([{"name": "http", "containerPort": 8080}]);
        for target in [json!(8080), json!("http")] {
            let spec = json!({"selector": {"app": "front"}, "ports": [{"port": 80, "targetPort": target}]});
            assert_eq!(mismatch(&spec, &ports), None);
        }
        assert_eq!(
            mismatch(&json!({"ports": [{"port": 80}]}), &ports),
            None,
            "no selector: somebody else fills it"
        );
        let undeclared = json!({"selector": {"app": "front"}, "ports": [{"port": 80}]});
        assert_eq!(mismatch(&undeclared, &json!([])), None, "a number needs no declaration");
    }

    #[test]
    fn a_selector_that_matches_nothing() {
        let (message, evidence) =
            mismatch(&json!({"selector": {"app": "frnot"}, "ports": [{"port": 80}]}), &json!([])).unwrap();
        assert_eq!(message, "its selector `app=frnot` matches no pod");
        assert_eq!(evidence, ["Deployment/front: app=front,tier=ui"]);
    }
}
