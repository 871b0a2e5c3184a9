//! Which Service people open.
//!
//! `up` finds it by itself where nothing is declared (`service::candidate`); the written value can be read and changed.

use super::compose::Compose;
use super::evidence::Evidence;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::pods::items;
use serde_json::Value;

/// A Service, and why it is the one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its name.
    pub name: String,
    /// The evidence.
    pub why: String,
}

/// The Service that a script opens, that an Ingress points to, or that is reachable from outside; else the one that is
/// called like a user interface.
#[must_use]
pub fn opened(objects: &[Object], evidence: &Evidence) -> Option<Opened> {
    let services: Vec<&Object> =
        objects.iter().filter(|object| object.kind() == "Service" && object.group().is_empty()).collect();
    let there = |name: &str| services.iter().any(|service| service.name() == name);
    if let Some((name, place)) = evidence.opened.iter().find(|(name, _)| there(name)) {
        return Some(Opened { name: name.clone(), why: format!("{place} opens it") });
    }
    for ingress in objects.iter().filter(|object| object.kind() == "Ingress") {
        let mut paths: Vec<(&str, &str)> = Vec::new();
        for (_, rule) in items(&ingress.value["spec"]["rules"]) {
            for (_, path) in items(&rule["http"]["paths"]) {
                let name = path["backend"]["service"]["name"].as_str().unwrap_or_default();
                paths.push((path["path"].as_str().unwrap_or("/"), name));
            }
        }
        paths.sort_by_key(|(path, _)| path.len());
        if let Some((path, name)) = paths.into_iter().find(|(_, name)| there(name)) {
            let why =
                format!("the Ingress `{}` leads `{path}` to it ({})", ingress.name(), at(&ingress.place));
            return Some(Opened { name: name.to_owned(), why });
        }
    }
    for kind in ["LoadBalancer", "NodePort"] {
        let of_kind = services.iter().filter(|service| service.value["spec"]["type"] == kind);
        if let Some(service) = of_kind.min_by_key(|service| rank(service)) {
            return Some(Opened {
                name: service.name().to_owned(),
                why: format!("it is a {kind} ({})", at(&service.place)),
            });
        }
    }
    let inner = services.iter().filter(|service| !is_store(service)).min_by_key(|service| rank(service))?;
    let why = "no Service is reachable from outside, so `todo up` forwards a port to it in the background"
        .to_owned();
    Some(Opened { name: inner.name().to_owned(), why })
}

/// The port of localhost at which a script or a compose file promises that Service, and where.
#[must_use]
pub fn promised(
    name: &str,
    objects: &[Object],
    evidence: &Evidence,
    composes: &[Compose],
) -> Option<(u16, Place)> {
    let local = evidence.local.iter();
    if let Some((_, port, place)) = local.clone().find(|(service, ..)| service.as_deref() == Some(name)) {
        return Some((*port, place.clone()));
    }
    let service = objects.iter().find(|object| object.kind() == "Service" && object.name() == name);
    let ports = service.into_iter().flat_map(|service| items(&service.value["spec"]["ports"]));
    let node_ports: Vec<u64> = ports.filter_map(|(_, port)| port["nodePort"].as_u64()).collect();
    if let Some((_, port, place)) = local.clone().find(|(_, port, _)| node_ports.contains(&u64::from(*port)))
    {
        return Some((*port, place.clone()));
    }
    let services = composes.iter().flat_map(|compose| &compose.services);
    let mut same = services.filter(|service| service.name == name && !service.dormant);
    same.find_map(|service| {
        let port = service.ports.iter().find_map(|port| port.published)?;
        Some((port, at(&service.place)))
    })
}

/// A place without its column.
fn at(place: &Place) -> Place {
    Place { column: 0, ..place.clone() }
}

/// What people look at before what programs talk to, by its name.
#[must_use]
pub fn looked_at(name: &str) -> u8 {
    const FIRST: [&str; 13] = [
        "frontend",
        "front",
        "web",
        "ui",
        "client",
        "webapp",
        "site",
        "www",
        "nginx",
        "gateway",
        "storefront",
        "portal",
        "website",
    ];
    const LAST: [&str; 13] = [
        "db",
        "postgres",
        "redis",
        "mysql",
        "mongo",
        "worker",
        "cache",
        "backend",
        "api",
        "server",
        "query",
        "admin",
        "dashboard",
    ];
    let parts: Vec<&str> = name.split(['-', '_', '.']).collect();
    match () {
        () if parts.iter().any(|part| FIRST.contains(part)) => 0,
        () if parts.iter().any(|part| LAST.contains(part)) => 3,
        () if parts.contains(&"app") => 1,
        () => 2,
    }
}

fn rank(service: &Object) -> u8 {
    looked_at(service.name())
}

/// Whether only programs speak its protocol.
fn is_store(service: &Object) -> bool {
    const PORTS: [u64; 17] =
        [22, 25, 53, 389, 587, 1433, 1883, 2181, 3306, 4222, 5432, 5672, 6379, 9042, 9092, 11211, 27017];
    let mut ports =
        items(&service.value["spec"]["ports"]).filter_map(|(_, port): (usize, &Value)| port["port"].as_u64());
    ports.any(|port| PORTS.contains(&port))
}

#[cfg(test)]
mod tests {
    use super::opened;
    use super::promised;
    use crate::discover::compose;
    use crate::discover::evidence::Evidence;
    use crate::discover::readers;
    use crate::discover::tree::Tree;
    use crate::manifest::read::objects;

    fn found(text: &str) -> Option<String> {
        opened(&objects(text), &Evidence::default()).map(|opened| opened.name)
    }

    fn service(name: &str, kind: &str, port: u16) -> String {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{type: {kind}, selector: {{a: b}}, ports: [{{port: {port}}}]}}\n---\n"
        )
    }

    #[test]
    fn what_a_script_or_a_compose_file_promises_on_localhost_is_found() {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}\n";
        let compose = "services:\n  web:\n    image: web\n    ports: ['3000:80']\n";
        let script = |line: &str| format!("#!/bin/sh\n{line}\n");
        for (line, compose, port) in [
            ("echo open http://localhost:30080/", "", Some((30080, "up.sh:2"))),
            ("kubectl -n a port-forward service/web 8080:80", "", Some((8080, "up.sh:2"))),
            ("kubectl port-forward svc/api 8000:8000", "", None),
            ("docker build --build-arg API=http://localhost:8000 .", "", None),
            ("true", compose, Some((3000, "docker-compose.yml:2"))),
        ] {
            let script = script(line);
            let tree = Tree::from_texts("x", &[("up.sh", &script), ("docker-compose.yml", compose)]);
            let (scripts, composes) = (readers::read(&tree), compose::all(&tree, &[]));
            let found = promised("web", &objects(text), &scripts, &composes);
            let found = found.map(|(port, place)| (port, place.to_string()));
            assert_eq!(found, port.map(|(port, place)| (port, place.to_owned())), "{line}");
        }
    }

    #[test]
    fn people_look_at_frontends() {
        let two = service("todo-backend", "NodePort", 8000) + &service("todo-frontend", "NodePort", 3000);
        assert_eq!(found(&two).as_deref(), Some("todo-frontend"));
        let inner = service("db", "ClusterIP", 5432) + &service("api", "ClusterIP", 8000);
        assert_eq!(found(&inner).as_deref(), Some("api"));
        let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {rules: [{http: {paths: [{path: /api, pathType: Prefix, backend: {service: {name: todo-backend, port: {number: 1}}}}, {path: /, pathType: Prefix, backend: {service: {name: todo-frontend, port: {number: 1}}}}]}}]}\n---\n";
        assert_eq!(found(&(ingress.to_owned() + &two)).as_deref(), Some("todo-frontend"));
        assert_eq!(found(&service("db", "ClusterIP", 5432)), None);
    }
}
