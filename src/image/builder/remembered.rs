//! The keys that the images had last time: mostly they have not changed, so those images are requested together with
//! their bases, and the answer has arrived when the key has been computed.
//!
//! Only the engine's answer counts. For a changed key one request was in vain.

use crate::image::last_inputs;
use crate::image::surveyed::Surveyed;
use crate::image::tags;
use crate::project::Image;
use crate::project::name::ImageName;
use crate::project::name::ImageOwner;
use crate::world::World;
use std::collections::BTreeMap;

/// The keys, by image.
#[derive(Debug)]
pub(super) struct CachedKeys(BTreeMap<ImageName, String>);

impl CachedKeys {
    /// The recorded keys of the images that the engine at `engine` built.
    pub(super) fn load(
        world: &World,
        engine: &str,
        project: &ImageOwner,
        surveyed: &[Surveyed],
    ) -> CachedKeys {
        let key = |image: &Image| last_inputs::key(world, engine, project, image);
        let images = surveyed.iter().map(|image| &image.image);
        CachedKeys(images.filter_map(|image| Some((image.name.clone(), key(image)?))).collect())
    }

    /// The tags to ask for. Not those of images that start from others of the project: they are built after them, and
    /// looked up then.
    pub(super) fn tags(&self, project: &ImageOwner, surveyed: &[Surveyed]) -> Vec<String> {
        let first = surveyed.iter().filter(|image| image.needs.is_empty()).map(|image| &image.image.name);
        let tag = |name: &ImageName| Some(tags::by_key(&tags::repository(project, name), self.0.get(name)?));
        first.filter_map(tag).collect()
    }

    /// Whether the recorded key of an image is this one.
    pub(super) fn is_of(&self, image: &ImageName, key: &str) -> bool {
        self.0.get(image).is_some_and(|remembered| remembered == key)
    }
}
