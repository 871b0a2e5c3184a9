//! An Ingress controller: which application answers a request, by its host and its path.
//!
//! Follows minikube's addon (ingress-nginx) in what it chooses and in the codes that it answers on its own: 404
//! without a rule, 503 without a pod, 502 where the pod refuses. No TLS, no annotations, and it writes no status.

use crate::cluster::backend::Nobody;
use crate::cluster::backend::behind;
use crate::cluster::image::Page;
use crate::cluster::world::World;
use crate::kinds;
use crate::request::text;
use serde_json::Value;

/// The class that the addon serves.
const CLASS: &str = "nginx";

/// The annotation that makes a class the default of Ingresses without one.
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// What a request is answered with.
pub(super) fn route(world: &World, host: &str, path: &str) -> Page {
    let ingresses = world.ctx(|ctx| {
        let class = ctx.get(kinds::INGRESS_CLASS, "", CLASS).unwrap_or_default();
        let default = class["metadata"]["annotations"][DEFAULT] == "true";
        ctx.find(kinds::INGRESS, None, |ingress| class_of(ingress).map_or(default, |class| class == CLASS))
    });
    let Some(leads) = choose(&ingresses, host, path) else { return error(404, "Not Found") };
    let service = world.get(kinds::SERVICE, &text(leads.namespace), &text(&leads.service["name"]));
    let at = service.as_ref().and_then(|service| Some((service, port(service, &leads.service["port"])?)));
    match at.ok_or(Nobody::NoPod).and_then(|(service, index)| behind(world, service, index)) {
        Ok(app) => app.http,
        Err(Nobody::NoPod) => error(503, "Service Temporarily Unavailable"),
        Err(Nobody::Refused) => error(502, "Bad Gateway"),
    }
}

fn class_of(ingress: &Value) -> Option<&str> {
    let annotation = &ingress["metadata"]["annotations"]["kubernetes.io/ingress.class"];
    ingress["spec"]["ingressClassName"].as_str().or(annotation.as_str())
}

fn error(status: u16, words: &str) -> Page {
    Page { status, body: format!("<html><head><title>{status} {words}</title></head></html>\n") }
}

/// The backend of a rule.
#[derive(Debug, PartialEq)]
struct Leads<'a> {
    namespace: &'a Value,
    /// The `service` of a backend.
    service: &'a Value,
}

/// The rule that fits best: the named host before the wildcard before any, then the longest path.
fn choose<'a>(ingresses: &'a [Value], host: &str, path: &str) -> Option<Leads<'a>> {
    let leads = |ingress: &'a Value, backend: &'a Value| Leads {
        namespace: &ingress["metadata"]["namespace"],
        service: &backend["service"],
    };
    let mut fitting: Vec<((u8, usize), Leads<'a>)> = Vec::new();
    for ingress in ingresses {
        for rule in ingress["spec"]["rules"].as_array().into_iter().flatten() {
            let Some(near) = fits_host(rule["host"].as_str().unwrap_or_default(), host) else { continue };
            for item in rule["http"]["paths"].as_array().into_iter().flatten() {
                let written = text(&item["path"]);
                if fits_path(&text(&item["pathType"]), &written, path) {
                    fitting.push(((near, written.len()), leads(ingress, &item["backend"])));
                }
            }
        }
    }
    // `max_by_key` takes the last of equals, nginx the oldest.
    let best = fitting.into_iter().rev().max_by_key(|(rank, _)| *rank).map(|(_, leads)| leads);
    best.or_else(|| {
        let other = ingresses.iter().find(|ingress| !ingress["spec"]["defaultBackend"].is_null())?;
        Some(leads(other, &other["spec"]["defaultBackend"]))
    })
}

/// How closely a rule's host matches the requested one.
fn fits_host(written: &str, asked: &str) -> Option<u8> {
    match written.strip_prefix('*') {
        _ if written.is_empty() => Some(0),
        Some(domain) => {
            let label = asked.strip_suffix(domain)?;
            (!label.is_empty() && !label.contains('.')).then_some(1)
        }
        None => written.eq_ignore_ascii_case(asked).then_some(2),
    }
}

fn fits_path(kind: &str, written: &str, asked: &str) -> bool {
    match kind {
        "Exact" => written == asked,
        // Element by element: networking/v1 HTTPIngressPath.
        "Prefix" => {
            let prefix = written.trim_end_matches('/');
            asked.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        // An expression; its beginning is all that is understood here.
        _ => asked
            .starts_with(&written[..written.find(['(', '[', '*', '?', '$', '\\']).unwrap_or(written.len())]),
    }
}

/// The index of the port that a backend names, by number or name.
fn port(service: &Value, desired: &Value) -> Option<usize> {
    let ports = service["spec"]["ports"].as_array()?;
    let by_name = |port: &Value| !desired["name"].is_null() && port["name"] == desired["name"];
    ports.iter().position(|port| by_name(port) || port["port"] == desired["number"])
}

#[cfg(test)]
mod tests {
    use super::choose;
    use super::fits_path;
    use serde_json::Value;
    use serde_json::json;

    fn ingress(name: &str, host: &str, paths: &[(&str, &str)]) -> Value {
        let paths: Vec<Value> = paths
            .iter()
            .map(|(path, service)| {
                json!({"path": path, "pathType": "Prefix", "backend": {"service": {"name": service}}})
            })
            .collect();
        let mut rule = json!({"http": {"paths": paths}});
        if !host.is_empty() {
            rule["host"] = json!(host);
        }
        json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"rules": [rule]}})
    }

    #[test]
    fn the_nearest_host_and_the_longest_path_win() {
        let mut ingresses = vec![
            ingress("any", "", &[("/", "fallback")]),
            ingress("wild", "*.shop.test", &[("/", "wild")]),
            ingress("shop", "www.shop.test", &[("/", "page"), ("/api", "api"), ("/api/v2", "new")]),
        ];
        for (host, path, service) in [
            ("www.shop.test", "/", "page"),
            ("WWW.shop.test", "/apiary", "page"),
            ("www.shop.test", "/api", "api"),
            ("www.shop.test", "/api/todos", "api"),
            ("www.shop.test", "/api/v2/todos", "new"),
            ("a.shop.test", "/api", "wild"),
            ("a.b.shop.test", "/", "fallback"),
            ("127.0.0.1", "/", "fallback"),
        ] {
            let chosen = choose(&ingresses, host, path).unwrap();
            assert_eq!(chosen.service["name"], service, "{host}{path}");
            assert_eq!(chosen.namespace, "shop");
        }
        ingresses.remove(0);
        assert_eq!(choose(&ingresses, "127.0.0.1", "/"), None);
        ingresses[1]["spec"]["defaultBackend"] = json!({"service": {"name": "page"}});
        assert_eq!(choose(&ingresses, "127.0.0.1", "/").unwrap().service["name"], "page");
    }

    #[test]
    fn a_path_fits_as_its_type_says() {
        for (kind, written, asked, fits) in [
            ("Exact", "/a", "/a", true),
            ("Exact", "/a", "/a/", false),
            ("Prefix", "/a/", "/a", true),
            ("Prefix", "/a", "/ab", false),
            ("Prefix", "/", "/x", true),
            ("ImplementationSpecific", "/api(/|$)(.*)", "/api/x", true),
            ("ImplementationSpecific", "/api(/|$)(.*)", "/x", false),
        ] {
            assert_eq!(fits_path(kind, written, asked), fits, "{kind} {written} {asked}");
        }
    }
}
