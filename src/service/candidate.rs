//! Which Services are to be opened, and the routes to each: pure.
//!
//! Nothing is tried here. Values that the cluster assigns (a NodePort, a load balancer's address) are read from the
//! live objects; before anything is applied there are none, and the same function finds the mistakes.

mod ingress_route;
mod port;

use super::NodeNetwork;
use super::http::Question;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::manifest::Object;
use crate::project;
use crate::project::Expect;
use crate::project::Publish;
use crate::project::name::ObjectName;
pub use ingress_route::IngressRoute;
use ingress_route::front;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
pub use port::Port;
pub(super) use port::best_port;
use port::likely;
pub(super) use port::port_called;
pub(super) use port::ports;
use serde::de::DeserializeOwned;
use std::net::IpAddr;
use std::net::SocketAddr;

/// The project's Services and Ingresses in the cluster.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Its Services.
    pub services: Vec<Service>,
    /// Its Ingresses.
    pub ingresses: Vec<Ingress>,
}

/// Something that people open.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The Service that answers.
    pub service: ObjectName,
    /// The place of its declaration, else of the Service's manifest.
    pub place: Option<Place>,
    /// The path of the URL.
    pub path: String,
    /// The expected answer.
    pub expect: Expect,
    /// Also on this port of localhost.
    pub local_port: Option<u16>,
    /// Which port of the Service.
    pub port: Port,
    /// The Ingress in front of it.
    pub ingress: Option<IngressRoute>,
}

/// One route to a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// A NodePort that the node's container publishes on this machine.
    Published(Question),
    /// A load balancer or an Ingress, at an address of its own.
    Front(Question),
    /// The node's address.
    Node(Question),
    /// A port-forward by this process to the controller of minikube's addon, which has the rules of the Ingress.
    Controller,
    /// A port-forward by this process.
    Forward,
}

impl Route {
    /// The request for this route; `None` for a forward, whose port is not known before it is open.
    pub(super) fn question(&self) -> Option<&Question> {
        match self {
            Route::Published(question) | Route::Front(question) | Route::Node(question) => Some(question),
            Route::Controller | Route::Forward => None,
        }
    }
}

/// The Services to open: those that the project declares, else the one Service that is meant to be opened (an Ingress
/// before a load balancer before a NodePort). Every declared Service that does not exist or has no port is reported
/// at once.
pub fn candidates(
    declared: &[project::Service],
    objects: &[Object],
    live: &Live,
) -> Result<Vec<Candidate>, Vec<Finding>> {
    let services: Vec<(Service, Option<Place>)> = merged(objects, &live.services, "Service");
    let ingresses: Vec<(Ingress, Option<Place>)> = merged(objects, &live.ingresses, "Ingress");
    if declared.is_empty() {
        return Ok(guess(&services, &ingresses).into_iter().collect());
    }
    let mut found = Vec::new();
    let mut findings = Vec::new();
    for wanted in declared {
        match one(wanted, &services, &ingresses) {
            Ok(candidate) => found.push(candidate),
            Err(finding) => findings.push(finding.at(wanted.place.clone())),
        }
    }
    if findings.is_empty() { Ok(found) } else { Err(findings) }
}

/// The NodePorts, from the manifests, of the Services to open.
pub fn node_ports(declared: &[project::Service], objects: &[Object]) -> Vec<Publish> {
    let opened = candidates(declared, objects, &Live::default()).unwrap_or_default();
    let ports = opened
        .into_iter()
        .filter_map(|item| Some(Publish { node: item.port.node_port?, local: item.local_port }));
    ports.collect()
}

#[expect(clippy::result_large_err, reason = "once per declared service")]
fn one(
    wanted: &project::Service,
    services: &[(Service, Option<Place>)],
    ingresses: &[(Ingress, Option<Place>)],
) -> Result<Candidate, Finding> {
    let name = wanted.name.as_str();
    let Some((service, _)) = services.iter().find(|(service, _)| named(service, name)) else {
        let others: Vec<String> = services
            .iter()
            .filter_map(|(service, _)| Some(format!("`{}`", service.metadata.name.as_ref()?)))
            .collect();
        let help = if others.is_empty() {
            "the manifests hold no Service: write one, or remove this entry".to_owned()
        } else {
            format!("the manifests hold {}", others.join(", "))
        };
        return Err(Code::ServiceNotFound.error(format!("there is no Service `{name}`")).help(help));
    };
    let port = best_port(service).ok_or_else(|| {
        Code::ServicePortNotFound
            .error(format!("the Service `{name}` has no TCP port that could be opened"))
            .help("give it a port in `spec.ports`, or open another Service")
    })?;
    let behind =
        ingresses.iter().find_map(|(ingress, _)| front(ingress, name)).filter(|_| port.node_port.is_none());
    let path = match &behind {
        Some((_, path)) if wanted.path == "/" => path.clone(),
        _ => wanted.path.clone(),
    };
    Ok(Candidate {
        service: wanted.name.clone(),
        place: Some(wanted.place.clone()),
        path,
        expect: wanted.expect.clone(),
        local_port: wanted.local_port,
        port,
        ingress: behind.map(|(front, _)| front),
    })
}

fn guess(services: &[(Service, Option<Place>)], ingresses: &[(Ingress, Option<Place>)]) -> Option<Candidate> {
    let candidate =
        |service: &Service, place: &Option<Place>, path: String, ingress: Option<IngressRoute>| {
            Some(Candidate {
                service: ObjectName::parse(service.metadata.name.clone()?).ok()?,
                place: place.clone(),
                path,
                expect: Expect { status: None, contains: None },
                local_port: None,
                port: best_port(service)?,
                ingress,
            })
        };
    let through_ingress = ingresses.iter().find_map(|(ingress, place)| {
        services.iter().find_map(|(service, _)| {
            let (front, path) = front(ingress, service.metadata.name.as_deref()?)?;
            candidate(service, place, path, Some(front))
        })
    });
    let exposed = |kind: &str| {
        // Only Services of the project: its namespace may contain others.
        let of_kind = services.iter().filter(|(service, place)| {
            place.is_some() && service.spec.as_ref().and_then(|spec| spec.type_.as_deref()) == Some(kind)
        });
        // `max_by_key` returns the last of equals, users expect the first.
        of_kind
            .rev()
            .filter_map(|(service, place)| {
                let port = ports(service).max_by_key(|(_, port)| likely(port))?;
                let rank = likely(port.1);
                (rank > 0).then_some((rank, service, place))
            })
            .max_by_key(|(rank, ..)| *rank)
            .and_then(|(_, service, place)| candidate(service, place, "/".to_owned(), None))
    };
    through_ingress.or_else(|| exposed("LoadBalancer")).or_else(|| exposed("NodePort"))
}

/// Written objects of a kind with their places, each as the cluster has it where it has it.
fn merged<K>(objects: &[Object], live: &[K], kind: &str) -> Vec<(K, Option<Place>)>
where
    K: DeserializeOwned + Clone + kube::Resource,
{
    let mut all: Vec<(K, Option<Place>)> = Vec::new();
    for object in objects.iter().filter(|object| object.kind() == kind) {
        let there = live.iter().find(|live| live.meta().name.as_deref() == Some(object.name())).cloned();
        if let Some(found) = there.or_else(|| serde::Deserialize::deserialize(&*object.value).ok()) {
            all.push((found, Some(object.place.clone())));
        }
    }
    for found in live {
        if !all.iter().any(|(known, _)| known.meta().name == found.meta().name) {
            all.push((found.clone(), None));
        }
    }
    all
}

fn named(service: &Service, name: &str) -> bool {
    service.metadata.name.as_deref() == Some(name)
}

impl Candidate {
    /// The routes to it, the one that lasts longest and needs least first. The last one is always a forward.
    pub(super) fn routes(&self, reach: &NodeNetwork) -> Vec<Route> {
        let mut routes = Vec::new();
        if let Some(front) = &self.ingress {
            let port = if front.tls { 443 } else { 80 };
            let mut ask = |address: String, port: u16| {
                let authority = authority(front.host.as_deref().unwrap_or(&address), port, front.tls);
                let connect = format!("{}:{port}", bracketed(&address));
                let question = Question { connect, authority, tls: front.tls, path: self.path.clone() };
                if !routes.iter().any(|route| *route == Route::Front(question.clone())) {
                    routes.push(Route::Front(question));
                }
            };
            if let Some(published) = reach.published.get(&port) {
                ask(here(*published).ip().to_string(), published.port());
            }
            for address in &front.addresses {
                ask(address.clone(), port);
            }
            if let Some(node) = reach.address {
                ask(node.to_string(), port);
            }
            routes.push(Route::Controller);
            routes.push(Route::Forward);
            return routes;
        }
        if let Some(published) = self.port.node_port.and_then(|port| reach.published.get(&port)) {
            let at = here(*published);
            routes.push(Route::Published(self.question(&at.ip().to_string(), at.port())));
        }
        for balancer in &self.port.balancers {
            routes.push(Route::Front(self.question(balancer, self.port.number)));
        }
        if let (Some(node), Some(port)) = (reach.address, self.port.node_port) {
            routes.push(Route::Node(self.question(&node.to_string(), port)));
        }
        routes.push(Route::Forward);
        routes
    }

    /// Whether an answer may be that of a controller that has not read the Ingress yet: a 404 that is not expected.
    pub(super) fn may_be_unread(&self, route: &Route, status: u16) -> bool {
        let through = self.ingress.is_some() && *route != Route::Forward;
        through && status == 404 && self.expect.status.is_none() && self.expect.contains.is_none()
    }

    /// The note about a port that speaks TLS, as in `question`, though its Service does not declare that.
    pub(super) fn unsaid_tls(&self, question: &Question) -> Option<String> {
        let unsaid = question.tls && !self.port.tls && self.ingress.is_none();
        unsaid.then(|| {
            format!("port {} speaks TLS; `appProtocol: https` in the Service says so", self.port.number)
        })
    }

    /// The request to a local port that is forwarded to the controller of the Ingress.
    pub(super) fn through(&self, front: &IngressRoute, at: SocketAddr) -> Question {
        let host = front.host.clone().unwrap_or_else(|| at.ip().to_string());
        let (connect, authority) = (at.to_string(), authority(&host, at.port(), front.tls));
        Question { connect, authority, tls: front.tls, path: self.path.clone() }
    }

    /// The question at an address.
    pub(super) fn question(&self, address: &str, port: u16) -> Question {
        Question {
            connect: format!("{}:{port}", bracketed(address)),
            authority: authority(address, port, self.port.tls),
            tls: self.port.tls,
            path: self.path.clone(),
        }
    }

    /// The question through a forward that listens at `at`.
    pub(super) fn forwarded(&self, at: SocketAddr) -> Question {
        self.question(&at.ip().to_string(), at.port())
    }
}

fn authority(address: &str, port: u16, tls: bool) -> String {
    let address = bracketed(address);
    if port == if tls { 443 } else { 80 } { address } else { format!("{address}:{port}") }
}

fn bracketed(address: &str) -> String {
    if address.contains(':') && !address.starts_with('[') {
        format!("[{address}]")
    } else {
        address.to_owned()
    }
}

/// A port that is published on every address is available on this one too.
fn here(published: SocketAddr) -> SocketAddr {
    if published.ip().is_unspecified() {
        SocketAddr::new(IpAddr::from([127, 0, 0, 1]), published.port())
    } else {
        published
    }
}

#[cfg(test)]
mod tests;
