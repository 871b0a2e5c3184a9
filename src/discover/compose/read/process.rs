//! Health check, resources, names and labels of a service.

use super::super::model::Compose;
use super::super::model::ComposeHealth;
use super::super::model::Resources;
use super::super::model::Service;
use super::super::model::Untaken;
use super::super::node::Body;
use super::super::node::MapEntry;
use super::super::node::Node;
use super::super::short;
use super::flag;
use super::list;
use super::text;
use crate::event::Code;
use crate::event::Place;
use std::rc::Rc;

/// `healthcheck`.
pub(super) fn health(node: &Rc<Node>, compose: &mut Compose) -> ComposeHealth {
    let words = match node.get("test") {
        Some(test) => match &test.body {
            Body::List(_) => short::command(test).unwrap_or_default(),
            _ => test.text().map(|line| vec!["CMD-SHELL".to_owned(), line]).unwrap_or_default(),
        },
        None => Vec::new(),
    };
    let forms = ["CMD", "CMD-SHELL", "NONE"];
    if let Some(first) = words.first().filter(|first| !forms.contains(&first.as_str())) {
        let message = format!(
            "the list of a health check's `test` begins with CMD, CMD-SHELL or NONE, not with `{first}`"
        );
        compose.wrong.push(
            Code::ComposeInvalid.error(message).at(node.place.clone()).help("docker compose refuses it, too"),
        );
    }
    let time = |key: &str| text(node, key).and_then(|time| short::seconds(&time));
    ComposeHealth {
        disabled: flag(node, "disable") || words.first().is_some_and(|first| first == "NONE"),
        words,
        interval: time("interval"),
        timeout: time("timeout"),
        retries: text(node, "retries").and_then(|count| count.parse().ok()),
        start: time("start_period"),
        start_interval: time("start_interval"),
        place: node.place.clone(),
    }
}

/// `deploy` and the older keys with the same meaning.
pub(super) fn deploy(node: &Node, service: &mut Service) {
    let empty = node.beside(Body::Map(Vec::new()));
    let deploy = node.get("deploy").unwrap_or(&empty);
    service.mode = text(deploy, "mode");
    service.replicas =
        text(deploy, "replicas").or_else(|| text(node, "scale")).and_then(|count| count.parse().ok());
    let condition = deploy.get("restart_policy").and_then(|policy| text(policy, "condition"));
    service.restart = condition
        .map(|condition| if condition == "none" { "no".to_owned() } else { condition })
        .or(service.restart.take());
    let part = |key: &str| deploy.get("resources").and_then(|resources| resources.get(key)).cloned();
    let (limits, reserved) = (part("limits"), part("reservations"));
    let of = |part: &Option<Rc<Node>>, key: &str| part.as_ref().and_then(|part| text(part, key));
    let size = |text: Option<String>| text.and_then(|text| short::bytes(&text)).filter(|size| *size > 0);
    service.resources = Resources {
        memory_limit: size(of(&limits, "memory").or_else(|| text(node, "mem_limit"))),
        memory: size(of(&reserved, "memory").or_else(|| text(node, "mem_reservation"))),
        cpu_limit: of(&limits, "cpus")
            .or_else(|| text(node, "cpus"))
            .filter(|cpus| cpus.parse().is_ok_and(|cpus: f64| cpus > 0.0)),
        cpu: of(&reserved, "cpus").filter(|cpus| cpus.parse().is_ok_and(|cpus: f64| cpus > 0.0)),
    };
    let devices = reserved.as_ref().and_then(|reserved| reserved.get("devices"));
    if let Some(devices) = devices {
        service.untaken.push(Untaken {
            key: "deploy.resources.reservations.devices".to_owned(),
            place: devices.place.clone(),
            help: "the node has to give the device: a device plug-in",
        });
    }
    for item in list(node, "extra_hosts") {
        let read = item.text().and_then(|text| {
            let (name, address) = text.split_once('=').or_else(|| text.split_once(':'))?;
            Some((name.trim().to_owned(), address.trim().to_owned(), item.place.clone()))
        });
        service.hosts.extend(read);
    }
    for entry in node.get("extra_hosts").map(|node| node.entries()).unwrap_or_default() {
        let addresses = short::as_list(&entry.node);
        let addresses = addresses.items().iter().filter_map(|item| item.text());
        service.hosts.extend(addresses.map(|address| (entry.key.clone(), address, entry.place.clone())));
    }
}

/// The names that others may find it by.
pub(super) fn names(node: &Node, service: &mut Service) {
    for key in ["container_name", "hostname"] {
        if let Some(value) = node.get(key)
            && let Some(name) = value.text().filter(|name| *name != service.name)
        {
            service.names.push((name, value.place.clone()));
        }
    }
    for link in list(node, "links") {
        let Some(text) = link.text() else { continue };
        if let Some((name, alias)) = text.split_once(':').filter(|(name, alias)| name != alias) {
            service.links.push((name.to_owned(), alias.to_owned(), link.place.clone()));
        }
    }
    let Some(networks) = node.get("networks").map(short::names_as_map) else { return };
    for entry in networks.entries() {
        for alias in list(&entry.node, "aliases") {
            let known = |name: &str| service.names.iter().any(|(known, _)| known == name);
            if let Some(name) = alias.text().filter(|name| *name != service.name && !known(name)) {
                service.names.push((name, alias.place.clone()));
            }
        }
        for key in ["ipv4_address", "ipv6_address", "mac_address"] {
            if let Some(address) = entry.node.get(key) {
                service.untaken.push(Untaken {
                    key: format!("networks.{}.{key}", entry.key),
                    place: address.place.clone(),
                    help: "a cluster gives its own addresses: use the service's name in the place of this one",
                });
            }
        }
    }
}

/// `traefik.http.routers.X.rule`.
pub(super) fn routes(node: &Node) -> Vec<(String, Place)> {
    let labels = node.get("labels").map(short::as_map);
    let rules = labels.iter().flat_map(|labels| labels.entries()).filter(|entry| {
        let key = entry.key.to_ascii_lowercase();
        key.strip_prefix("traefik.http.routers.")
            .is_some_and(|rest| rest.rsplit_once('.').is_some_and(|(_, last)| last == "rule"))
    });
    rules.filter_map(|entry| Some((entry.node.text()?, entry.place.clone()))).collect()
}

/// `traefik.http.services.X.loadbalancer.server.port`, `VIRTUAL_PORT`.
pub(super) fn labelled_port(node: &Node) -> Option<(u16, Place)> {
    let labels = node.get("labels").map(short::as_map);
    let labels = labels.iter().flat_map(|labels| labels.entries());
    let traefik = labels.filter(|entry| {
        let key = entry.key.to_ascii_lowercase();
        key.starts_with("traefik.") && key.ends_with(".loadbalancer.server.port")
    });
    let environment = node.get("environment").map(short::as_map);
    let virtual_port =
        environment.iter().flat_map(|pairs| pairs.entries()).filter(|entry| entry.key == "VIRTUAL_PORT");
    let both: Vec<&MapEntry> = traefik.chain(virtual_port).collect();
    both.into_iter().find_map(|entry| Some((entry.node.text()?.parse().ok()?, entry.place.clone())))
}
