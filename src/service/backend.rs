//! The backend of a Service: its endpoints, as the cluster reports them.

use crate::limit;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::Client;
use kube::api::ListParams;

/// The endpoints of one port of a Service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Backends {
    /// Endpoints that accept requests.
    pub(super) ready: usize,
    /// Endpoints that do not yet, or no more.
    pub(super) unready: usize,
    /// The pods among the ready ones, each with its target port.
    pub(super) pods: Vec<(String, u16)>,
}

impl Backends {
    /// Why there is no pod to connect to.
    pub(super) fn why_none(&self) -> String {
        match (self.ready, self.unready) {
            (0, 0) => "it has no endpoints".to_owned(),
            (0, 1) => "the pod behind it is not ready".to_owned(),
            (0, pods) => format!("none of the {pods} pods behind it is ready"),
            _ => "its endpoints are not pods".to_owned(),
        }
    }
}

/// Looks at the EndpointSlices of `service` for the port they call `port`.
pub(super) async fn inspect(
    client: &Client,
    namespace: &Namespace,
    service: &ObjectName,
    port: Option<&str>,
) -> kube::Result<Backends> {
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace.as_str());
    let of_service = ListParams::default().labels(&format!("kubernetes.io/service-name={service}"));
    Ok(sum(&limit::with_timeout(slices.list(&of_service)).await?.items, port))
}

/// KEP-752: an endpoint without the condition `ready` counts as ready.
fn sum(slices: &[EndpointSlice], port: Option<&str>) -> Backends {
    let mut backends = Backends::default();
    for slice in slices {
        let number = slice.ports.iter().flatten().find_map(|entry| {
            let same = entry.name.as_deref().unwrap_or_default() == port.unwrap_or_default();
            entry.port.filter(|_| same).and_then(|port| u16::try_from(port).ok())
        });
        for endpoint in &slice.endpoints {
            let ready = endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true);
            if !ready {
                backends.unready += 1;
                continue;
            }
            backends.ready += 1;
            let pod = endpoint.target_ref.as_ref().filter(|target| target.kind.as_deref() == Some("Pod"));
            if let (Some(name), Some(number)) = (pod.and_then(|pod| pod.name.clone()), number) {
                backends.pods.push((name, number));
            }
        }
    }
    backends
}

/// An error of the API server in its own words, once: kube's Display repeats its source.
pub(super) fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::Backends;
    use super::sum;
    use k8s_openapi::api::discovery::v1::EndpointSlice;
    use serde_json::json;

    #[test]
    fn an_endpoint_without_a_word_about_it_is_ready() {
        let slice: EndpointSlice = serde_json::from_value(json!({
            "addressType": "IPv4",
            "ports": [{"name": "metrics", "port": 9000}, {"name": "http", "port": 8000}],
            "endpoints": [
                {"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "web-1"}},
                {"addresses": ["10.0.0.2"], "conditions": {"ready": false}, "targetRef": {"kind": "Pod", "name": "web-2"}},
                {"addresses": ["10.0.0.3"], "conditions": {"ready": true}},
            ],
        }))
        .unwrap();
        let pods = vec![("web-1".to_owned(), 8000)];
        assert_eq!(sum(std::slice::from_ref(&slice), Some("http")), Backends { ready: 2, unready: 1, pods });
        assert_eq!(sum(&[slice], Some("https")).pods, []);
        assert_eq!(sum(&[], None).why_none(), "it has no endpoints");
    }
}
