//! The ports of a Service, and which of them a browser could open.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// A port of a Service.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// Its name, if it has one, as in EndpointSlices.
    pub name: Option<String>,
    /// Its target in the pod, as written.
    pub target: String,
    /// Its position in the Service.
    pub index: usize,
    /// The port of each node that it is exposed on.
    pub node_port: Option<u16>,
    /// Whether TLS is spoken behind it.
    pub tls: bool,
    /// Whether a browser might open it.
    pub web: bool,
    /// The addresses of its load balancers.
    pub balancers: Vec<String>,
}

/// The TCP ports of a Service that has pods behind it.
pub(in crate::service) fn ports(service: &Service) -> impl DoubleEndedIterator<Item = (usize, &ServicePort)> {
    let spec = service.spec.as_ref().filter(|spec| spec.type_.as_deref() != Some("ExternalName"));
    spec.and_then(|spec| spec.ports.as_deref())
        .unwrap_or_default()
        .iter()
        .enumerate()
        .filter(|(_, port)| port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP"))
}

/// How likely a browser can open a port: 0 not at all, 1 unknown, 2 by its number, 3 by its name.
pub(super) fn likely(port: &ServicePort) -> u8 {
    const WEB: [i32; 12] = [80, 443, 3000, 4200, 5000, 5173, 8000, 8080, 8081, 8443, 8501, 8888];
    const NOT: [i32; 9] = [22, 53, 3306, 5432, 5672, 6379, 9042, 9092, 27017];
    let words = [port.name.as_deref(), port.app_protocol.as_deref()];
    let says = |prefixes: &[&str]| {
        words
            .iter()
            .flatten()
            .any(|word| prefixes.iter().any(|prefix| word.to_ascii_lowercase().starts_with(prefix)))
    };
    if says(&["http", "web", "kubernetes.io/ws", "ui"]) {
        3
    } else if NOT.contains(&port.port)
        || says(&["grpc", "postgres", "mysql", "redis", "mongo", "amqp", "kafka", "tcp", "ssh", "metrics"])
    {
        0
    } else if WEB.contains(&port.port) {
        2
    } else {
        1
    }
}

/// The port that people mean: the likeliest, the first of equals.
pub(in crate::service) fn best_port(service: &Service) -> Option<Port> {
    let (index, port) = ports(service).rev().max_by_key(|(_, port)| likely(port))?;
    described(service, index, port)
}

/// The TCP port of that number or name.
pub(in crate::service) fn port_called(service: &Service, called: &str) -> Option<Port> {
    let is = |port: &ServicePort| port.port.to_string() == called || port.name.as_deref() == Some(called);
    let (index, port) = ports(service).find(|(_, port)| is(port))?;
    described(service, index, port)
}

fn described(service: &Service, index: usize, port: &ServicePort) -> Option<Port> {
    let number = u16::try_from(port.port).ok()?;
    let tls = matches!(number, 443 | 8443)
        || [&port.name, &port.app_protocol]
            .into_iter()
            .flatten()
            .any(|word| word.eq_ignore_ascii_case("https"));
    let target = match &port.target_port {
        None | Some(IntOrString::Int(0)) => number.to_string(),
        Some(IntOrString::Int(target)) => target.to_string(),
        Some(IntOrString::String(name)) => name.clone(),
    };
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let balancers = status.and_then(|status| status.ingress.as_ref()).into_iter().flatten();
    Some(Port {
        number,
        name: port.name.clone().filter(|name| !name.is_empty()),
        target,
        index,
        node_port: port.node_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0),
        tls,
        web: likely(port) > 0,
        balancers: balancers
            .filter_map(|entry| entry.hostname.clone().or_else(|| entry.ip.clone()))
            .collect(),
    })
}
