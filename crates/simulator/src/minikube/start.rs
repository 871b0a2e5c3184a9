//! `minikube start`: its steps, in the order in which the real one leaves files, a container and a cluster behind.

use super::Arguments;
use super::Ended;
use super::KUBERNETES;
use super::Minikube;
use super::Printer;
use super::VERSION;
use super::files;
use serde_json::Value;
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Minikube {
    pub(super) async fn start(&self, arguments: &Arguments, printer: &Printer) -> Ended {
        let inner = &self.0;
        let profile = arguments.profile();
        let events = files::Events::begin(inner, profile);
        let known = self.config(profile);
        let here = self.inspected(profile);
        let running = self.runs(profile);
        let step = async |index: u32, name: &str, message: &str, millis: u64| {
            printer.step(index, name, message);
            events.notify(name);
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
}
