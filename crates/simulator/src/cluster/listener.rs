//! NodePorts, and host ports behind a Service: listeners at the node's address.
//!
//! A NodePort forwards according to kube-proxy's rules, and kube-proxy writes them at most once a second
//! (`minSyncPeriod`; `kubernetes: pkg/proxy/iptables`): after the endpoints have changed, the old rules hold for up to
//! that long. Meanwhile connections go to the previous endpoints: a terminating pod answers, and for a deleted pod
//! nothing answers, not even with a refusal. Without an endpoint the rules reject: connections are refused.

use crate::cluster::backend::backends;
use crate::cluster::backend::one_of;
use crate::cluster::endpoints;
use crate::cluster::page;
use crate::cluster::task::Controller;
use crate::cluster::task::Task;
use crate::cluster::world::World;
use crate::kinds;
use crate::lost::Lost;
use crate::random;
use crate::request::text;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The longest that kube-proxy lets new endpoints wait, in milliseconds.
const SYNC: u64 = 1_000;

/// Until what was ended has ended.
const SOON: Duration = Duration::from_millis(1);

/// The ports of the first node.
#[derive(Default)]
pub(super) struct Doors {
    ports: Mutex<BTreeMap<PortId, Port>>,
    shut: Mutex<BTreeMap<u16, String>>,
}

/// Where a port is, and its Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct PortId {
    namespace: String,
    service: String,
    /// Which port of the Service.
    index: usize,
    /// The node's port.
    number: u16,
    /// Whether it is a container's own, which needs no rules.
    of_host: bool,
}

/// A pod by its name and its UID.
type Pod = (String, String);

/// A port of the node.
#[derive(Default)]
struct Port {
    /// The pods that the rules name.
    leads: BTreeSet<Pod>,
    /// When the rules are rewritten, if that is due.
    due: Option<Instant>,
    /// How often they were.
    written: u64,
    now: ListenerState,
}

/// What a connection finds there.
#[derive(Default)]
enum ListenerState {
    /// A refusal.
    #[default]
    Shut,
    /// A pod.
    Open(#[expect(dead_code, reason = "it listens for as long as it is held")] Listener),
    /// A deleted pod: nothing answers.
    Lost(#[expect(dead_code, reason = "it is there for as long as it is held")] Lost),
}

struct Listener(JoinHandle<()>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Doors {
    /// Opens and shuts the ports of one Service, and returns when to check again.
    pub(super) fn check(
        &self,
        world: &Arc<World>,
        namespace: &str,
        name: &str,
        later: &mut Vec<(Duration, Task)>,
    ) {
        let Some(address) = world.settings.nodes.first().map(|node| node.address) else { return };
        let desired = desired(world, namespace, name);
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.retain(|place, _| {
            place.namespace != namespace || place.service != name || desired.contains_key(place)
        });
        for (place, pods) in desired {
            let port = ports.entry(place.clone()).or_default();
            let followed = port.follow(&place, pods);
            let turned = self.turn(world, address, place, port);
            if let Some(wait) = turned.or(followed) {
                later.push((wait, Task::named(Controller::Endpoints, namespace, name)));
            }
        }
    }

    /// Sets the state of a port from its rules and their pods; returns when to check again, if that takes two steps.
    fn turn(&self, world: &Arc<World>, address: IpAddr, place: PortId, port: &mut Port) -> Option<Duration> {
        let there = port.leads.iter().any(|(name, uid)| {
            world
                .get(kinds::POD, &place.namespace, name)
                .is_some_and(|pod| text(&pod["metadata"]["uid"]) == *uid)
        });
        let at = SocketAddr::new(address, place.number);
        let turned = match (&port.now, there, port.leads.is_empty()) {
            (ListenerState::Open(_), true, _)
            | (ListenerState::Lost(_), false, false)
            | (ListenerState::Shut, _, true) => return None,
            (_, true, _) => {
                // The previous state still holds the port.
                port.now = ListenerState::Shut;
                listen(at).map(|listener| {
                    let number = place.number;
                    let accepting = accept(listener, Arc::downgrade(world), place);
                    self.shut.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
                    ListenerState::Open(Listener(tokio::spawn(accepting)))
                })
            }
            (ListenerState::Open(_), false, false) => {
                // The listener is there until its task has ended.
                port.now = ListenerState::Shut;
                return Some(SOON);
            }
            (_, false, false) => Lost::at(at).map(ListenerState::Lost),
            (_, false, true) => Ok(ListenerState::Shut),
        };
        match turned {
            Ok(now) => port.now = now,
            Err(why) => {
                self.shut.lock().unwrap_or_else(PoisonError::into_inner).insert(at.port(), why.to_string());
            }
        }
        None
    }

    /// The pods that the rules of a port name.
    fn leads(&self, place: &PortId) -> BTreeSet<Pod> {
        let ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.get(place).map(|port| port.leads.clone()).unwrap_or_default()
    }

    pub(super) fn open_ports(&self) -> BTreeSet<u16> {
        let ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let open = ports.iter().filter(|(_, port)| matches!(port.now, ListenerState::Open(_)));
        open.map(|(place, _)| place.number).collect()
    }

    pub(super) fn shut(&self) -> BTreeMap<u16, String> {
        self.shut.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn close_all(&self) {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Port {
    /// Follows the endpoints, as late as kube-proxy does; after how long to look again, if they are not followed yet.
    fn follow(&mut self, place: &PortId, pods: BTreeSet<Pod>) -> Option<Duration> {
        if self.leads == pods {
            self.due = None;
            return None;
        }
        let now = Instant::now();
        let wait = random::hash(&format!("{}/{} {}", place.namespace, place.service, self.written)) % SYNC;
        let wait = if place.of_host { Duration::ZERO } else { Duration::from_millis(wait) };
        let left = self.due.get_or_insert(now + wait).duration_since(now);
        if !left.is_zero() {
            return Some(left);
        }
        (self.leads, self.due) = (pods, None);
        self.written += 1;
        None
    }
}

/// The ports that a Service has on the node, and the pods that each forwards to.
fn desired(world: &World, namespace: &str, name: &str) -> BTreeMap<PortId, BTreeSet<Pod>> {
    let service = world.get(kinds::SERVICE, namespace, name).unwrap_or_default();
    let backends = backends(world, &service);
    let key = |pod: &Value| (text(&pod["metadata"]["name"]), text(&pod["metadata"]["uid"]));
    let mut desired: BTreeMap<PortId, BTreeSet<Pod>> = BTreeMap::new();
    for (index, port) in service["spec"]["ports"].as_array().into_iter().flatten().enumerate() {
        let place = |number: u64, of_host| {
            let (namespace, service) = (namespace.to_owned(), name.to_owned());
            u16::try_from(number).ok().map(|number| PortId { namespace, service, index, number, of_host })
        };
        if let Some(place) = port["nodePort"].as_u64().and_then(|number| place(number, false)) {
            desired.insert(place, backends.iter().map(key).collect());
        }
        for pod in &backends {
            if let Some(place) = host_port(port, pod).and_then(|number| place(number, true)) {
                desired.entry(place).or_default().insert(key(pod));
            }
        }
    }
    desired
}

fn listen(at: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(at)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn accept(listener: TcpListener, world: Weak<World>, place: PortId) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let Some(world) = world.upgrade() else { return };
        connections.spawn(lead(world, place.clone(), stream));
    }
}

/// Forwards a connection to a pod of the rules; where nothing listens it is closed.
async fn lead(world: Arc<World>, place: PortId, stream: TcpStream) {
    let service = world.get(kinds::SERVICE, &place.namespace, &place.service).unwrap_or_default();
    let leads = world.doors.leads(&place);
    let pods = leads.iter().filter_map(|(name, uid)| {
        let pod = world.get(kinds::POD, &place.namespace, name)?;
        (text(&pod["metadata"]["uid"]) == *uid).then_some(pod)
    });
    if let Ok(app) = one_of(&world, &pods.collect::<Vec<_>>(), &service["spec"]["ports"][place.index]) {
        let _ = stream.set_nodelay(true);
        page::serve(stream, world, app).await;
    }
}

/// The container's host port for the target of a Service port.
fn host_port(port: &Value, pod: &Value) -> Option<u64> {
    let target = endpoints::target(port, pod)?;
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut declared = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    declared.find(|declared| declared["containerPort"] == target)?["hostPort"].as_u64()
}
