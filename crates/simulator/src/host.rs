//! A machine in this process: an engine, a minikube and its cluster, each behind a port of its own, and a directory with the
//! files that minikube keeps, certificates and a kubeconfig.

mod left;
mod pods;

use crate::certificates::Seal;
use crate::clock::Clock;
use crate::cluster;
use crate::cluster::Cluster;
use crate::cluster::image::Page;
use crate::engine::Engine;
use crate::engine::Machine;
use crate::injector::FaultInjector;
use crate::listener::Listener;
use crate::minikube::Inner;
use crate::minikube::Minikube;
use crate::request::Ask;
use crate::scenario::Event;
use crate::scenario::Scenario;
use crate::scenario::What;
use crate::scenario::When;
use crate::virtual_clock::Running;
use crate::virtual_clock::VirtualClock;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How long nothing of the node listens while its engine restarts.
const RESTART: Duration = Duration::from_secs(3);

/// How soon after its start the ports of a node that had ended listen again.
const REOPENS: Duration = Duration::from_millis(20);

/// What a machine is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The profile that the node is of, once there is one.
    pub profile: String,
    /// What follows at random follows from it.
    pub seed: u64,
    /// Speed factor of its clock; as fast as possible if not given.
    pub speed: Option<f64>,
    /// The injected faults.
    pub scenario: Scenario,
    /// What time it is at the beginning.
    pub start: Timestamp,
}

/// The machine.
pub struct Host {
    folder: PathBuf,
    front: SocketAddr,
    injector: FaultInjector,
    clock: Clock,
    outer: Engine,
    node: Engine,
    cluster: Cluster,
    profile: String,
    minikube: Minikube,
    events: Vec<Event>,
    doors: Arc<Mutex<Vec<Listener>>>,
    reopen: Reopen,
    _running: Running,
}

/// What opening the node's ports again takes.
#[derive(Clone)]
struct Reopen {
    docker: SocketAddr,
    api: SocketAddr,
    certificates: Seal,
    virtual_clock: VirtualClock,
    injector: FaultInjector,
    node: Engine,
    cluster: Cluster,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Host({})", self.folder.display())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The cluster has the engine's images, and the engine knows the cluster's pods.
        self.node.used_by(Vec::new);
        self.cluster.stop();
    }
}

/// A loopback address that no other rehearsal has, where the system has more than one.
fn address() -> Option<IpAddr> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    if !cfg!(any(target_os = "linux", target_os = "windows")) {
        return None;
    }
    let number = COUNT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().wrapping_mul(1_009));
    let [_, second, third, fourth] = number.wrapping_mul(254).to_be_bytes();
    Some(IpAddr::V4(Ipv4Addr::new(127, 64 | second & 63, third, fourth | 2)))
}

impl Host {
    /// Starts the machine with its files in `folder`, on the current runtime, whose time must be paused and which must have one thread. There is no
    /// profile yet.
    ///
    /// # Errors
    /// When a file cannot be written, or no port of this machine be opened.
    pub async fn open(folder: &Path, settings: Settings) -> io::Result<Host> {
        let Settings { profile, seed, speed, scenario, start } = settings;
        let (clock, virtual_clock) = (Clock::starting_at(start), VirtualClock::default());
        let events = scenario.events.clone();
        let injector = FaultInjector::new(scenario);
        let machine =
            Machine { cpus: 8, memory_mib: 16_384, clock: clock.clone(), injector: injector.clone() };
        let (outer, node) = (Engine::new(machine.clone()), Engine::new(machine));
        let address = address();
        let node_address = address.unwrap_or(IpAddr::V4(Ipv4Addr::new(192, 168, 49, 2)));
        let cluster = Cluster::start(cluster::Settings {
            clock: clock.clone(),
            seed,
            nodes: vec![cluster::Node {
                name: profile.clone(),
                cpus: 8,
                memory: 16_384,
                address: node_address,
            }],
            images: Arc::new(node.clone()),
            faults: Arc::new(injector.clone()),
        });
        // There is no node yet.
        cluster.stop();
        let used = cluster.clone();
        node.used_by(move || pods::containers(&used));

        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let certificates = Seal::make(&[local, node_address])?;
        let any = SocketAddr::new(local, 0);
        let served = outer.clone();
        let front = Listener::open(
            any,
            certificates.acceptor(),
            virtual_clock.clone(),
            injector.clone(),
            move |stream| {
                let engine = served.clone();
                async move { engine.serve(stream).await }
            },
        )
        .await?;
        let mut reopen = Reopen {
            docker: any,
            api: any,
            certificates: certificates.clone(),
            virtual_clock: virtual_clock.clone(),
            injector: injector.clone(),
            node: node.clone(),
            cluster: cluster.clone(),
        };
        let [docker, api] = reopen.doors().await?;
        (reopen.docker, reopen.api) = (docker.address, api.address);

        let at = |name: &str| folder.join(name);
        let minikube = Minikube::new(Inner {
            home: at("minikube").join(".minikube"),
            kubeconfig: at("kubeconfig"),
            certificates: certificates.clone(),
            host: outer.clone(),
            node: node.clone(),
            cluster: cluster.clone(),
            booted: AtomicBool::new(false),
            docker: docker.address,
            api: api.address,
            address,
            clock: clock.clone(),
            injector: injector.clone(),
            virtual_clock: virtual_clock.clone(),
            inside: "curl 0 200\ntcp 0\n".to_owned(),
        });
        certificates.write(&at("certs"), ["ca.pem", "cert.pem", "key.pem"])?;
        std::fs::create_dir_all(at("home"))?;
        std::fs::write(at("hosts"), "127.0.0.1 localhost\n")?;
        let front_address = front.address;
        let doors = Arc::new(Mutex::new(vec![front, docker, api]));
        let running = virtual_clock.run(speed);
        Ok(Host {
            folder: folder.to_owned(),
            front: front_address,
            injector,
            clock,
            outer,
            node,
            cluster,
            profile,
            minikube,
            events,
            doors,
            reopen,
            _running: running,
        })
    }

    /// Where the machine's own engine listens, with TLS by the certificates in `certs` of the directory.
    #[must_use]
    pub fn engine(&self) -> SocketAddr {
        self.front
    }

    /// What time it is in the machine.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The program `minikube`.
    #[must_use]
    pub fn minikube(&self) -> &Minikube {
        &self.minikube
    }

    /// The gate that every call passes.
    #[must_use]
    pub fn injector(&self) -> &FaultInjector {
        &self.injector
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Lets another scenario go wrong from now on.
    pub fn disturb(&mut self, scenario: Scenario) {
        self.events.clone_from(&scenario.events);
        self.injector.play(scenario);
    }

    /// Lets containers of images with this label answer with `page`.
    pub fn answers(&self, label: &str, value: &str, page: Page) {
        self.node.answers(label, value, page);
    }

    /// Performs the scenario's concurrent changes; `second` is a second run of the same command.
    pub async fn meanwhile<F: Future<Output = ()>>(&self, second: impl Fn() -> F) {
        let (began, effects) = (Instant::now(), self.injector.effects());
        let mut left: Vec<&Event> = self.events.iter().collect();
        let mut runs = Vec::new();
        while !left.is_empty() {
            let (due, later): (Vec<&Event>, Vec<&Event>) =
                left.into_iter().partition(|event| match event.when {
                    When::At(time) => began.elapsed() >= time,
                    When::Effect(number) => self.injector.effects() >= effects + number,
                });
            left = later;
            for event in due {
                if event.what == What::SecondRun {
                    runs.push(second());
                } else {
                    self.happen(&event.what);
                }
            }
            if left.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        futures::future::join_all(runs).await;
    }

    /// Lets something happen now. A second run is not the machine's to begin.
    pub fn happen(&self, what: &What) {
        match what {
            What::Kill => self.injector.kill(),
            What::ClockJump(seconds) => self.clock.set_by(*seconds),
            What::ImageVanish(pattern) => self.node.lose(pattern),
            What::NodeFull => self.cluster.fill(),
            // It comes back whatever becomes of the run.
            What::EngineRestart => self.shut_until(tokio::time::sleep(RESTART)),
            What::NodeStop => {
                if self.minikube.kill_node(&self.profile) {
                    let (minikube, profile) = (self.minikube.clone(), self.profile.clone());
                    self.shut_until(async move {
                        while !minikube.runs(&profile) {
                            tokio::time::sleep(REOPENS).await;
                        }
                    });
                }
            }
            What::Edit { path, patch } => self.request("PATCH", path, patch.clone()),
            What::Delete { path } => self.request("DELETE", path, Value::Null),
            What::SecondRun => {}
        }
    }

    /// The node's ports are closed until then; connections to it break.
    fn shut_until(&self, then: impl Future<Output = ()> + Send + 'static) {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner).truncate(1);
        self.node.restart();
        let (doors, reopen) = (Arc::downgrade(&self.doors), self.reopen.clone());
        tokio::spawn(async move {
            then.await;
            // A host that is gone has no ports.
            if doors.strong_count() > 0
                && let Ok(opened) = reopen.doors().await
                && let Some(doors) = doors.upgrade()
            {
                let mut doors = doors.lock().unwrap_or_else(PoisonError::into_inner);
                doors.truncate(1);
                doors.extend(opened);
            }
        });
    }

    fn request(&self, method: &str, path: &str, body: Value) {
        let ask = Ask {
            method: method.to_owned(),
            path: path.to_owned(),
            query: BTreeMap::from([("fieldManager".to_owned(), "somebody".to_owned())]),
            content: "application/merge-patch+json".to_owned(),
            body,
        };
        let _ = self.cluster.api().handle(&ask);
    }
}

impl Reopen {
    /// Opens the ports of the node's engine and of the API server.
    async fn doors(&self) -> io::Result<[Listener; 2]> {
        let Reopen { docker, api, certificates, virtual_clock, injector, node, cluster } = self.clone();
        let docker = Listener::open(
            docker,
            certificates.acceptor(),
            virtual_clock.clone(),
            injector.clone(),
            move |stream| {
                let engine = node.clone();
                async move { engine.serve(stream).await }
            },
        )
        .await?;
        let api = Listener::open(api, certificates.acceptor(), virtual_clock, injector, move |stream| {
            let cluster = cluster.clone();
            async move { cluster.serve(stream).await }
        })
        .await?;
        Ok([docker, api])
    }
}
