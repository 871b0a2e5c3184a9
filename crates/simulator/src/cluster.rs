//! A cluster in this process: the API server of [`crate::api`] with the controllers that matter behind it.
//!
//! Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, claims, quotas, namespaces, endpoints, NodePorts, the
//! garbage collector, the scheduler and the kubelets do what the real ones do and report it in the same words. All of
//! it waits on tokio's clock only, so where that is paused an hour takes a moment, and the same seed gives the same
//! history.
//!
//! # Not simulated
//! No schema (a field that Kubernetes does not know is kept), no rights (everybody may do everything), no network between
//! pods, no TLS of Ingresses, no load balancers, no taints, no CronJob runs, no autoscaling, no webhooks, no Helm. A
//! pod has no `kube-api-access` volume. Programs are not run: [`image::App`] defines what they do, and of shell scripts
//! only the commonest words are understood.
//!
//! # How near it is
//! All directories of `tests/failures` are reported as on a real cluster. Where the API server differs from a real one
//! in the same acts is listed in `tests/fidelity/explained.toml`, with the reason; `real::fidelity` compares them. What
//! cannot be seen there is known, too: the names of ReplicaSets end in other letters than the real hash; pods get their
//! addresses from one range on all nodes; `kube-system` is empty; a quantity stays as it is written (`1000m` is not
//! made `1`); a container's first probe comes at once, not at a chance moment of its period; a node that is stopped
//! stays `Ready`, as after `minikube stop`.

mod backend;
mod claim;
mod collector;
mod ctx;
mod daemon_set;
mod deployment;
mod ending;
mod endpoints;
pub mod fault;
mod forward;
pub mod image;
mod ingress;
mod job;
mod kubelet;
mod listener;
mod namespace;
mod page;
mod program;
mod queue;
mod quota;
mod reading;
mod replica_set;
mod scheduler;
mod serving;
mod stateful_set;
mod task;
mod template;
mod token;
mod world;

use crate::api::Api;
use crate::clock::Clock;
use crate::cluster::fault::Faults;
use crate::cluster::image::Images;
use crate::cluster::kubelet::Kubelet;
use crate::cluster::listener::Doors;
use crate::cluster::world::World;
use crate::kinds;
use crate::memory::Rules;
use crate::random::Rng;
use crate::request::text;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a cluster is made of.
#[derive(Clone)]
pub struct Settings {
    /// What its objects' times are taken from.
    pub clock: Clock,
    /// Names, addresses and latencies follow from it.
    pub seed: u64,
    /// Its nodes; the first one has the NodePorts.
    pub nodes: Vec<Node>,
    /// What the nodes have and can get.
    pub images: Arc<dyn Images>,
    /// What goes wrong.
    pub faults: Arc<dyn Faults>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name, which is the profile's for the first one.
    pub name: String,
    /// CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// Where it is reached. NodePorts are opened there if it is an address of this machine.
    pub address: IpAddr,
}

/// The cluster. Cheap to clone; all clones are the same one, and it ends with the last of them.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    world: Arc<World>,
    control: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(task) = self.control.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
        self.world.kubelet.power_off();
        self.world.doors.close_all();
    }
}

impl Cluster {
    /// Starts the cluster on the current runtime.
    #[must_use]
    pub fn start(settings: Settings) -> Cluster {
        let rules = Rules { clock: settings.clock.clone(), rng: Rng::new(settings.seed) };
        let world = World {
            api: Api::of_cluster(rules),
            settings,
            kubelet: Kubelet::default(),
            doors: Doors::default(),
            power: watch::channel(true).0,
        };
        world.furnish();
        let cluster =
            Cluster { inner: Arc::new(Inner { world: Arc::new(world), control: Mutex::default() }) };
        cluster.control();
        cluster
    }

    fn control(&self) {
        let task = tokio::spawn(Arc::clone(&self.inner.world).control());
        let before = self.inner.control.lock().unwrap_or_else(PoisonError::into_inner).replace(task);
        if let Some(before) = before {
            before.abort();
        }
    }

    /// Answers the requests of one connection until it is closed or the nodes stop. HTTP/1.1, upgrades included.
    pub async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let world = Arc::clone(&self.inner.world);
        let mut power = world.power.subscribe();
        let service = service_fn(move |request| serving::handle(Arc::clone(&world), request));
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
        tokio::select! {
            _ = connection => {}
            _ = power.wait_for(|on| !*on) => {}
        }
    }

    /// Stops the nodes: connections break, containers end, objects stay.
    pub fn stop(&self) {
        self.inner.world.power.send_replace(false);
        if let Some(task) = self.inner.control.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
        self.inner.world.kubelet.power_off();
        self.inner.world.doors.close_all();
    }

    /// Starts the nodes again: containers are restarted.
    pub fn resume(&self) {
        self.inner.world.power.send_replace(true);
        self.control();
    }

    /// The objects, for a test that changes them during the run.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.inner.world.api
    }

    /// Everything there is as `Kind namespace/name`, without what differs from run to run (UIDs, versions, times,
    /// addresses, generated names, how often something was started). No events, and no Leases.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, Value> {
        self.inner.world.api.with(|memory| ending::objects(memory))
    }

    /// The claims as `namespace/name`, each with the UID of its volume: the contents of a volume exist as long as the
    /// volume.
    #[must_use]
    pub fn volumes(&self) -> BTreeMap<String, String> {
        self.inner.world.ctx(|ctx| {
            let claims = ctx.find(kinds::CLAIM, None, |claim| claim["status"]["phase"] == "Bound");
            let volume = |claim: &Value| {
                let volume = ctx.get(kinds::VOLUME, "", &text(&claim["spec"]["volumeName"]))?;
                let metadata = &claim["metadata"];
                let name = format!("{}/{}", text(&metadata["namespace"]), text(&metadata["name"]));
                Some((name, text(&volume["metadata"]["uid"])))
            };
            claims.iter().filter_map(volume).collect()
        })
    }

    /// Fills the free capacity of every node with pods that are not the project's.
    pub fn fill(&self) {
        self.inner.world.ctx(scheduler::fill);
    }

    /// Creates the objects that do not exist yet, as an addon does.
    pub(crate) fn install(&self, objects: Vec<Value>) {
        self.inner.world.ctx(|ctx| {
            for object in objects {
                let kind = [&object["apiVersion"], &object["kind"]].map(text);
                if let Some(kind) = kinds::named(&kind[0], &kind[1]) {
                    // Refused only where it is there.
                    let _ = ctx.make(*kind, object);
                }
            }
        });
    }

    /// The NodePorts and host ports that answer at the first node's address.
    #[must_use]
    pub fn open_ports(&self) -> BTreeSet<u16> {
        self.inner.world.doors.open_ports()
    }

    /// The ports of the node that this machine would not open, each with its reason.
    #[must_use]
    pub fn shut_ports(&self) -> BTreeMap<u16, String> {
        self.inner.world.doors.shut()
    }
}

impl World {
    /// What a new minikube has.
    fn furnish(&self) {
        self.ctx(|ctx| {
            for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
                ctx.put(json!({"apiVersion": "v1", "kind": "Namespace",
                    "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                    "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}));
            }
            ctx.put(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                "metadata": {"name": "standard",
                    "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
                "provisioner": "k8s.io/minikube-hostpath", "reclaimPolicy": "Delete",
                "volumeBindingMode": "Immediate"}));
            ctx.put(json!({"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": "kubernetes", "namespace": "default",
                    "labels": {"component": "apiserver", "provider": "kubernetes"}},
                "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"],
                    "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 8443}]}}));
            // What minikube makes last.
            ctx.put(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": {"name": "minikube-rbac"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "kube-system"}]}));
            let stamp = ctx.stamp();
            for (index, node) in self.settings.nodes.iter().enumerate() {
                ctx.put(of_node(node, index == 0, &stamp));
            }
        });
    }
}

fn of_node(node: &Node, first: bool, stamp: &str) -> Value {
    let amounts = json!({"cpu": node.cpus.to_string(), "memory": format!("{}Ki", u64::from(node.memory) * 1024),
        "pods": "110", "ephemeral-storage": "100Gi"});
    let mut labels = json!({"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64", "minikube.k8s.io/name": node.name});
    if first {
        labels["node-role.kubernetes.io/control-plane"] = json!("");
    }
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({"type": kind, "status": status, "reason": reason, "lastHeartbeatTime": stamp,
            "lastTransitionTime": stamp})
    };
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node.name, "labels": labels},
        "spec": {"podCIDR": "10.244.0.0/24"},
        "status": {"capacity": amounts, "allocatable": amounts,
            "addresses": [{"type": "InternalIP", "address": node.address.to_string()},
                {"type": "Hostname", "address": node.name}],
            "conditions": [condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("Ready", "True", "KubeletReady")],
            "nodeInfo": {"kubeletVersion": "v1.35.1", "containerRuntimeVersion": "docker://28.4.0",
                "architecture": "amd64", "operatingSystem": "linux"}}})
}
