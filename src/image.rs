//! Source → an image that every node has.
//!
//! The key of an image is computed by a pure crate of its own: `dockerfile`. Read [`context`] for how its files are
//! read, [`builder`] for the steps for one image, [`build`] and [`session`] for the build itself, [`failure`] for the
//! report of a failed build. No state of its own: the engine that has the images is the state, so a node that was
//! deleted is provided with its images again.

pub mod archive;
pub mod budget;
pub mod build;
pub mod build_secrets;
pub mod builder;
pub mod classic;
pub mod clear;
pub mod context;
pub mod credentials;
pub mod engine;
pub mod failure;
pub mod filesync;
pub mod graph;
pub mod last_inputs;
pub mod node;
pub mod pipe;
pub mod progress;
pub mod rebase;
pub mod registry;
pub mod secrets;
pub mod session;
pub mod ship;
pub mod stat;
pub mod stat_cache;
pub mod stored;
pub mod survey;
pub mod surveyed;
pub mod sweep;
pub mod sync;
pub mod tags;
mod threads;
pub mod warn;

use crate::docker;
use crate::event::Code;
use crate::event::Data;
use crate::event::Finding;
use crate::event::Outcome;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::image::builder::Builder;
use crate::image::surveyed::Surveyed;
use crate::project::name::ImageName;
use crate::project::name::ImageOwner;
use crate::run::Run;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::BTreeMap;

pub use crate::image::budget::summary;
pub use crate::image::stored::stored;
pub use crate::image::sweep::Swept;
pub use crate::image::sweep::remove_all;
pub use crate::image::sweep::sweep;

/// Where images are built, and the stores that must have them.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The engine that builds.
    pub builder: docker::Address,
    /// The nodes' stores; the builder's own store needs no delivery.
    pub nodes: Vec<NodeStore>,
    /// Where images are pushed to for nodes that pull, as `HOST[/PATH]`; pods name them by it.
    pub registry: Option<String>,
}

/// A node's store of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeStore {
    /// The node's own Docker engine.
    Docker(docker::Address),
    /// The node's containerd, reached by commands in the node's container.
    Containerd {
        /// The engine that runs the node's container.
        host: docker::Address,
        /// The node's container.
        container: String,
    },
}

/// An image that every node has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The name that manifests use.
    pub name: ImageName,
    /// The reference in the pods: immutable, the same as long as the image is the same.
    pub reference: String,
    /// The image's id, `sha256:…`.
    pub id: String,
    /// Bytes, as the builder counts them.
    pub size: u64,
    /// Its size the last time that it was built there.
    pub before: Option<u64>,
    /// [`Outcome::Built`] or [`Outcome::Unchanged`].
    pub outcome: Outcome,
    /// The changed inputs that required a build.
    pub why: Vec<String>,
    /// The digest of everything that decides it.
    pub key: String,
    /// The tag that finds it by that digest.
    pub tag: String,
}

/// What `make` would do about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The name that manifests use.
    pub name: ImageName,
    /// The reference in the pods, if the image exists already.
    pub reference: Option<String>,
    /// Its size in bytes, if it exists.
    pub size: Option<u64>,
    /// The changed inputs that require a build; empty if it exists.
    pub why: Vec<String>,
    /// The digest of everything that decides it; `None` where another image has to be built first.
    pub key: Option<String>,
}

/// The result of one image.
enum ImageOutcome {
    Built(Built),
    Failed(Vec<Finding>),
    /// Not tried, because the image of this name failed.
    Without(ImageName),
}

/// Builds the images that are missing, concurrently as far as their dependencies allow, and delivers them to every
/// node.
///
/// # Errors
/// One fault of [`FaultKind::Image`] with a finding for each image that failed; builds in progress are finished
/// first.
pub async fn make(
    run: &Run,
    project: &ImageOwner,
    to: &Destination,
    surveyed: &[Surveyed],
) -> Result<Vec<Built>> {
    let builder = Builder::open(run, project, to, surveyed).await?;
    let mut ended: BTreeMap<ImageName, ImageOutcome> = BTreeMap::new();
    let mut waiting: Vec<&Surveyed> = surveyed.iter().collect();
    let mut running = FuturesUnordered::new();
    loop {
        let mut later = Vec::new();
        for image in waiting {
            match ready(image, &ended) {
                Ready::Yes(needs) => {
                    let builder = &builder;
                    running.push(async move { (image.image.name.clone(), builder.make(image, needs).await) });
                }
                Ready::Never(failed) => {
                    ended.insert(image.image.name.clone(), ImageOutcome::Without(failed));
                }
                Ready::Later => later.push(image),
            }
        }
        waiting = later;
        match running.next().await {
            Some((name, Ok(built))) => ended.insert(name, ImageOutcome::Built(built)),
            Some((name, Err(findings))) => ended.insert(name, ImageOutcome::Failed(findings)),
            None => break,
        };
    }
    conclude(surveyed, ended)
}

/// Returns what `make` would do, without doing it.
pub async fn inspect(
    run: &Run,
    project: &ImageOwner,
    to: &Destination,
    surveyed: &[Surveyed],
) -> Result<Vec<Inspected>> {
    let builder = Builder::open(run, project, to, surveyed).await?;
    let mut looked: BTreeMap<ImageName, Inspected> = BTreeMap::new();
    for level in graph::levels(surveyed) {
        let level = level.iter().map(|&index| builder.inspect(&surveyed[index], &looked));
        let found = futures::future::try_join_all(level).await?;
        looked.extend(found.into_iter().map(|looked| (looked.name.clone(), looked)));
    }
    Ok(surveyed.iter().filter_map(|image| looked.remove(&image.image.name)).collect())
}

enum Ready {
    Yes(Vec<Built>),
    Never(ImageName),
    Later,
}

fn ready(image: &Surveyed, ended: &BTreeMap<ImageName, ImageOutcome>) -> Ready {
    let mut needs = Vec::new();
    for need in &image.needs {
        match ended.get(need) {
            Some(ImageOutcome::Built(built)) => needs.push(built.clone()),
            Some(ImageOutcome::Failed(_)) => return Ready::Never(need.clone()),
            Some(ImageOutcome::Without(failed)) => return Ready::Never(failed.clone()),
            None => return Ready::Later,
        }
    }
    Ready::Yes(needs)
}

fn conclude(surveyed: &[Surveyed], mut ended: BTreeMap<ImageName, ImageOutcome>) -> Result<Vec<Built>> {
    let (mut built, mut findings, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for image in surveyed {
        let name = &image.image.name;
        match ended.remove(name) {
            Some(ImageOutcome::Built(image)) => built.push(image),
            Some(ImageOutcome::Failed(found)) => {
                failed.push(format!("`{name}`"));
                findings.extend(found);
            }
            Some(ImageOutcome::Without(other)) => {
                let message = format!("not built, because it starts from `{other}`, which failed");
                findings.push(
                    Finding {
                        severity: crate::event::Severity::Note,
                        ..Code::BaseImageFailed.warning(message)
                    }
                    .about(format!("image {name}"))
                    .data(Data::default().with("image", other.as_str())),
                );
            }
            // Of a cycle, which `survey` refuses.
            None => {}
        }
    }
    if failed.is_empty() {
        return Ok(built);
    }
    let noun = if failed.len() == 1 { "image" } else { "images" };
    Err(Code::ImageBuildFailed
        .fault(FaultKind::Image, format!("cannot build {noun} {}", failed.join(", ")))
        .findings(findings))
}

#[cfg(test)]
mod tests;
