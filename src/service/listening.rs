//! Whether anything listens on the target ports of a project's Services, also of those that are not opened from
//! outside.
//!
//! Not a readiness probe, which the manifests may lack: without one Kubernetes reports a pod as ready as soon as its
//! process runs, and a Service whose target port is closed looks as healthy as any. The kubelet is asked to forward
//! the port as for `kubectl port-forward`, because only it reports "connection refused" for a port inside a pod.

use super::backend;
use crate::event::Code;
use crate::event::Finding;
use crate::limit;
use crate::manifest::Object;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::Client;
use std::time::Duration;
use tokio::time::Instant;

/// How long a program may take to listen after its pod is ready.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// How long the kubelet may take to report a refusal; for an open port it reports nothing.
const SAYS: Duration = Duration::from_millis(500);

/// A TCP port of a Service, by its place in the manifest.
struct ServicePort<'a> {
    object: &'a Object,
    namespace: Namespace,
    service: ObjectName,
    name: Option<String>,
    index: usize,
}

/// A warning for each port of a Service among `objects` behind which nothing listens within a few seconds. `asked`
/// are the Services that have answered already. A user who may not forward to pods gets no warning.
pub async fn unreachable_ports(
    client: &Client,
    home: &Namespace,
    objects: &[Object],
    asked: &[&ObjectName],
) -> Vec<Finding> {
    let doors = objects.iter().flat_map(|object| doors(object, home));
    let doors = doors.filter(|door| !asked.contains(&&door.service));
    let all = join_all(doors.map(|door| check_port(client, door)));
    all.await.into_iter().flatten().collect()
}

fn doors<'a>(object: &'a Object, home: &Namespace) -> Vec<ServicePort<'a>> {
    let spec = &object.value["spec"];
    let leads = spec["selector"].as_object().is_some_and(|labels| !labels.is_empty());
    if object.kind() != "Service" || !object.group().is_empty() || !leads || spec["type"] == "ExternalName" {
        return Vec::new();
    }
    let Ok(service) = ObjectName::parse(object.name()) else { return Vec::new() };
    let namespace = object.namespace().and_then(|name| Namespace::parse(name).ok());
    let namespace = namespace.unwrap_or_else(|| home.clone());
    let ports = spec["ports"].as_array().into_iter().flatten().enumerate();
    let tcp = ports.filter(|(_, port)| port["protocol"].as_str().is_none_or(|protocol| protocol == "TCP"));
    tcp.map(|(index, port)| ServicePort {
        object,
        namespace: namespace.clone(),
        service: service.clone(),
        name: port["name"].as_str().map(str::to_owned),
        index,
    })
    .collect()
}

/// Repeats until something listens; returns the warning if nothing does.
async fn check_port(client: &Client, door: ServicePort<'_>) -> Option<Finding> {
    let until = Instant::now() + PATIENCE;
    loop {
        let (pod, port) = refused(client, &door).await?;
        if Instant::now() + PAUSE >= until {
            return Some(finding(&door, &pod, port));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The pod that refuses connections, and its port; nothing if it accepts them, or if that is unknown.
async fn refused(client: &Client, door: &ServicePort<'_>) -> Option<(String, u16)> {
    let backends =
        backend::inspect(client, &door.namespace, &door.service, door.name.as_deref()).await.ok()?;
    let (pod, port) = backends.pods.first()?;
    refusal(client, &door.namespace, pod, *port).await.map(|_| (pod.clone(), *port))
}

/// The kubelet's message if a port of a pod refuses connections; nothing if it accepts them, or if that is unknown.
pub(super) async fn refusal(client: &Client, namespace: &Namespace, pod: &str, port: u16) -> Option<String> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace.as_str());
    let mut forwarder = limit::with_timeout(pods.portforward(pod, &[port])).await.ok()?;
    let stream = forwarder.take_stream(port)?;
    let why = tokio::time::timeout(SAYS, forwarder.take_error(port)?).await;
    forwarder.abort();
    drop(stream);
    why.ok().flatten().filter(|why| why.contains("refused"))
}

/// Whether something in the pod listens on the port: the kubelet connects, and reports no error for a while.
pub(super) async fn accepts(client: &Client, namespace: &Namespace, pod: &str, port: u16) -> bool {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace.as_str());
    let Ok(mut forwarder) = limit::with_timeout(pods.portforward(pod, &[port])).await else { return false };
    let (Some(stream), Some(error)) = (forwarder.take_stream(port), forwarder.take_error(port)) else {
        return false;
    };
    let is_silent = tokio::time::timeout(SAYS, error).await.is_err();
    forwarder.abort();
    drop(stream);
    is_silent
}

fn finding(door: &ServicePort<'_>, pod: &str, port: u16) -> Finding {
    let at = ["targetPort", "port"].map(|field| format!("/spec/ports/{}/{field}", door.index));
    let written = at.iter().find(|pointer| door.object.value.pointer(pointer).is_some());
    let place = door.object.place_of(written.map_or("/spec/ports", String::as_str));
    Code::PortNotListening
        .warning(format!("nothing in its pods listens on targetPort {port}"))
        .about(door.object.id().to_string())
        .at(place.clone())
        .evidence([format!("Pod/{pod} refuses connections on {port}")])
        .help(format!(
            "set `targetPort` to the port that the program listens on, or make it listen on 0.0.0.0:{port}"
        ))
}

#[cfg(test)]
mod tests {
    use super::unreachable_ports;
    use crate::event::Place;
    use crate::manifest::Object;
    use crate::project::name::Namespace;
    use crate::project::name::ObjectName;
    use crate::service::fake;
    use crate::service::forward::tests::cluster;
    use crate::service::forward::tests::pods;
    use serde_json::Value;
    use serde_json::json;

    fn service(spec: &Value) -> Object {
        let value = json!({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "web"}, "spec": spec});
        Object::made(value, Place::file("web.yaml"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_that_nobody_listens_on_is_told_of_every_service_that_has_not_answered() {
        let app = fake::server(|_, _| fake::text(200, "")).await;
        let tcp =
            json!({"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8000}]});
        let udp =
            json!({"selector": {"app": "web"}, "ports": [{"name": "http", "port": 53, "protocol": "UDP"}]});
        let web = ObjectName::parse("web").unwrap();
        // the Service's port, what listens in the pod, the Services that have answered: whether there is a warning
        let table = [
            (&tcp, None, vec![], true),
            (&tcp, Some(app), vec![], false),
            (&tcp, None, vec![&web], false),
            (&udp, None, vec![], false),
            (&json!({"type": "ExternalName", "externalName": "db.example"}), None, vec![], false),
        ];
        for (spec, listens, asked, expected) in table {
            let client = cluster(pods([("web-1", listens)])).await;
            let home = Namespace::parse("todo").unwrap();
            let found = unreachable_ports(&client, &home, &[service(spec)], &asked).await;
            assert_eq!(found.len(), usize::from(expected), "{spec} {listens:?} {asked:?}: {found:?}");
            if let [finding] = found.as_slice() {
                assert_eq!(finding.message, "nothing in its pods listens on targetPort 8000");
                assert_eq!(finding.subject.as_deref(), Some("Service/web"));
            }
        }
    }
}
