//! Each mention of an image in the deployed files, with its context.

use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::bind::repository;
use crate::manifest::pods;
use crate::manifest::pods::items;

/// A mention of an image in the deployed files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The image without its tag.
    pub repository: String,
    /// Its tag, empty where it has none.
    pub tag: String,
    /// Where it is named.
    pub place: Place,
    /// Names around it: of the container, the object, the keys of the values.
    pub hints: Vec<String>,
    /// The ports of its container.
    pub ports: Vec<u16>,
}

impl Use {
    /// A mention without anything around it.
    #[must_use]
    pub fn new(image: &str, place: Place) -> Use {
        let repository = repository(image).to_owned();
        let tag = image[repository.len()..].trim_start_matches([':', '@']).to_owned();
        Use { repository, tag, place, hints: Vec::new(), ports: Vec::new() }
    }
}

/// The images that pod templates name.
#[must_use]
pub fn uses(objects: &[Object]) -> Vec<Use> {
    let mut found = Vec::new();
    for (object, template) in pods::all(objects) {
        for container in template.containers() {
            let Some(image) = container.value["image"].as_str() else { continue };
            let place = object.place_of(&format!("{}/image", container.pointer)).clone();
            let port =
                |(_, port): (usize, &serde_json::Value)| u16::try_from(port["containerPort"].as_u64()?).ok();
            found.push(Use {
                hints: vec![container.name().to_owned(), object.name().to_owned()],
                ports: items(&container.value["ports"]).filter_map(port).collect(),
                ..Use::new(image, place)
            });
        }
    }
    found
}
