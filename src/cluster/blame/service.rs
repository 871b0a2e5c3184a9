//! A Service that leads nowhere: its selector matches nothing, or its port is nobody's.
//!
//! Asked at the end, when everything else is ready: before that, no endpoint is the normal state.

use crate::cluster::live;
use crate::cluster::snapshot::Snapshot;
use crate::event::Finding;
use crate::manifest::Object;
use serde_json::Value;

/// What is wrong with the way from `service` to its pods, if anything; `applied` is what was written.
pub fn astray(service: &Value, applied: &Object, around: &Snapshot) -> Option<Finding> {
    let selector = service.pointer("/spec/selector")?.as_object().filter(|labels| !labels.is_empty())?;
    if live::text(service, "/spec/type") == "ExternalName" {
        return None;
    }
    let finding = |message: String, pointer: &str| {
        Finding::warning(message).about(live::id(service).to_string()).at(applied.place_of(pointer).clone())
    };
    let namespace = live::namespace(service);
    let chosen: Vec<&Value> = templates(namespace, around)
        .chain(around.kind("", "Pod", namespace).filter(|pod| !live::is_terminating(pod)))
        .filter(|pod| selector.iter().all(|(key, value)| pod["metadata"]["labels"].get(key) == Some(value)))
        .collect();
    if chosen.is_empty() {
        let asked: Vec<String> = selector
            .iter()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect();
        return Some(
            finding(format!("its selector `{}` matches no pod", asked.join(",")), "/spec/selector")
                .evidence(labels_there(namespace, around))
                .mend("give the selector the labels of the pod template that it is meant for"),
        );
    }
    live::list(service, "/spec/ports").iter().enumerate().find_map(|(index, port)| {
        let target = port.get("targetPort").or_else(|| port.get("port"))?;
        let field = if live::list(&applied.value, "/spec/ports")
            .get(index)
            .is_some_and(|port| port.get("targetPort").is_some())
        {
            format!("/spec/ports/{index}/targetPort")
        } else {
            format!("/spec/ports/{index}/port")
        };
        let declared: Vec<&Value> = chosen
            .iter()
            .flat_map(|pod| live::list(pod, "/spec/containers"))
            .flat_map(|container| live::list(container, "/ports"))
            .collect();
        let found = declared.iter().any(|declared| match target.as_str() {
            Some(name) => live::text(declared, "/name") == name,
            None => declared.get("containerPort") == Some(target),
        });
        // A number needs no declaration, so pods that declare nothing prove nothing; a name does.
        if found || (declared.is_empty() && target.is_number()) {
            return None;
        }
        let shown = target.as_str().map_or_else(|| target.to_string(), str::to_owned);
        let ports: Vec<String> = declared
            .iter()
            .filter_map(|port| {
                let number = port.get("containerPort")?;
                let name = live::text(port, "/name");
                Some(if name.is_empty() { format!("`{number}`") } else { format!("`{number}` (`{name}`)") })
            })
            .collect();
        let evidence = match ports.as_slice() {
            [] => "they declare no port".to_owned(),
            ports => format!("they declare {}", ports.join(", ")),
        };
        Some(
            finding(format!("it leads to port `{shown}`, which its pods do not declare"), &field)
                .evidence([evidence])
                .mend("set `targetPort` to the port that the program listens on"),
        )
    })
}

/// What the namespace's workloads make their pods from, whether they have any just now or not.
fn templates<'a>(namespace: &'a str, around: &'a Snapshot) -> impl Iterator<Item = &'a Value> {
    let apps = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"].map(|kind| ("apps", kind));
    apps.into_iter()
        .chain([("batch", "Job")])
        .flat_map(move |(group, kind)| around.kind(group, kind, namespace))
        .filter_map(|workload| workload.pointer("/spec/template"))
}

fn labels_there(namespace: &str, around: &Snapshot) -> Vec<String> {
    let mut there: Vec<String> = ["Deployment", "StatefulSet", "DaemonSet"]
        .iter()
        .flat_map(|kind| around.kind("apps", kind, namespace))
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
    use super::astray;
    use crate::cluster::snapshot::Snapshot;
    use crate::event::Place;
    use crate::manifest::Object;
    use serde_json::Value;
    use serde_json::json;

    fn told(spec: &Value, ports: &Value) -> Option<(String, Vec<String>)> {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "todo"}, "spec": spec});
        let around = Snapshot::of(&[json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "front", "namespace": "todo"},
            "spec": {"replicas": 0, "template": {"metadata": {"labels": {"app": "front", "tier": "ui"}},
                                                "spec": {"containers": [{"name": "c", "ports": ports}]}}}})]);
        let finding = astray(&service, &Object::made(service.clone(), Place::file("s.yaml")), &around)?;
        Some((finding.message, finding.evidence))
    }

    #[test]
    fn a_service_that_leads_to_its_pods_is_fine_even_if_there_are_none_now() {
        let ports = json!([{"name": "http", "containerPort": 8080}]);
        for target in [json!(8080), json!("http")] {
            let spec = json!({"selector": {"app": "front"}, "ports": [{"port": 80, "targetPort": target}]});
            assert_eq!(told(&spec, &ports), None);
        }
        assert_eq!(
            told(&json!({"ports": [{"port": 80}]}), &ports),
            None,
            "no selector: somebody else fills it"
        );
        let undeclared = json!({"selector": {"app": "front"}, "ports": [{"port": 80}]});
        assert_eq!(told(&undeclared, &json!([])), None, "a number needs no declaration");
    }

    #[test]
    fn a_selector_that_matches_nothing() {
        let (message, evidence) =
            told(&json!({"selector": {"app": "frnot"}, "ports": [{"port": 80}]}), &json!([])).unwrap();
        assert_eq!(message, "its selector `app=frnot` matches no pod");
        assert_eq!(evidence, ["Deployment/front: app=front,tier=ui"]);
    }

    #[test]
    fn a_port_that_nobody_declares() {
        let spec = json!({"selector": {"app": "front"}, "ports": [{"port": 80, "targetPort": "web"}]});
        let (message, evidence) = told(&spec, &json!([{"name": "http", "containerPort": 8080}])).unwrap();
        assert_eq!(message, "it leads to port `web`, which its pods do not declare");
        assert_eq!(evidence, ["they declare `8080` (`http`)"]);
    }
}
