//! minikube, played: the files that it keeps of a profile, the container that is its node, and what it prints.
//!
//! It does what the real one does in the order in which it does it, so a start that is broken off leaves what the real one
//! leaves. Not a second minikube: what the program never calls exited with code 64 and says so.

pub(crate) mod addons;
mod files;
mod print;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::engine::Engine;
use crate::gate::Course;
use crate::gate::Gate;
use crate::pace::Pace;
use crate::pace::Real;
use crate::scenario::Does;
use crate::scenario::Party;
use crate::seal::Seal;
pub use print::Print;
use print::Printer;
pub use print::Stream;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
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

/// The Kubernetes that it makes unless another is asked for.
const KUBERNETES: &str = "v1.35.1";

/// What it starts, and where that is.
#[derive(Clone)]
pub struct Minikube(Arc<Inner>);

pub(crate) struct Inner {
    /// `.minikube`.
    pub(crate) home: PathBuf,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) seal: Seal,
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
    pub(crate) gate: Gate,
    pub(crate) pace: Pace,
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

/// The arguments of a call.
#[derive(Debug, Default)]
struct Arguments {
    words: Vec<String>,
    flags: BTreeMap<String, String>,
}

impl Arguments {
    fn of(given: &[OsString]) -> Arguments {
        let mut arguments = Arguments::default();
        let mut given = given.iter().map(|argument| argument.to_string_lossy().into_owned());
        while let Some(argument) = given.next() {
            if argument == "--" {
                arguments.words.extend(given.by_ref());
            } else if let Some(flag) = argument.strip_prefix("--") {
                let (name, value) = flag.split_once('=').unwrap_or((flag, "true"));
                arguments.flags.insert(name.to_owned(), value.to_owned());
            } else if let Some(name @ ("p" | "o" | "n")) = argument.strip_prefix('-') {
                arguments.flags.insert(name.to_owned(), given.next().unwrap_or_default());
            } else if !argument.starts_with('-') {
                arguments.words.push(argument);
            }
        }
        arguments
    }

    fn flag(&self, name: &str) -> Option<&str> {
        self.flags.get(name).map(String::as_str)
    }

    fn profile(&self) -> &str {
        self.flag("p").unwrap_or("minikube")
    }
}

impl Minikube {
    pub(crate) fn new(inner: Inner) -> Minikube {
        Minikube(Arc::new(inner))
    }

    /// Does what `minikube ARGUMENTS` does, and returns its exit code.
    pub async fn call(&self, arguments: &[OsString], print: Print) -> i32 {
        match self.run(&Arguments::of(arguments), &Printer::new(print)).await {
            Ok(()) => 0,
            Err(code) => code,
        }
    }

    /// Lets real time pass for as long as what is returned lives: a real program runs.
    #[must_use]
    pub fn really(&self) -> Real {
        self.0.pace.really()
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
        match self.0.gate.call(Party::Minikube, what, writes) {
            Course::Well | Course::Die => Ok(()),
            Course::Badly(Does::Fail { code, message }) => {
                printer.failed("GUEST_PROVISION", i32::from(code), &message);
                Err(i32::from(code))
            }
            Course::Badly(Does::Hang) => std::future::pending().await,
            Course::Badly(Does::Slow(time)) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Course::Badly(Does::Garbage) => {
                printer.out("{\"type\":\"io.k8s.sigs.minikube.step\",\"data\":\u{0}");
                printer.out("\u{1b}[31mE0101 klog\u{1b}[0m");
                Ok(())
            }
            // It ends without a word, as by a signal of its own.
            Course::Badly(Does::Cut(_) | Does::Close | Does::Gone) => Err(137),
        }
    }

    async fn start(&self, arguments: &Arguments, printer: &Printer) -> Ended {
        let inner = &self.0;
        let profile = arguments.profile();
        let events = files::Events::begin(inner, profile);
        let known = self.config(profile);
        let here = self.inspected(profile);
        let running = self.runs(profile);
        let step = async |index: u32, name: &str, message: &str, millis: u64| {
            printer.step(index, name, message);
            events.tell(name);
            let course = self.at(&format!("STEP {name}"), false, printer).await;
            let ran = self.runs(profile);
            tokio::time::sleep(Duration::from_millis(millis)).await;
            if ran && !self.runs(profile) {
                printer.failed("GUEST_PROVISION", 80, "the container of the node has ended");
                return Err(80);
            }
            course
        };
        step(0, "Initial Minikube Setup", &format!("minikube {VERSION} in a rehearsal"), 200).await?;
        step(1, "Selecting Driver", "Using the docker driver based on user configuration", 200).await?;
        if known.is_null() {
            files::config(inner, profile, &self.configured(arguments)).map_err(|_| 80)?;
            self.at("WROTE config", true, printer).await?;
        }
        step(3, "Starting Node", &format!("Starting \"{profile}\" primary control-plane node"), 300).await?;
        step(5, "Pulling Base Image", "Pulling base image v0.0.50 ...", 1_500).await?;
        if here.is_none() {
            step(8, "Creating Container", "Creating docker container (CPUs=2, Memory=4096MB) ...", 2_000)
                .await?;
            inner.host.store().volumes.insert(profile.to_owned());
            self.contain(profile, arguments.flag("ports"), "running");
            self.at("MADE container", true, printer).await?;
        } else if !running {
            self.contain(profile, None, "running");
            self.at("STARTED container", true, printer).await?;
        }
        files::machine(inner, profile).map_err(|_| 80)?;
        step(
            11,
            "Preparing Kubernetes",
            &format!("Preparing Kubernetes {KUBERNETES} on Docker 27.4.1 ..."),
            2_500,
        )
        .await?;
        files::certificates(inner, profile).map_err(|_| 80)?;
        step(12, "Generating certificates", "Generating certificates and keys ...", 800).await?;
        step(13, "Booting control plane", "Booting up control plane ...", 4_000).await?;
        if !inner.booted.swap(true, Ordering::Relaxed) {
            inner.cluster.resume();
        }
        if let Some(container) = inner.host.store().containers.get_mut(profile) {
            container.lost.clear();
            container.processes = vec![format!(
                "/var/lib/minikube/binaries/{KUBERNETES}/kubelet --config=/var/lib/kubelet/config.yaml"
            )];
        }
        files::kubeconfig(inner, profile, arguments.flag("keep-context") != Some("true")).map_err(|_| 80)?;
        self.at("BOOTED control plane", true, printer).await?;
        step(14, "Configuring RBAC rules", "Configuring RBAC rules ...", 400).await?;
        step(15, "Configuring CNI", "Configuring bridge CNI (Container Networking Interface) ...", 300)
            .await?;
        step(17, "Verifying Kubernetes", "Verifying Kubernetes components...", 1_200).await?;
        let addons = arguments.flag("addons").unwrap_or_default().split(',').filter(|name| !name.is_empty());
        self.addons(profile, addons.chain(["storage-provisioner", "default-storageclass"]))
            .map_err(|_| 80)?;
        step(18, "Enabling Addons", "Enabled addons: storage-provisioner, default-storageclass", 300).await?;
        step(19, "Done", &format!("Done! kubectl is now configured to use \"{profile}\" cluster"), 0).await?;
        Ok(())
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

    fn configured(&self, arguments: &Arguments) -> Value {
        let number = |name: &str, default: u64| {
            arguments.flag(name).and_then(|text| text.trim_end_matches("mb").parse().ok()).unwrap_or(default)
        };
        let version = match arguments.flag("kubernetes-version") {
            None | Some("stable" | "latest") => KUBERNETES.to_owned(),
            Some(version) => format!("v{}", version.trim_start_matches('v')),
        };
        let ports: Vec<&str> =
            arguments.flag("ports").into_iter().flat_map(|ports| ports.split(',')).collect();
        let address = self.0.address.map_or_else(|| "192.168.49.2".to_owned(), |address| address.to_string());
        json!({
            "Name": arguments.profile(), "Driver": "docker", "CPUs": number("cpus", 2),
            "Memory": number("memory", 3072), "DiskSize": number("disk-size", 20_000), "APIServerPort": 8443,
            "KubernetesConfig": {"KubernetesVersion": version, "ContainerRuntime": "docker", "APIServerHAVIP": ""},
            "Nodes": [{"Name": "", "IP": address, "Port": 8443, "KubernetesVersion": version,
                "ContainerRuntime": "docker", "ControlPlane": true, "Worker": true}],
            "Addons": {}, "ExposedPorts": ports,
        })
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

#[cfg(test)]
mod tests {
    use super::Arguments;
    use std::ffi::OsString;

    #[test]
    fn arguments_are_taken_as_minikube_takes_them() {
        let line = "start -o json --keep-context -p mini --cpus=4 --addons=a,b";
        let given: Vec<OsString> = line.split(' ').map(Into::into).collect();
        let arguments = Arguments::of(&given);
        assert_eq!((arguments.words.join(" ").as_str(), arguments.profile()), ("start", "mini"));
        assert_eq!(
            [
                arguments.flag("o"),
                arguments.flag("keep-context"),
                arguments.flag("cpus"),
                arguments.flag("x")
            ],
            [Some("json"), Some("true"), Some("4"), None]
        );
    }
}
