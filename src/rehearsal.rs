//! The machine in which `todo rehearse` runs: a simulated one, and what the program is given of it.
//!
//! The directory is deleted with it, and with the directory every file of the rehearsal. The user's own `~/.kube`,
//! `~/.minikube`, `~/.docker` and cache are never looked at.

mod folder;
mod minikube;
pub mod scenario;

use crate::clock::Clock;
use crate::image::tags;
use crate::project::Expect;
use crate::project::Project;
use crate::world::World;
use folder::Folder;
use minikube::Simulated;
use simulator::cluster::image::Page;
use simulator::host;
use simulator::host::Settings;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::ops::DerefMut;
use std::path::Path;
use std::sync::Arc;

/// Variables of the user's environment that are about their own Docker, minikube and cluster.
const THEIRS: [&str; 4] = ["DOCKER_", "MINIKUBE_", "KUBE", "HELM_"];

/// A simulated machine, and the directory and environment of a run in it.
#[derive(Debug)]
pub struct Host {
    machine: host::Host,
    world: World,
    _folder: Folder,
}

impl Deref for Host {
    type Target = host::Host;

    fn deref(&self) -> &host::Host {
        &self.machine
    }
}

impl DerefMut for Host {
    fn deref_mut(&mut self) -> &mut host::Host {
        &mut self.machine
    }
}

impl From<simulator::clock::Clock> for Clock {
    fn from(clock: simulator::clock::Clock) -> Clock {
        Clock::telling(move || clock.now())
    }
}

impl Host {
    /// Starts the machine on the current runtime, whose time must be paused and which must have one thread. There is no
    /// profile yet.
    ///
    /// # Errors
    /// When no directory can be made, or no port of this machine be opened.
    pub async fn open(real: &World, settings: Settings) -> io::Result<Host> {
        let folder = Folder::make(real)?;
        let machine = host::Host::open(&folder.path, settings).await?;
        let mut world = rehearsed(real, &folder.path, machine.engine());
        world.clock = machine.clock().clone().into();
        world.programs = Some(Arc::new(Simulated(machine.minikube().clone())));
        Ok(Host { machine, world, _folder: folder })
    }

    /// The environment of a run in this machine: the user's own, without variables about their own Docker, minikube
    /// and clusters.
    #[must_use]
    pub fn world(&self) -> World {
        self.world.clone()
    }

    /// Lets what people open answer what the project expects of it: whether it would is not known here.
    pub fn pretend(&self, project: &Project) {
        let page = |expect: &Expect| {
            let text = expect.contains.as_deref().unwrap_or("A rehearsal.");
            Page { status: expect.status.unwrap_or(200), body: format!("{text}\n") }
        };
        // The cluster determines which image a Service points to; with one page for all of them it need not be known.
        let Some(first) = project.services.first() else { return };
        let mut page = page(&first.expect);
        for other in &project.services[1..] {
            page.body.extend(other.expect.contains.iter().flat_map(|text| [text.as_str(), "\n"]));
        }
        for image in &project.images {
            self.machine.answers(tags::IMAGE, image.name.as_str(), page.clone());
        }
    }
}

fn rehearsed(real: &World, folder: &Path, engine: SocketAddr) -> World {
    let theirs = real.variables().map(|(name, _)| name.to_owned()).filter(|name| {
        let name = name.to_string_lossy();
        THEIRS.iter().any(|theirs| name.starts_with(theirs)) || name.to_lowercase().ends_with("_proxy")
    });
    let gone: Vec<(OsString, Option<OsString>)> = theirs.map(|name| (name, None)).collect();
    let at = |name: &str| Some(folder.join(name).into_os_string());
    let text = |text: &str| Some(OsString::from(text));
    let ours = [
        ("HOME", at("home")),
        ("USERPROFILE", at("home")),
        ("XDG_CACHE_HOME", at("cache")),
        ("XDG_CONFIG_HOME", at("config")),
        ("XDG_DATA_HOME", at("data")),
        ("LOCALAPPDATA", at("cache")),
        ("MINIKUBE_HOME", at("minikube")),
        // The simulated node does not depend on the user who runs the rehearsal.
        ("MINIKUBE_FORCE", text("true")),
        ("KUBECONFIG", at("kubeconfig")),
        ("TODO_HOSTS_FILE", at("hosts")),
        ("DOCKER_HOST", text(&format!("tcp://{engine}"))),
        ("DOCKER_TLS_VERIFY", text("1")),
        ("DOCKER_CERT_PATH", at("certs")),
        ("DOCKER_CONFIG", at("docker")),
    ];
    let ours = ours.into_iter().map(|(name, value)| (OsString::from(name), value));
    real.with(gone).with(ours)
}
