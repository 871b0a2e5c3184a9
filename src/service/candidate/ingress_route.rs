//! Ingresses in front of Services.

use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::networking::v1::IngressBackend;

/// An Ingress in front of a Service.
#[derive(Debug, Clone, PartialEq)]
pub struct IngressRoute {
    /// Its name.
    pub name: String,
    /// The host it answers to; any if it names none.
    pub host: Option<String>,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// The addresses in its status.
    pub addresses: Vec<String>,
}

/// The route from an Ingress to a Service: the Ingress and the path of its rule.
pub(super) fn front(ingress: &Ingress, service: &str) -> Option<(IngressRoute, String)> {
    let spec = ingress.spec.as_ref()?;
    let is =
        |backend: &IngressBackend| backend.service.as_ref().is_some_and(|backend| backend.name == service);
    let by_rule = spec.rules.iter().flatten().find_map(|rule| {
        let path = rule.http.as_ref()?.paths.iter().find(|path| is(&path.backend))?;
        Some((rule.host.clone(), path.path.clone().unwrap_or_else(|| "/".to_owned())))
    });
    let (host, path) = by_rule.or_else(|| {
        spec.default_backend.as_ref().filter(|backend| is(backend)).map(|_| (None, "/".to_owned()))
    })?;
    let host = host.filter(|host| !host.is_empty());
    // `*.example.org` answers to any name below it.
    let host = host.map(|host| host.strip_prefix("*.").map(|domain| format!("www.{domain}")).unwrap_or(host));
    let tls = spec.tls.iter().flatten().any(|tls| match (&tls.hosts, &host) {
        (Some(hosts), Some(host)) if !hosts.is_empty() => hosts.contains(host),
        _ => true,
    });
    let status = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let addresses = status.and_then(|status| status.ingress.as_ref()).into_iter().flatten();
    let addresses =
        addresses.filter_map(|entry| entry.hostname.clone().or_else(|| entry.ip.clone())).collect();
    let name = ingress.metadata.name.clone().unwrap_or_default();
    Some((IngressRoute { name, host, tls, addresses }, literal(&path)))
}

/// The literal prefix of a path: nginx's `/api(/|$)(.*)` is requested as `/api/`.
pub(super) fn literal(path: &str) -> String {
    let end = path.find(['(', '[', '*', '?', '$', '^', '\\']).unwrap_or(path.len());
    let path = &path[..end];
    match (path.starts_with('/'), end) {
        (false, _) => format!("/{path}"),
        (true, _) => path.to_owned(),
    }
}
