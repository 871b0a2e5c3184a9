//! Copies changed files straight into the running containers, if that equals a rebuild and the process notices.
//!
//! The decisions are `image::sync`'s. This module has the order: first everything is decided for every image and
//! every container (`attempt`), then all is written (`write`). Uncertain cases are left to the pipeline of `up`. A
//! container that is restarted begins with the files of its image: all copied files are written again.
//!
//! The project's lock is held while files are written, and not between two rounds, so that other commands need not
//! wait for a loop to end.

mod access;
mod attempt;
mod reloads;
mod write;

use crate::cluster::Target;
use crate::cluster::lock;
use crate::cluster::synced;
use crate::cluster::synced::NotRunning;
use crate::fault::Result;
use crate::flow::connected::Connected;
use crate::flow::load::Planned;
use crate::image;
use crate::image::NodeStore;
use crate::image::archive::NotWritten;
use crate::image::archive::Observed;
use crate::image::archive::Stamps;
use crate::image::engine::Engine;
use crate::image::surveyed::Surveyed;
use crate::image::sync::facts::SyncFacts;
use crate::plan;
use crate::project::name::ImageName;
use access::Access;
use access::Engines;
use attempt::Attempt;
use attempt::concerns;
use futures::StreamExt;
use reloads::Reloads;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;
use write::write;

/// A lock that took longer than this was waited for.
const WAITED: Duration = Duration::from_millis(500);

/// The state kept from one round to the next.
#[derive(Debug, Default)]
pub(crate) struct Syncing {
    deployed: Option<LastDeployed>,
    engines: Option<Engines>,
    stamps: Stamps,
    reloads: Reloads,
}

/// What the last run of the pipeline deployed, and the files copied since.
#[derive(Debug)]
struct LastDeployed {
    /// The contexts that the images were built from.
    built: Vec<Surveyed>,
    /// The contexts whose files the containers have.
    last: Vec<Surveyed>,
    /// The image references in the pods.
    references: BTreeMap<ImageName, String>,
    plan: plan::Plan,
    facts: BTreeMap<ImageName, SyncFacts>,
    /// How each container is accessed, and what was observed there.
    seen: BTreeMap<String, (Access, Observed)>,
    /// The containers that have the files of `last`.
    current: BTreeSet<String>,
    /// The images whose containers have newer files.
    newer: BTreeSet<ImageName>,
}

/// The result of an attempt.
#[derive(Debug)]
pub(crate) enum Tried {
    /// The running containers have the files that a rebuild would give them.
    Done,
    /// The pipeline is needed: the image and why, if that is known.
    Build(Option<Unsynced>),
}

/// Why copied files may be missing in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lacking {
    /// A container runs without them, or never runs for long.
    Container,
    /// The API server forbids watching pods; its message.
    Unwatched(String),
}

/// An image that has to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsynced {
    pub(crate) image: ImageName,
    /// The reason.
    pub(crate) why: String,
    /// The output of a command in a container before it failed.
    pub(crate) output: Vec<String>,
}

impl Unsynced {
    fn new(image: &ImageName, why: impl Into<String>) -> Unsynced {
        Unsynced { image: image.clone(), why: why.into(), output: Vec::new() }
    }

    fn not_written(image: &ImageName, why: &NotWritten) -> Unsynced {
        Unsynced { output: why.output().to_vec(), ..Unsynced::new(image, why.to_string()) }
    }
}

/// Which containers get files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// All of an image: one that does not run keeps the others from being written.
    All,
    /// Those that run. Containers that start later are noticed then.
    Running,
}

impl Syncing {
    /// Remembers what the pipeline deployed.
    pub(crate) fn deployed(&mut self, plan: plan::Plan, surveyed: Vec<Surveyed>, built: &[image::Built]) {
        self.deployed = Some(LastDeployed {
            last: surveyed.clone(),
            built: surveyed,
            references: built.iter().map(|image| (image.name.clone(), image.reference.clone())).collect(),
            plan,
            facts: BTreeMap::new(),
            seen: BTreeMap::new(),
            current: BTreeSet::new(),
            newer: BTreeSet::new(),
        });
    }

    /// Discards the state: the next round runs the pipeline.
    pub(crate) fn forget(&mut self) {
        self.deployed = None;
    }

    /// Copies the changed files, if nothing else has changed. Unless that succeeds, the state is discarded:
    /// containers may have a part of the files.
    pub(crate) async fn round(&mut self, to: &Connected<'_>, planned: &Planned) -> Result<Tried> {
        match self.deployed.take() {
            Some(deployed) if same(&deployed.plan, &planned.plan) => {
                self.attempt(deployed, to, planned, Scope::All).await
            }
            _ => Ok(Tried::Build(None)),
        }
    }

    /// Copies the files of earlier rounds into running containers that lack them.
    pub(crate) async fn again(&mut self, to: &Connected<'_>) -> Result<Tried> {
        let Some(deployed) = self.deployed.take() else { return Ok(Tried::Build(None)) };
        let planned = Planned { plan: deployed.plan.clone(), images: deployed.last.clone() };
        self.attempt(deployed, to, &planned, Scope::Running).await
    }

    /// The images whose containers have newer files.
    pub(crate) fn newer(&self) -> impl Iterator<Item = &ImageName> {
        self.deployed.iter().flat_map(|deployed| &deployed.newer)
    }

    /// Returns when a container runs without the files that were copied, or fails again and again.
    pub(crate) async fn lacking(&self, target: &Target) -> Lacking {
        let Some(deployed) = self.deployed.as_ref().filter(|deployed| !deployed.newer.is_empty()) else {
            return std::future::pending().await;
        };
        let mut pods = synced::changes(target, &namespaces(target, &deployed.plan));
        while let Some(pod) = pods.next().await {
            let pod = match pod {
                Ok(pod) => pod,
                Err(why) => return Lacking::Unwatched(why),
            };
            let mut newer = deployed.newer.iter().filter_map(|name| deployed.references.get(name));
            let pod = [pod];
            if newer.any(|reference| lacks(&pod, reference, &deployed.current)) {
                return Lacking::Container;
            }
        }
        std::future::pending().await
    }

    async fn attempt(
        &mut self,
        mut deployed: LastDeployed,
        to: &Connected<'_>,
        planned: &Planned,
        scope: Scope,
    ) -> Result<Tried> {
        if scope == Scope::All {
            match concerns(&deployed, planned) {
                Ok(true) => {}
                Ok(false) => {
                    deployed.last.clone_from(&planned.images);
                    self.deployed = Some(deployed);
                    return Ok(Tried::Done);
                }
                Err(unsynced) => return Ok(Tried::Build(unsynced)),
            }
        }
        let Some(engines) = self.connect(to) else { return Ok(Tried::Build(None)) };
        let (stamps, reloads) = (&self.stamps, &mut self.reloads);
        let writing = async {
            let pods = held_and_listed(to, planned).await?;
            let (now, pods) = (planned, &pods[..]);
            let (known, engines, seen) = (&mut deployed, &engines, &*reloads);
            let mut attempt = Attempt { to, deployed: known, engines, reloads: seen, pods, now, scope };
            let work = match attempt.decide().await {
                Ok(work) => work,
                Err(unsynced) => return Ok(Err(unsynced)),
            };
            let writing = write(to, &work, pods, &deployed.current, stamps, reloads);
            let unsynced = to.run.shield(writing).await?;
            Ok(unsynced.map_or(Ok(work), |unsynced| Err(Some(unsynced))))
        };
        let work = match lock::scope(to.run, &to.target, writing).await? {
            Ok(work) => work,
            Err(unsynced) => return Ok(Tried::Build(unsynced)),
        };
        let containers = work.iter().flat_map(|item| &item.containers);
        deployed.current = containers.map(|place| place.running.id.clone()).collect();
        deployed.newer =
            work.iter().filter(|item| item.whole.files() > 0).map(|item| item.name.clone()).collect();
        deployed.seen.retain(|id, _| deployed.current.contains(id));
        deployed.last.clone_from(&planned.images);
        self.deployed = Some(deployed);
        Ok(Tried::Done)
    }

    /// The engines of the cluster; connections are kept.
    fn connect(&mut self, to: &Connected<'_>) -> Option<Engines> {
        let destination = &to.cluster.destination;
        let docker = destination.nodes.iter().filter_map(|node| match node {
            NodeStore::Docker(address) => Some(address),
            NodeStore::Containerd { .. } => None,
        });
        let known = self.engines.as_ref().filter(|known| {
            let nodes = known.nodes.iter().map(|engine| &engine.address);
            known.builder.address == destination.builder && nodes.eq(docker.clone())
        });
        if known.is_none() {
            let builder = Engine::new(&destination.builder).ok()?;
            let nodes = docker.map(Engine::new).collect::<anyhow::Result<_>>().ok()?;
            self.engines = Some(Engines { nodes, builder });
        }
        self.engines.clone()
    }
}

/// Takes the lock and lists the pods. Both at once, unless another run had the lock: it may have replaced pods.
async fn held_and_listed(to: &Connected<'_>, planned: &Planned) -> Result<Vec<serde_json::Value>> {
    let (began, namespaces) = (Instant::now(), namespaces(&to.target, &planned.plan));
    let list = || synced::pods(&to.target, &namespaces);
    // A list that fails does not break off a lock that is being taken.
    let (held, pods) = futures::join!(lock::hold(to.run, &to.target), list());
    held?;
    if began.elapsed() < WAITED { pods } else { list().await }
}

fn namespaces(target: &Target, plan: &plan::Plan) -> BTreeSet<String> {
    let home = || target.namespace.to_string();
    plan.objects.iter().map(|object| object.id().namespace.unwrap_or_else(home)).collect()
}

/// Whether a running container of the image is not among those that have its files, or one never runs for long.
fn lacks(pods: &[serde_json::Value], image: &str, current: &BTreeSet<String>) -> bool {
    let found = synced::containers(pods, image);
    found.running.iter().any(|item| !current.contains(&item.id))
        || found.others.iter().any(|other| matches!(other, NotRunning::Crashing(_)))
}

/// Whether the objects are the same, wherever they are written, and so are the hooks of charts.
fn same(before: &plan::Plan, now: &plan::Plan) -> bool {
    values(before).eq(values(now))
}

fn values(plan: &plan::Plan) -> impl Iterator<Item = &serde_json::Value> {
    let hooks = plan.releases.iter().flat_map(|release| &release.hooks).map(|hook| &hook.object);
    plan.objects.iter().chain(hooks).map(|object| &*object.value)
}

#[cfg(test)]
mod tests;
