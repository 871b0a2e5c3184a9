//! The Docker engine's information about itself and the profile, and whether it matters that there is none.

use crate::docker::Address;
use crate::docker::reach::Unreachable;
use crate::event::Code;
use crate::event::Finding;
use crate::exec;
use crate::file;
use crate::project;
use crate::project::name::Profile;
use crate::world::Os;
use crate::world::World;
use bollard::Docker;
use bollard::models::ContainerStateStatusEnum as Status;
use bollard::query_parameters::ListContainersOptionsBuilder;
use std::collections::HashMap;
use std::path::PathBuf;

/// Programs of the drivers that minikube can use without Docker, by platform.
const OTHERS: [(Os, &[&str]); 3] = [
    (Os::Linux, &["virsh", "qemu-system-x86_64", "qemu-system-aarch64", "VBoxManage", "podman", "vmrun"]),
    (
        Os::MacOs,
        &["vfkit", "krunkit", "qemu-system-aarch64", "qemu-system-x86_64", "podman", "prlctl", "hyperkit"],
    ),
    (Os::Windows, &["VBoxManage", "podman", "vmrun"]),
];

/// The part of minikube's saved configuration of the profile that the prerequisites depend on.
#[derive(Debug)]
pub(super) struct RecordedDriver(Option<String>);

impl RecordedDriver {
    pub(super) fn load(world: &World, profile: &Profile) -> RecordedDriver {
        let read = || {
            let folder = world.minikube_folder()?.join("profiles").join(profile.as_str());
            let text = file::read(&folder.join("config.json"), file::TEXT).ok()?;
            let config: serde_json::Value = serde_json::from_slice(&text).ok()?;
            config["Driver"].as_str().map(str::to_owned)
        };
        RecordedDriver(read())
    }

    pub(super) fn exists(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn driver(&self) -> Option<&str> {
        self.0.as_deref().filter(|driver| !driver.is_empty())
    }
}

/// Whether the profile's node runs in this engine.
pub(super) async fn runs(engine: &Docker, profile: &Profile) -> bool {
    let Ok(node) = engine.inspect_container(profile.as_str(), None).await else { return false };
    let labels = node.config.and_then(|config| config.labels).unwrap_or_default();
    let ours = labels.get("name.minikube.sigs.k8s.io").is_some_and(|name| name == profile.as_str());
    ours && node.state.and_then(|state| state.status) == Some(Status::RUNNING)
}

/// The finding if no engine answers: none for a driver of another kind.
pub(super) fn missing(
    world: &World,
    asked: &project::Minikube,
    known: &RecordedDriver,
    error: &Unreachable,
) -> Option<Finding> {
    let driver = known.driver().or(asked.driver.as_deref()).or_else(|| world.var("MINIKUBE_DRIVER"));
    let other = || {
        let (_, programs) = OTHERS.iter().find(|(os, _)| *os == world.os)?;
        programs.iter().find(|name| exec::find(world, name).is_some())
    };
    let finding = match driver {
        Some("docker") => Code::DockerUnreachable.error(error.to_string()),
        Some(_) => return None,
        None => match other() {
            Some(name) => Code::DockerUnreachable
                .warning(format!("{error}; minikube may choose another driver, since `{name}` is here")),
            None => Code::DockerUnreachable.error(error.to_string()),
        },
    };
    Some(finding.help(error.help()))
}

/// The finding if others can read the traffic to the engine.
pub(super) fn unencrypted(address: &Address) -> Option<Finding> {
    let message = format!(
        "the Docker engine at `{address}` is on another machine and has no TLS: anyone on the network path can read what is sent to it, build secrets and logins included, and can start containers on it"
    );
    let help = "give it certificates and set `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`, or forward its socket by `ssh -L`";
    address.is_open().then(|| Code::DockerUnencrypted.warning(message).help(help))
}

/// The resources of the engine.
#[derive(Debug, Clone, Default)]
pub(super) struct EngineFacts {
    pub(super) version: String,
    /// 0 if it does not report it.
    pub(super) cpus: u64,
    /// MiB; 0 if it does not report it.
    pub(super) memory: u64,
    /// Whether it is a virtual machine of Docker Desktop.
    pub(super) desktop: bool,
    /// Where it keeps everything, if that is a directory of this machine.
    pub(super) root: Option<PathBuf>,
    /// How many nodes of minikube run in it.
    pub(super) nodes: usize,
    /// Whether it shares this machine's kernel.
    pub(super) local: bool,
}

impl EngineFacts {
    pub(super) async fn query(engine: &Docker, address: &Address) -> EngineFacts {
        let mine =
            HashMap::from([("label".to_owned(), vec!["created_by.minikube.sigs.k8s.io=true".to_owned()])]);
        let options = ListContainersOptionsBuilder::default().filters(&mine).build();
        let (info, nodes) = tokio::join!(engine.info(), engine.list_containers(Some(options)));
        let info = info.unwrap_or_default();
        let desktop = info.operating_system.as_deref().is_some_and(|name| name.contains("Docker Desktop"));
        let local = !desktop && cfg!(target_os = "linux") && matches!(address, Address::Unix(_));
        let positive =
            |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
        EngineFacts {
            version: info.server_version.unwrap_or_default(),
            cpus: positive(info.ncpu),
            memory: positive(info.mem_total) / (1024 * 1024),
            desktop,
            root: info.docker_root_dir.map(PathBuf::from).filter(|_| local),
            nodes: nodes.map_or(0, |nodes| nodes.len()),
            local,
        }
    }

    /// The facts, for the doctor.
    pub(super) fn finding(&self, address: &Address) -> Finding {
        let EngineFacts { version, cpus, memory, nodes, .. } = self;
        let nodes = match nodes {
            0 => "no minikube node runs".to_owned(),
            1 => "1 minikube node runs".to_owned(),
            _ => format!("{nodes} minikube nodes run"),
        };
        let message = format!("Docker {version} at `{address}`: {cpus} CPUs, {memory} MiB, {nodes}");
        Code::ProgramFound.note(message)
    }
}

#[cfg(test)]
mod tests {
    use super::unencrypted;
    use crate::docker::Address;

    #[test]
    fn an_engine_that_others_can_listen_to_is_told() {
        let finding = unencrypted(&Address::Tcp("10.0.0.1:2375".to_owned())).unwrap();
        assert!(
            finding.message.contains("`tcp://10.0.0.1:2375`") && finding.message.contains("has no TLS"),
            "{finding:?}"
        );
        assert!(finding.help.is_some());
        assert_eq!(unencrypted(&Address::Tcp("127.0.0.1:2375".to_owned())), None);
    }
}
