//! minikube, played: the files that it keeps of a profile, the container that is its node, and what it prints.
//!
//! It does what the real one does in the order in which it does it, so a start that is aborted leaves the same state as
//! the real one does. Not a full minikube: sub-commands that the program never calls exit with code 64 and a message.

pub(crate) mod addons;
mod arguments;
mod files;
mod print;
mod start;

use crate::certificates::Seal;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::engine::Engine;
use crate::injector::Effect;
use crate::injector::FaultInjector;
use crate::scenario::Does;
use crate::scenario::Party;
use crate::virtual_clock::Real;
use crate::virtual_clock::VirtualClock;
use arguments::Arguments;
pub use print::Print;
use print::Printer;
pub use print::Stream;
use serde_json::Value;
use serde_json::json;
use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The version that it claims to be.
const VERSION: &str = "v1.38.1";

/// The Kubernetes that it makes unless another is requested.
const KUBERNETES: &str = "v1.35.1";

/// What it starts, and where that is.
#[derive(Clone)]
pub struct Minikube(Arc<Inner>);

pub(crate) struct Inner {
    /// `.minikube`.
    pub(crate) home: PathBuf,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) certificates: Seal,
    /// The engine in which the node is a container.
    pub(crate) host: Engine,
    /// The engine in the node.
    pub(crate) node: Engine,
    pub(crate) cluster: Cluster,
    /// Whether the node's control plane was booted since its container was started.
    pub(crate) booted: AtomicBool,
    /// Where the node's engine is published.
    pub(crate) docker: SocketAddr,
    /// Where the API server is published.
    pub(crate) api: SocketAddr,
    /// The node's own address, if this machine can reach it.
    pub(crate) address: Option<IpAddr>,
    pub(crate) clock: Clock,
    pub(crate) injector: FaultInjector,
    pub(crate) virtual_clock: VirtualClock,
    /// What the node answers to `minikube ssh`.
    pub(crate) inside: String,
}

/// Why it ended: its exit code.
type Ended = Result<(), i32>;

impl fmt::Debug for Minikube {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Minikube")
    }
}

impl Minikube {
    pub(crate) fn new(inner: Inner) -> Minikube {
        Minikube(Arc::new(inner))
    }

    /// Does what `minikube ARGUMENTS` does, and returns its exit code.
    pub async fn call(&self, arguments: &[OsString], print: Print) -> i32 {
        match self.run(&Arguments::parse(arguments), &Printer::new(print)).await {
            Ok(()) => 0,
            Err(code) => code,
        }
    }

    /// Lets real time pass while the returned guard exists: a real program runs.
    #[must_use]
    pub fn real_time(&self) -> Real {
        self.0.virtual_clock.real_time()
    }

    async fn run(&self, arguments: &Arguments, printer: &Printer) -> Ended {
        let what = arguments.words.join(" ");
        self.at(&what, false, printer).await?;
        let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["version"] => {
                printer.out(&json!({"commit": "rehearsal", "minikubeVersion": VERSION}).to_string());
                Ok(())
            }
            ["start"] => self.start(arguments, printer).await,
            ["status"] => self.status(arguments, printer),
            ["stop"] => self.stop(arguments, printer).await,
            ["delete"] => self.delete(arguments, printer).await,
            ["update-context"] => {
                files::kubeconfig(&self.0, arguments.profile(), true).map_err(|_| 80)?;
                printer.text("the context has been updated");
                Ok(())
            }
            ["unpause"] => Ok(()),
            ["addons", "enable", name] => self.enable(arguments, name, printer).await,
            ["addons", "list"] => {
                let addons = self.config(arguments.profile())["Addons"].clone();
                let listed = addons.as_object().into_iter().flatten();
                let listed = listed.map(|(name, on)| {
                    let status = if on == &json!(true) { "enabled" } else { "disabled" };
                    (name.clone(), json!({"Profile": arguments.profile(), "Status": status}))
                });
                printer.out(&Value::Object(listed.collect()).to_string());
                Ok(())
            }
            ["ip"] => {
                printer.out(&self.0.address.map(|address| address.to_string()).unwrap_or_default());
                Ok(())
            }
            ["profile", "list"] => {
                let config = self.config("minikube");
                let valid = if config.is_null() {
                    json!([])
                } else {
                    json!([{"Name": "minikube", "Status": "OK", "Config": config}])
                };
                printer.out(&json!({"invalid": [], "valid": valid}).to_string());
                Ok(())
            }
            ["docker-env"] => {
                let folder = self.0.home.join("certs");
                for (name, value) in [
                    ("DOCKER_TLS_VERIFY", "1".to_owned()),
                    ("DOCKER_HOST", format!("tcp://{}", self.0.docker)),
                    ("DOCKER_CERT_PATH", folder.display().to_string()),
                    ("MINIKUBE_ACTIVE_DOCKERD", arguments.profile().to_owned()),
                ] {
                    printer.out(&format!("export {name}=\"{value}\""));
                }
                Ok(())
            }
            ["ssh", ..] => {
                for line in self.0.inside.lines() {
                    printer.out(line);
                }
                Ok(())
            }
            _ => {
                printer.err(&format!("a rehearsed minikube does not know `minikube {what}`"));
                Err(64)
            }
        }
    }

    /// A step, as scenarios name it; it may go wrong here.
    async fn at(&self, what: &str, writes: bool, printer: &Printer) -> Ended {
        match self.0.injector.call(Party::Minikube, what, writes) {
            Effect::Well | Effect::Die => Ok(()),
            Effect::Badly(Does::Fail { code, message }) => {
                printer.failed("GUEST_PROVISION", i32::from(code), &message);
                Err(i32::from(code))
            }
            Effect::Badly(Does::Hang) => std::future::pending().await,
            Effect::Badly(Does::Slow(time)) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Effect::Badly(Does::Garbage) => {
                printer.out("{\"type\":\"io.k8s.sigs.minikube.step\",\"data\":\u{0}");
                printer.out("\u{1b}[31mE0101 klog\u{1b}[0m");
                Ok(())
            }
            // It exits without output, as if killed by a signal.
            Effect::Badly(Does::Cut(_) | Does::Close | Does::Gone) => Err(137),
        }
    }

    fn status(&self, arguments: &Arguments, printer: &Printer) -> Ended {
        let profile = arguments.profile();
        let state = self.inspected(profile).map(|node| node["State"]["Status"].clone());
        let (word, code) = match state.as_ref().and_then(Value::as_str) {
            _ if self.config(profile).is_null() => return Err(85),
            None => ("Nonexistent", 7),
            Some("running") => ("Running", 0),
            Some("paused") => ("Paused", 7),
            Some(_) => ("Stopped", 7),
        };
        let kubeconfig = if code == 0 { "Configured" } else { word };
        let stopped = code == 0 && !self.0.booted.load(Ordering::Relaxed);
        let (inside, code) = if stopped { ("Stopped", 2) } else { (word, code) };
        printer.out(&json!({"Name": profile, "Host": word, "Kubelet": inside, "APIServer": inside, "Kubeconfig": kubeconfig, "Worker": false}).to_string());
        if code == 0 { Ok(()) } else { Err(code) }
    }

    async fn stop(&self, arguments: &Arguments, printer: &Printer) -> Ended {
        let profile = arguments.profile();
        printer.step(0, "Stopping", &format!("Stopping node \"{profile}\" ..."));
        tokio::time::sleep(Duration::from_secs(3)).await;
        if self.inspected(profile).is_some() {
            self.off();
            self.contain(profile, None, "exited");
            self.at("STOPPED container", true, printer).await?;
        }
        printer.step(2, "Done", "1 node stopped.");
        Ok(())
    }

    async fn delete(&self, arguments: &Arguments, printer: &Printer) -> Ended {
        let profile = arguments.profile();
        printer.step(0, "Deleting", &format!("Deleting \"{profile}\" in docker ..."));
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.off();
        {
            let mut store = self.0.host.store();
            store.containers.remove(profile);
            store.volumes.remove(profile);
        }
        *self.0.node.store() = crate::engine::store::Store::default();
        files::forget(&self.0, profile);
        self.at("DELETED profile", true, printer).await?;
        printer.step(2, "Done", &format!("Removed all traces of the \"{profile}\" cluster."));
        Ok(())
    }

    async fn enable(&self, arguments: &Arguments, name: &str, printer: &Printer) -> Ended {
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.addons(arguments.profile(), std::iter::once(name)).map_err(|_| 80)?;
        self.at(&format!("ENABLED {name}"), true, printer).await?;
        printer.text(&format!("The '{name}' addon is enabled"));
        Ok(())
    }

    /// The node's container ends, as by `docker kill`; returns whether it ran.
    pub(crate) fn kill_node(&self, profile: &str) -> bool {
        let ran = self.runs(profile);
        if ran {
            self.off();
            self.contain(profile, None, "exited");
        }
        ran
    }

    /// Whether the node's container runs.
    pub(crate) fn runs(&self, profile: &str) -> bool {
        self.inspected(profile).is_some_and(|node| node["State"]["Status"] == "running")
    }

    fn off(&self) {
        self.0.booted.store(false, Ordering::Relaxed);
        self.0.cluster.stop();
    }

    fn addons<'a>(&self, profile: &str, names: impl Iterator<Item = &'a str>) -> std::io::Result<()> {
        let mut config = self.config(profile);
        if config["Addons"].is_null() {
            config["Addons"] = json!({});
        }
        for name in names {
            config["Addons"][name] = json!(true);
            self.0.cluster.install(addons::objects(name));
        }
        files::config(&self.0, profile, &config)
    }

    /// What it remembers of a profile; `null` if it knows none of that name.
    fn config(&self, profile: &str) -> Value {
        files::remembered(&self.0, profile)
    }

    fn inspected(&self, profile: &str) -> Option<Value> {
        self.0.host.store().containers.get(profile).map(|container| container.inspected.clone())
    }

    /// The node's container as it is from now on.
    fn contain(&self, profile: &str, ports: Option<&str>, status: &str) {
        let inner = &self.0;
        let mut store = inner.host.store();
        let container = store.containers.entry(profile.to_owned()).or_default();
        if container.inspected.is_null() {
            let at = |address: SocketAddr| json!([{"HostIp": address.ip().to_string(), "HostPort": address.port().to_string()}]);
            let mut published = json!({"2376/tcp": at(inner.docker), "8443/tcp": at(inner.api)});
            for port in ports.into_iter().flat_map(|ports| ports.split(',')) {
                // `127.0.0.1:30080:30080`; in a rehearsal it is the node's own address that is published.
                if let (Some(port), Some(ip)) = (port.rsplit(':').next(), inner.address) {
                    published[format!("{port}/tcp")] = json!([{"HostIp": ip.to_string(), "HostPort": port}]);
                }
            }
            let id = crate::engine::store::digest(["node", profile, &inner.clock.now().to_string()]);
            container.inspected = json!({
                "Id": id, "Name": format!("/{profile}"),
                "Config": {"Labels": {"name.minikube.sigs.k8s.io": profile, "created_by.minikube.sigs.k8s.io": "true",
                    "mode.minikube.sigs.k8s.io": profile}},
                "NetworkSettings": {"Ports": published, "Networks": {profile: {
                    "IPAddress": inner.address.map(|address| address.to_string()).unwrap_or_default(),
                }}},
            });
        }
        container.processes.clear();
        let now = inner.clock.now().to_string();
        container.inspected["State"] =
            json!({"Status": status, "Running": status == "running", "StartedAt": now});
    }
}
