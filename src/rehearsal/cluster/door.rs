//! NodePorts, and host ports behind a Service: listeners at the node's address, open while somebody stands behind them.

use crate::rehearsal::cluster::endpoints;
use crate::rehearsal::cluster::image::App;
use crate::rehearsal::cluster::page;
use crate::rehearsal::cluster::reading::is_dying;
use crate::rehearsal::cluster::reading::is_ready;
use crate::rehearsal::cluster::world::World;
use crate::rehearsal::kinds;
use crate::rehearsal::request::text;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::task::JoinSet;

/// The doors of the first node.
#[derive(Default)]
pub(super) struct Doors {
    open: Mutex<BTreeMap<Place, Door>>,
    shut: Mutex<BTreeMap<u16, String>>,
}

/// Where a door is, and where it leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    namespace: String,
    service: String,
    /// Which port of the Service.
    index: usize,
    /// The node's port.
    number: u16,
}

struct Door(JoinHandle<()>);

impl Drop for Door {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why nobody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nobody {
    /// No pod that is ready.
    NoPod,
    /// A pod in which nothing listens.
    Refused,
}

impl Doors {
    /// Opens and shuts the doors of one Service.
    pub(super) fn look(&self, world: &Arc<World>, namespace: &str, name: &str) {
        let service = world.get(kinds::SERVICE, namespace, name).unwrap_or_default();
        let pods = backends(world, &service);
        let mut wanted: BTreeSet<Place> = BTreeSet::new();
        for (index, port) in service["spec"]["ports"].as_array().into_iter().flatten().enumerate() {
            let of_node = port["nodePort"].as_u64().filter(|_| !pods.is_empty());
            let of_host = pods.iter().filter_map(|pod| host_port(port, pod));
            let numbers = of_node.into_iter().chain(of_host).filter_map(|number| u16::try_from(number).ok());
            let at =
                |number| Place { namespace: namespace.to_owned(), service: name.to_owned(), index, number };
            wanted.extend(numbers.map(at));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|place, _| {
            place.namespace != namespace || place.service != name || wanted.contains(place)
        });
        let Some(address) = world.settings.nodes.first().map(|node| node.address) else { return };
        for place in wanted {
            if open.contains_key(&place) {
                continue;
            }
            let number = place.number;
            match listen(address, number) {
                Ok(listener) => {
                    self.shut.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
                    let task = tokio::spawn(accept(listener, Arc::downgrade(world), place.clone()));
                    open.insert(place, Door(task));
                }
                Err(why) => {
                    self.shut.lock().unwrap_or_else(PoisonError::into_inner).insert(number, why.to_string());
                }
            }
        }
    }

    pub(super) fn open(&self) -> BTreeSet<u16> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).keys().map(|place| place.number).collect()
    }

    pub(super) fn shut(&self) -> BTreeMap<u16, String> {
        self.shut.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn close_all(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn listen(address: IpAddr, number: u16) -> std::io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(SocketAddr::new(address, number))?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// The pods that a Service leads to.
fn backends(world: &World, service: &Value) -> Vec<Value> {
    let Some(selector) = service["spec"]["selector"].as_object().filter(|all| !all.is_empty()) else {
        return Vec::new();
    };
    let namespace = text(&service["metadata"]["namespace"]);
    world.hand(|hand| {
        hand.find(kinds::POD, Some(&namespace), |pod| {
            let labels = &pod["metadata"]["labels"];
            is_ready(pod)
                && !is_dying(pod)
                && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        })
    })
}

async fn accept(listener: TcpListener, world: Weak<World>, place: Place) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let Some(world) = world.upgrade() else { return };
        connections.spawn(lead(world, place.clone(), stream));
    }
}

/// Leads a connection to a pod; where nothing listens it is closed, as kube-proxy's rules have it.
async fn lead(world: Arc<World>, place: Place, stream: TcpStream) {
    let service = world.get(kinds::SERVICE, &place.namespace, &place.service).unwrap_or_default();
    if let Ok(app) = behind(&world, &service, place.index) {
        let _ = stream.set_nodelay(true);
        page::answer(stream, world, app).await;
    }
}

/// What answers behind a port of a Service: in one of its pods, by chance.
pub(super) fn behind(world: &World, service: &Value, index: usize) -> Result<App, Nobody> {
    let pods = backends(world, service);
    let count = u64::try_from(pods.len()).unwrap_or(0);
    let chosen = usize::try_from(world.hand(|hand| hand.chance(0, count.max(1)))).unwrap_or(0);
    let pod = pods.get(chosen).ok_or(Nobody::NoPod)?;
    let port = endpoints::target(&service["spec"]["ports"][index], pod).ok_or(Nobody::NoPod)?;
    let [namespace, name] = ["namespace", "name"].map(|field| text(&pod["metadata"][field]));
    let running = world.kubelet.running(&namespace, &name);
    running.and_then(|running| running.behind(port)).ok_or(Nobody::Refused)
}

/// The port of the node that a container keeps for what a port of a Service leads to.
fn host_port(port: &Value, pod: &Value) -> Option<u64> {
    let target = endpoints::target(port, pod)?;
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut declared = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    declared.find(|declared| declared["containerPort"] == target)?["hostPort"].as_u64()
}
