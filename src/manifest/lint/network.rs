//! Ports, selectors, probes and addresses: whether their targets exist.

use crate::event::Code;
use crate::event::Finding;
use crate::go_base64;
use crate::manifest::Object;
use crate::manifest::lint::Set;
use crate::manifest::lint::at;
use crate::manifest::lint::listed;
use crate::manifest::pods;
use crate::manifest::pods::Container;
use crate::manifest::pods::PodTemplate;
use crate::manifest::pods::items;
use crate::pointer::below;
use nearest::nearest;
use serde_json::Map;
use serde_json::Value;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// The API server's `--service-node-port-range`, which minikube leaves as it is.
const NODE_PORTS: RangeInclusive<u64> = 30000..=32767;

/// Node ports against their range, the type of their Service, and one another: they are the cluster's, whatever the
/// namespace, and a number is one Service's for every protocol (`kubernetes: pkg/registry/core/service/storage/alloc.go`).
pub(super) fn node_ports(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut taken: HashMap<u64, Vec<NodePort<'_>>> = HashMap::new();
    for service in set.core("Service") {
        for port in node_ports_of(service) {
            let (number, field) = (port.number, port.field());
            if !NODE_PORTS.contains(&number) {
                let message = format!("the {field} {number} is not between 30000 and 32767");
                let help = format!("choose one of these, or leave `{field}` out to be given one");
                found.push(at(service, &port.pointer, Code::FieldInvalid.error(message)).help(help));
            }
            if field == "nodePort"
                && matches!(service.value["spec"]["type"].as_str(), None | Some("ClusterIP"))
            {
                let message = format!("the nodePort {number} needs a Service of type NodePort");
                let finding = at(service, &port.pointer, Code::FieldInvalid.error(message));
                found.push(finding.help("write `type: NodePort`, or remove it"));
            }
            let known = taken.entry(number).or_default();
            if let Some(first) = known.iter().find(|first| !port.shares(first)) {
                let place = first.service.place_of(&first.pointer);
                let message = format!("the {field} {number} is taken by `{}` in {place}", first.service.id());
                let finding = at(service, &port.pointer, Code::NodePortTaken.error(message));
                found.push(
                    finding.help(format!("change one of them, or leave `{field}` out to be given one")),
                );
            } else {
                known.push(port);
            }
        }
    }
    found
}

/// A port of the node that a Service asks for by number.
struct NodePort<'a> {
    service: &'a Object,
    pointer: String,
    number: u64,
    /// Empty for the port of health checks, which nothing shares.
    protocol: &'a str,
}

impl NodePort<'_> {
    fn field(&self) -> &'static str {
        if self.protocol.is_empty() { "healthCheckNodePort" } else { "nodePort" }
    }

    /// Whether two ports may have one number: those of one Service with two protocols.
    fn shares(&self, other: &NodePort<'_>) -> bool {
        std::ptr::eq(self.service, other.service)
            && self.protocol != other.protocol
            && !self.protocol.is_empty()
            && !other.protocol.is_empty()
    }
}

fn node_ports_of(service: &Object) -> Vec<NodePort<'_>> {
    let spec = &service.value["spec"];
    let ports = items(&spec["ports"]).map(|(index, port)| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        (format!("/spec/ports/{index}/nodePort"), &port["nodePort"], protocol)
    });
    ports
        .chain([("/spec/healthCheckNodePort".to_owned(), &spec["healthCheckNodePort"], "")])
        .filter_map(|(pointer, number, protocol)| {
            let number = number.as_u64().filter(|number| *number != 0)?;
            Some(NodePort { service, pointer, number, protocol })
        })
        .collect()
}

/// Services against the pod templates they select, and their target ports against those templates' ports.
pub(super) fn selectors(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let all: Vec<(&Object, PodTemplate<'_>)> = pods::all(set.objects).collect();
    for service in set.core("Service") {
        let spec = &service.value["spec"];
        let Some(selector) = spec["selector"].as_object().filter(|selector| !selector.is_empty()) else {
            continue;
        };
        if spec["type"] == "ExternalName" {
            continue;
        }
        let home = set.namespace(service);
        let is_near = |(object, _): &&(&Object, PodTemplate<'_>)| set.namespace(object) == home;
        let selected: Vec<&(&Object, PodTemplate<'_>)> = all
            .iter()
            .filter(|(_, template)| pods::selects(selector, template.labels()))
            .filter(is_near)
            .collect();
        if selected.is_empty() {
            let near: Vec<(&Object, PodTemplate<'_>)> = all.iter().filter(is_near).cloned().collect();
            found.push(at(service, "/spec/selector", nothing_selected(selector, &near)));
            continue;
        }
        let containers: Vec<Container<'_>> = selected
            .iter()
            .flat_map(|(_, template)| template.containers())
            .filter(Container::stays)
            .collect();
        let who = format!("`{}`", selected[0].0.id());
        for (index, port) in items(&spec["ports"]) {
            let pointer = format!("/spec/ports/{index}");
            let target = port.get("targetPort").filter(|target| !target.is_null()).unwrap_or(&port["port"]);
            let pointer =
                if port.get("targetPort").is_some() { pointer + "/targetPort" } else { pointer + "/port" };
            found.extend(
                no_port("the Service sends to", target, &containers, &who)
                    .map(|finding| at(service, &pointer, finding)),
            );
        }
    }
    found
}

fn nothing_selected(selector: &Map<String, Value>, near: &[(&Object, PodTemplate<'_>)]) -> Finding {
    let message = format!(
        "no pod template of the project has the labels {} that this Service selects",
        pairs(selector)
    );
    let finding = Code::SelectorMismatch.warning(message);
    let common = |labels: &Value| {
        let keys = selector.keys().filter(|key| labels.get(key.as_str()).is_some()).count();
        let same = selector.iter().filter(|(key, value)| labels.get(key.as_str()) == Some(value)).count();
        keys + same
    };
    let best = near.iter().max_by_key(|(_, template)| common(template.labels()));
    match best.and_then(|(object, template)| Some((object, template.labels().as_object()?))) {
        Some((object, labels)) => finding.help(format!(
            "make the selector and the template's labels equal: `{}` has {}",
            object.id(),
            pairs(labels)
        )),
        None => finding
            .help("no pod template of this namespace has labels: add them under `template.metadata.labels`"),
    }
}

fn pairs(labels: &Map<String, Value>) -> String {
    let pair = |(key, value): (&String, &Value)| format!("`{key}={}`", value.as_str().unwrap_or_default());
    labels.iter().map(pair).collect::<Vec<_>>().join(", ")
}

/// Why no container listens on the port of a Service or a probe, according to the ports that the containers declare.
fn no_port(asks: &str, target: &Value, containers: &[Container<'_>], who: &str) -> Option<Finding> {
    let declared: Vec<&Value> = containers
        .iter()
        .flat_map(|container| items(&container.value["ports"]))
        .map(|(_, port)| port)
        .collect();
    let names: Vec<&str> = declared.iter().filter_map(|port| port["name"].as_str()).collect();
    let numbers: Vec<u64> = declared.iter().filter_map(|port| port["containerPort"].as_u64()).collect();
    match target {
        Value::String(name) if !names.contains(&name.as_str()) => {
            let help = match (nearest(name, names.iter().copied()), name.parse::<u16>()) {
                (Some(meant), _) => format!("did you mean `{meant}`?"),
                (None, Ok(number)) => format!("write {number} without quotes"),
                (None, Err(_)) if names.is_empty() => format!("add `name: {name}` to the container's port"),
                (None, Err(_)) => format!("its ports are {}", listed(names)),
            };
            Some(
                Code::ServicePortNotFound
                    .error(format!("{asks} a port named `{name}`, which {who} does not have"))
                    .help(help),
            )
        }
        Value::Number(number)
            if !numbers.is_empty() && number.as_u64().is_some_and(|n| !numbers.contains(&n)) =>
        {
            let all = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let message = format!("{asks} the port {number}, which {who} does not declare");
            Some(
                Code::ContainerPortUndeclared
                    .warning(message)
                    .help(format!("it declares {all}: write that, or declare {number}, too")),
            )
        }
        _ => None,
    }
}

pub(super) fn probes(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (object, template) in pods::all(set.objects) {
        for container in template.containers() {
            for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
                for way in ["httpGet", "tcpSocket", "grpc"] {
                    let port = &container.value[probe][way]["port"];
                    // kubelet: pkg/probe/util.go: a string that is not a port's name may still be a number.
                    let port = match port.as_str().and_then(|text| text.parse::<u16>().ok()) {
                        Some(number) => Value::from(number),
                        None => port.clone(),
                    };
                    let (asks, who) =
                        (format!("the {probe} asks for"), format!("the container `{}`", container.name()));
                    let Some(finding) = no_port(&asks, &port, std::slice::from_ref(&container), &who) else {
                        continue;
                    };
                    found.push(at(object, &format!("{}/{probe}/{way}/port", container.pointer), finding));
                }
            }
        }
    }
    found
}

/// Host and port of a URL inside a value.
struct Address<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<u64>,
}

pub(super) fn addresses(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut check = |object: &Object, pointer: &str, text: &str| {
        found.extend(
            urls(text)
                .filter_map(|url| unknown(set, object, &url))
                .map(|finding| at(object, pointer, finding)),
        );
    };
    for (object, template) in pods::all(set.objects) {
        for container in template.containers() {
            for (index, variable) in items(&container.value["env"]) {
                if let Some(text) = variable["value"].as_str() {
                    check(object, &format!("{}/env/{index}/value", container.pointer), text);
                }
            }
        }
    }
    for object in set.core("ConfigMap").chain(set.core("Secret")) {
        for (key, value) in object.value["data"].as_object().into_iter().flatten() {
            let pointer = below("/data", key);
            let text = value.as_str().unwrap_or_default();
            if object.kind() == "ConfigMap" {
                check(object, &pointer, text);
            } else if let Some(text) = go_base64::decode(text).and_then(|bytes| String::from_utf8(bytes).ok())
            {
                check(object, &pointer, &text);
            }
        }
    }
    found
}

fn urls(text: &str) -> impl Iterator<Item = Address<'_>> {
    // In a text of several lines (a configuration file) a name without a port may be anything's.
    let file = text.trim_end().contains('\n');
    text.match_indices("://").filter_map(move |(index, _)| {
        let scheme =
            text[..index].rsplit(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).next()?;
        let rest = &text[index + 3..];
        let end =
            rest.find(|c: char| c.is_whitespace() || "/?#\"'`,;)}]<>|\\".contains(c)).unwrap_or(rest.len());
        let authority = rest[..end].rsplit('@').next()?;
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port.parse::<u64>().ok()?)),
            None => (authority, None),
        };
        (!file || port.is_some()).then_some(Address { scheme, host, port })
    })
}

/// Why nothing of the project answers at `url`, if its host is the name of a Service as pods write it.
fn unknown(set: &Set<'_>, object: &Object, url: &Address<'_>) -> Option<Finding> {
    let mut labels = url.host.split('.');
    let name = labels.next()?;
    let (namespace, rest) = (labels.next(), labels.next());
    let is_label = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !is_label(name)
        || name.bytes().all(|b| b.is_ascii_digit())
        || matches!(name, "localhost" | "kubernetes")
    {
        return None;
    }
    let namespace = match (namespace, rest) {
        (None, _) => set.namespace(object),
        (Some(namespace), Some("svc")) => namespace,
        _ => return None,
    };
    if let Some(service) = set.find("Service", namespace, name) {
        let spec = &service.value["spec"];
        let ports: Vec<u64> = items(&spec["ports"]).filter_map(|(_, port)| port["port"].as_u64()).collect();
        let asked = url.port.or(match url.scheme {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            _ => None,
        })?;
        // A headless name is the pods' own addresses, with the ports they listen on.
        if ports.contains(&asked)
            || ports.is_empty()
            || spec["clusterIP"] == "None"
            || spec["type"] == "ExternalName"
        {
            return None;
        }
        let all = ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let message =
            format!("`{}` is requested at port {asked}, which `{}` does not have", url.host, service.id());
        return Some(
            Code::ServicePortNotFound
                .warning(message)
                .help(format!("its ports are {all} ({})", service.place_of("/spec/ports"))),
        );
    }
    let here: Vec<&Object> =
        set.core("Service").filter(|service| set.namespace(service) == namespace).collect();
    if here.is_empty() && namespace != set.facts.namespace {
        return None;
    }
    let names = here.iter().map(|service| service.name());
    let help = match nearest(name, names.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if here.is_empty() => "the project has no Service; a pod is reached through one".to_owned(),
        None => format!("the project's Services are {}", listed(names)),
    };
    let message = format!("`{}` is not a Service of the project", url.host);
    Some(Code::ServiceNotFound.warning(message).help(help))
}

pub(super) fn ingresses(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let ingresses = set
        .objects
        .iter()
        .filter(|object| object.group() == "networking.k8s.io" && object.kind() == "Ingress");
    for object in ingresses {
        let spec = &object.value["spec"];
        let mut backends = vec!["/spec/defaultBackend".to_owned()];
        for (rule, value) in items(&spec["rules"]) {
            let paths = items(&value["http"]["paths"]);
            backends.extend(paths.map(|(path, _)| format!("/spec/rules/{rule}/http/paths/{path}/backend")));
        }
        for pointer in backends {
            let Some(service) = object.value.pointer(&pointer).map(|backend| &backend["service"]) else {
                continue;
            };
            let Some(name) = service["name"].as_str() else { continue };
            let names: Vec<&str> = set.core("Service").map(Object::name).collect();
            let Some(known) = set.find("Service", set.namespace(object), name) else {
                let help = match nearest(name, names.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("the project's Services are {}", listed(names)),
                };
                let message = format!("`{name}` is not a Service of the project");
                found.push(
                    at(object, &format!("{pointer}/service/name"), Code::ServiceNotFound.warning(message))
                        .help(help),
                );
                continue;
            };
            let wanted = &service["port"];
            let fits = items(&known.value["spec"]["ports"]).any(|(_, port)| {
                (wanted["number"].is_u64() && port["port"] == wanted["number"])
                    || (wanted["name"].is_string() && port["name"] == wanted["name"])
            });
            if !fits {
                let message = format!("`{}` does not have the port that this Ingress sends to", known.id());
                let finding =
                    at(object, &format!("{pointer}/service/port"), Code::ServicePortNotFound.error(message));
                found.push(finding.help(format!("its ports are in {}", known.place_of("/spec/ports"))));
            }
        }
    }
    found
}
