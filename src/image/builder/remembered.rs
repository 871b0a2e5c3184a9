//! The keys that the images had last time: mostly they have them still, so the engine is asked for those images together
//! with their bases, and the answer is there as soon as the key is.
//!
//! Only what the engine said counts. A key that is another now was one question in vain.

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
pub(super) struct Remembered(BTreeMap<ImageName, String>);

impl Remembered {
    /// What is remembered of the images that the engine at `engine` built.
    pub(super) fn load(
        world: &World,
        engine: &str,
        project: &ImageOwner,
        surveyed: &[Surveyed],
    ) -> Remembered {
        let key = |image: &Image| last_inputs::key(world, engine, project, image);
        let images = surveyed.iter().map(|image| &image.image);
        Remembered(images.filter_map(|image| Some((image.name.clone(), key(image)?))).collect())
    }

    /// The tags to ask for. Not those of images that start from others of the project: they are built after them, and
    /// looked up then.
    pub(super) fn tags(&self, project: &ImageOwner, surveyed: &[Surveyed]) -> Vec<String> {
        let first = surveyed.iter().filter(|image| image.needs.is_empty()).map(|image| &image.image.name);
        let tag = |name: &ImageName| Some(tags::by_key(&tags::repository(project, name), self.0.get(name)?));
        first.filter_map(tag).collect()
    }

    /// Whether what is remembered of an image is of this key.
    pub(super) fn is_of(&self, image: &ImageName, key: &str) -> bool {
        self.0.get(image).is_some_and(|remembered| remembered == key)
    }
}
