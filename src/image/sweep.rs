//! Removes old images: those of this project that no revision references and no container uses, beyond the last two
//! of each.
//!
//! By name, never by filter or force: if another user has tagged the same image, that tag stays, and with it the
//! image.

use crate::event::Code;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::image::Destination;
use crate::image::NodeStore;
use crate::image::engine::Engine;
use crate::image::node::Node;
use crate::image::tags;
use crate::project::name::ImageOwner;
use bollard::errors::Error;
use bollard::models::ImageSummary;
use bollard::query_parameters::ListContainersOptionsBuilder;
use bollard::query_parameters::ListImagesOptionsBuilder;
use bollard::query_parameters::RemoveImageOptionsBuilder;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

/// How many of the newest of each image are kept in any case.
const KEPT: usize = 2;

/// How many names a kept image may have: an edit that does not affect it adds another one each time.
const NAMES: usize = 8;

/// The result of a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Images.
    pub images: usize,
    /// Bytes by which the images of the engine have shrunk; 0 if the engine does not report it.
    pub bytes: u64,
}

/// Removes this project's images that are neither in `keep` (references or ids), nor used by a container, nor among the
/// last two of their name.
pub async fn sweep(project: &ImageOwner, to: &Destination, keep: &BTreeSet<String>) -> Result<Swept> {
    everywhere(project, to, keep, KEPT).await
}

/// Removes every image of this project that no container uses.
pub async fn remove_all(project: &ImageOwner, to: &Destination) -> Result<Swept> {
    everywhere(project, to, &BTreeSet::new(), 0).await
}

async fn everywhere(
    project: &ImageOwner,
    to: &Destination,
    keep: &BTreeSet<String>,
    kept: usize,
) -> Result<Swept> {
    let mut engines = vec![&to.builder];
    for node in &to.nodes {
        if let NodeStore::Docker(address) = node
            && !engines.contains(&address)
        {
            engines.push(address);
        }
    }
    let mut swept = Swept::default();
    for address in engines {
        let doing = || format!("cannot remove old images from the engine at {address}");
        let engine = Engine::new(address).or_fault(Code::ImageCleanupFailed, FaultKind::Image, doing)?;
        let here = one(&engine, project, keep, kept).await.or_fault(
            Code::ImageCleanupFailed,
            FaultKind::Image,
            doing,
        )?;
        swept.images += here.images;
        swept.bytes += here.bytes;
    }
    for node in &to.nodes {
        if let NodeStore::Containerd { host, container } = node {
            let doing = || format!("cannot remove old images from the node `{container}`");
            let (builder, host) = (Engine::new(&to.builder), Engine::new(host));
            let builder = builder.or_fault(Code::ImageCleanupFailed, FaultKind::Image, doing)?;
            let node =
                Node::new(&host.or_fault(Code::ImageCleanupFailed, FaultKind::Image, doing)?, container);
            swept.images += follow(&builder, &node, project, keep).await.or_fault(
                Code::ImageCleanupFailed,
                FaultKind::Image,
                doing,
            )?;
        }
    }
    Ok(swept)
}

/// A containerd node keeps the images that the builder keeps: it does not record which of its images are the newest.
async fn follow(
    builder: &Engine,
    node: &Node,
    project: &ImageOwner,
    keep: &BTreeSet<String>,
) -> anyhow::Result<usize> {
    let kept: BTreeSet<String> =
        of_project(builder, project).await?.into_iter().flat_map(|image| image.repo_tags).collect();
    let used = node.used().await?;
    let mut removed = 0;
    for (id, names) in node.names().await? {
        let needed = |name: &String| kept.contains(name) || keep.contains(name) || used.contains(name);
        let ours: Vec<&String> = names.iter().filter(|name| tags::ours(project, name).is_some()).collect();
        if ours.is_empty() || used.contains(&id) || names.iter().any(needed) {
            continue;
        }
        for name in ours {
            node.forget(name).await?;
        }
        removed += 1;
    }
    Ok(removed)
}

pub(crate) async fn of_project(engine: &Engine, project: &ImageOwner) -> Result<Vec<ImageSummary>, Error> {
    let filter = HashMap::from([("label".to_owned(), vec![format!("{}={project}", tags::PROJECT)])]);
    let options = ListImagesOptionsBuilder::default().filters(&filter).build();
    engine.client.list_images(Some(options)).await
}

async fn one(
    engine: &Engine,
    project: &ImageOwner,
    keep: &BTreeSet<String>,
    kept: usize,
) -> Result<Swept, Error> {
    let images = of_project(engine, project).await?;
    let options = ListContainersOptionsBuilder::default().all(true).build();
    let containers = engine.client.list_containers(Some(options)).await?;
    let used: BTreeSet<String> = containers
        .into_iter()
        .flat_map(|container| [container.image_id, container.image])
        .flatten()
        .collect();

    let outdated = doomed(project, &images, keep, &used, kept);
    for name in surplus(project, &images, keep, &outdated) {
        let options = RemoveImageOptionsBuilder::default().force(false).build();
        match engine.client.remove_image(name, Some(options), None).await {
            Ok(_) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if outdated.is_empty() {
        return Ok(Swept::default());
    }
    let before = engine.layers().await;
    let mut removed = 0;
    for image in outdated {
        let names = || image.repo_tags.iter().filter(|tag| is_ours(project, image, tag));
        let mut gone = true;
        for name in names() {
            let options = RemoveImageOptionsBuilder::default().force(false).build();
            match engine.client.remove_image(name, Some(options), None).await {
                Ok(_) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => {}
                // A container was started meanwhile: the names already removed are restored, because the container
                // does not pull.
                Err(Error::DockerResponseServerError { status_code: 409, .. }) => {
                    gone = false;
                    for name in names() {
                        engine.tag(&image.id, name).await?;
                    }
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        removed += usize::from(gone);
    }
    let bytes = match (before, engine.layers().await) {
        (Some(before), Some(after)) => before.saturating_sub(after),
        _ => 0,
    };
    Ok(Swept { images: removed, bytes })
}

/// The images to remove: only such as have a name of ours.
fn doomed<'a>(
    project: &ImageOwner,
    images: &'a [ImageSummary],
    keep: &BTreeSet<String>,
    used: &BTreeSet<String>,
    kept: usize,
) -> Vec<&'a ImageSummary> {
    let mut by_name: BTreeMap<&str, Vec<&ImageSummary>> = BTreeMap::new();
    for image in images {
        if let Some(name) = image.repo_tags.iter().find_map(|tag| tags::ours(project, tag)) {
            by_name.entry(name).or_default().push(image);
        }
    }
    let needed = |image: &&ImageSummary| {
        keep.contains(&image.id)
            || used.contains(&image.id)
            || image.repo_tags.iter().any(|tag| keep.contains(tag) || used.contains(tag))
    };
    let mut doomed = Vec::new();
    for images in by_name.values_mut() {
        images.sort_by_key(|image| std::cmp::Reverse(image.created));
        doomed.extend(images.iter().skip(kept).copied().filter(|image| !needed(image)));
    }
    doomed
}

/// Whether we gave an image that name, here or for a registry.
fn is_ours(project: &ImageOwner, image: &ImageSummary, name: &str) -> bool {
    let pushed = |label: &String| tags::is_pushed(label, &image.id, name);
    tags::ours(project, name).is_some() || image.labels.get(tags::IMAGE).is_some_and(pushed)
}

/// The surplus keys of images that are kept: all but those in `keep`. At worst the next edit of that kind starts a
/// build, for which the builder has every step in its cache.
fn surplus<'a>(
    project: &ImageOwner,
    images: &'a [ImageSummary],
    keep: &BTreeSet<String>,
    doomed: &[&ImageSummary],
) -> Vec<&'a str> {
    let stays = |image: &&ImageSummary| doomed.iter().all(|doomed| doomed.id != image.id);
    let keys = |image: &'a ImageSummary| {
        let is_key = |name: &&String| name.contains(":k-") && tags::ours(project, name).is_some();
        image.repo_tags.iter().filter(is_key).collect::<Vec<_>>()
    };
    let many = images
        .iter()
        .filter(stays)
        .map(keys)
        .filter(|keys| keys.len() > NAMES && keys.iter().any(|key| keep.contains(*key)));
    many.flatten().filter(|key| !keep.contains(*key)).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::doomed;
    use super::surplus;
    use crate::project::name::ImageOwner;
    use bollard::models::ImageSummary;
    use std::collections::BTreeSet;

    fn image(id: &str, created: i64, tags: &[&str]) -> ImageSummary {
        let repo_tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        ImageSummary { id: id.to_owned(), created, repo_tags, ..ImageSummary::default() }
    }

    #[test]
    fn an_image_with_many_keys_keeps_the_present_one() {
        let keys: Vec<String> = (0..9).map(|key| format!("todo.local/p/web:k-{key}")).collect();
        let mut names: Vec<&str> = keys.iter().map(String::as_str).collect();
        names.extend(["todo.local/p/web:i-1", "mine:1"]);
        let images = [image("1", 1, &names), image("2", 2, &["todo.local/p/web:k-a"])];
        let project = ImageOwner::parse("p").unwrap();
        let keep = BTreeSet::from([keys[4].clone()]);
        let removed = surplus(&project, &images, &keep, &[]);
        assert_eq!(removed.len(), 8);
        assert!(removed.iter().all(|name| name.contains(":k-") && *name != keys[4]), "{removed:?}");
        assert!(
            surplus(&project, &images, &BTreeSet::new(), &[]).is_empty(),
            "none is known to be the present one"
        );
        assert!(surplus(&project, &images, &keep, &[&images[0]]).is_empty(), "it goes as a whole");
    }

    #[test]
    fn the_last_two_the_used_the_kept_and_the_foreign_stay() {
        let images = [
            image("1", 1, &["todo.local/p/web:k-1", "todo.local/p/web:i-1"]),
            image("2", 2, &["todo.local/p/web:k-2", "todo.local/p/web:i-2"]),
            image("3", 3, &["todo.local/p/web:k-3", "todo.local/p/web:i-3"]),
            image("4", 4, &["todo.local/p/web:k-4"]),
            image("5", 5, &["todo.local/p/web:k-5"]),
            image("6", 1, &["todo.local/p/api:k-6"]),
            image("7", 0, &["inherits/our-label:1"]),
            image("8", 0, &["todo.local/q/web:k-8"]),
            image("9", 0, &[]),
        ];
        let project = ImageOwner::parse("p").unwrap();
        let keep = BTreeSet::from(["todo.local/p/web:i-1".to_owned()]);
        let used = BTreeSet::from(["2".to_owned()]);
        let ids = |kept| -> Vec<String> {
            doomed(&project, &images, &keep, &used, kept).iter().map(|image| image.id.clone()).collect()
        };
        assert_eq!(ids(2), ["3"]);
        assert_eq!(ids(0), ["6", "5", "4", "3"]);
    }
}
