//! The project's images in the builder, for `todo status`: the newest of each, as it would be deployed.

use crate::event::Code;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::image::Destination;
use crate::image::engine::Engine;
use crate::image::sweep::of_project;
use crate::image::tags;
use crate::project::name::ImageName;
use crate::project::name::ImageOwner;
use std::collections::BTreeMap;

/// The newest image of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The reference in the pods.
    pub reference: String,
    /// Bytes, as the engine counts them.
    pub size: u64,
    /// Its creation time, in seconds since 1970.
    pub made: i64,
}

/// The newest image of each name that the engine has for `project`.
pub async fn stored(project: &ImageOwner, to: &Destination) -> Result<BTreeMap<ImageName, Stored>> {
    let doing = || format!("cannot list the images of the engine at {}", to.builder);
    let engine = Engine::new(&to.builder).or_fault(Code::DockerRequestFailed, FaultKind::Image, doing)?;
    let listed =
        of_project(&engine, project).await.or_fault(Code::DockerRequestFailed, FaultKind::Image, doing)?;
    let mut newest: BTreeMap<ImageName, Stored> = BTreeMap::new();
    for image in listed {
        let name = image.labels.get(tags::IMAGE).and_then(|name| ImageName::parse(name.as_str()).ok());
        let Some(name) = name else { continue };
        let deployed = |tag: &&String| match &to.registry {
            Some(registry) => **tag == tags::by_id(&format!("{registry}/{name}"), &image.id),
            None => tag.contains(":i-") && tags::ours(project, tag).is_some(),
        };
        let Some(reference) = image.repo_tags.iter().find(deployed) else { continue };
        let found = Stored {
            reference: reference.clone(),
            size: image.size.try_into().unwrap_or(0),
            made: image.created,
        };
        if newest.get(&name).is_none_or(|known| known.made < found.made) {
            newest.insert(name, found);
        }
    }
    Ok(newest)
}
