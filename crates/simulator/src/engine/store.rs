//! What an engine has: images with their layers, containers, volumes, and what it kept of the files of earlier builds.

use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write;

/// An image.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) tags: BTreeSet<String>,
    /// `repository@sha256:…` of the registries that it came from or went to.
    pub(crate) digests: BTreeSet<String>,
    /// Seconds since 1970.
    pub(crate) created: i64,
    pub(crate) layers: Vec<Layer>,
    pub(crate) labels: BTreeMap<String, String>,
    /// `os/arch`.
    pub(crate) platform: String,
}

/// A layer, as listed in an image's history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) digest: String,
    pub(crate) size: u64,
    pub(crate) by: String,
}

/// A container: a node, or one that was made to write into a volume.
#[derive(Debug, Clone, Default)]
pub(crate) struct Container {
    pub(crate) inspected: Value,
    /// Files that were written into it.
    pub(crate) written: BTreeSet<String>,
    /// Files that it lacks.
    pub(crate) lost: BTreeSet<String>,
    /// Its processes, as the engine lists them.
    pub(crate) processes: Vec<String>,
}

/// A file as the engine remembers it from the build before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) mode: u32,
    pub(crate) size: i64,
    pub(crate) modified: i64,
    pub(crate) link: String,
    pub(crate) digest: String,
}

/// Contents of files, by their paths.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

#[derive(Debug, Default)]
pub(crate) struct Store {
    /// By id.
    pub(crate) images: BTreeMap<String, Image>,
    /// By name or id.
    pub(crate) containers: BTreeMap<String, Container>,
    /// Files copied into containers of pods, by their IDs.
    pub(crate) copied: BTreeMap<String, Files>,
    pub(crate) volumes: BTreeSet<String>,
    /// By the key that a session shares with the one before, and the directory.
    pub(crate) kept: BTreeMap<(String, String), BTreeMap<String, Kept>>,
    /// Steps of builds that are in its cache.
    pub(crate) steps: BTreeSet<String>,
    /// What no registry has.
    pub(crate) unknown: BTreeSet<String>,
}

/// The hexadecimal SHA-256 of `parts`, none of which can run into the next.
pub(crate) fn digest<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A number below `below` that follows from a digest.
pub(crate) fn number(digest: &str, below: u64) -> u64 {
    digest.get(..12).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0) % below.max(1)
}

/// `python:3.12-slim` → the name by which an engine lists it: with a tag, without Docker Hub's host.
pub(crate) fn familiar(reference: &str) -> String {
    let short = ["docker.io/library/", "index.docker.io/library/", "docker.io/"]
        .into_iter()
        .find_map(|hub| reference.strip_prefix(hub))
        .unwrap_or(reference);
    let name = short.rsplit('/').next().unwrap_or(short);
    if name.contains(':') || short.contains('@') { short.to_owned() } else { format!("{short}:latest") }
}

impl Image {
    /// An image of a registry: which one follows from its name, and nothing else is known of it.
    pub(crate) fn of_registry(reference: &str) -> Image {
        let name = familiar(reference);
        let print = digest(["registry", name.as_str()]);
        // Small, because the limits of the project are about sizes that a rehearsal cannot know.
        let size = 8_000_000 + number(&print, 32_000_000);
        let layer = |part: &str, size| Layer {
            digest: format!("sha256:{}", digest([part, name.as_str()])),
            size,
            by: format!("# {name}"),
        };
        let (repository, _) =
            name.split_once('@').unwrap_or_else(|| name.rsplit_once(':').unwrap_or((&name, "")));
        Image {
            id: format!("sha256:{print}"),
            digests: [format!("{repository}@sha256:{}", digest(["manifest", name.as_str()]))].into(),
            tags: [name.clone()].into(),
            created: 1_735_689_600,
            layers: vec![layer("base", size / 4 * 3), layer("top", size / 4)],
            labels: BTreeMap::new(),
            platform: "linux/amd64".to_owned(),
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }

    /// As `docker image inspect` has it.
    pub(crate) fn inspected(&self) -> Value {
        let (os, architecture) = self.platform.split_once('/').unwrap_or((&self.platform, ""));
        let (architecture, variant) = architecture.split_once('/').unwrap_or((architecture, ""));
        json!({
            "Id": self.id, "RepoTags": self.tags, "RepoDigests": self.digests,
            "Created": jiff::Timestamp::from_second(self.created).unwrap_or_default().to_string(),
            "Os": os, "Architecture": architecture, "Variant": variant, "Size": self.size(),
            "Config": {"Labels": self.labels},
            "RootFS": {"Type": "layers", "Layers": self.layers.iter().map(|layer| &layer.digest).collect::<Vec<_>>()},
        })
    }

    /// As a list has it.
    pub(crate) fn summary(&self) -> Value {
        json!({
            "Id": self.id, "ParentId": "", "RepoTags": self.tags, "RepoDigests": self.digests,
            "Created": self.created, "Size": self.size(), "SharedSize": -1, "Labels": self.labels, "Containers": -1,
        })
    }

    /// Its layers, newest first.
    pub(crate) fn history(&self) -> Value {
        let layers = self.layers.iter().rev().map(|layer| {
            json!({"Id": "<missing>", "Created": self.created, "CreatedBy": layer.by, "Tags": [],
                "Size": layer.size, "Comment": ""})
        });
        Value::Array(layers.collect())
    }
}

impl Store {
    /// The image of that name or id.
    pub(crate) fn find(&self, name: &str) -> Option<&Image> {
        let id = if name.starts_with("sha256:") { name.to_owned() } else { format!("sha256:{name}") };
        if let Some(image) = self.images.get(&id) {
            return Some(image);
        }
        let familiar = familiar(name);
        self.images.values().find(|image| {
            image.tags.contains(&familiar) || image.tags.contains(name) || image.digests.contains(&familiar)
        })
    }

    /// Keeps an image under the names that it has; an image that had one of them before loses it.
    pub(crate) fn keep(&mut self, image: Image) {
        for tag in &image.tags {
            self.untag(tag);
        }
        match self.images.get_mut(&image.id) {
            Some(same) => {
                same.tags.extend(image.tags);
                same.digests.extend(image.digests);
            }
            None => {
                self.images.insert(image.id.clone(), image);
            }
        }
    }

    /// Calls the image `id` by another name as well. Returns whether there is one.
    pub(crate) fn tag(&mut self, id: &str, reference: &str) -> bool {
        self.untag(reference);
        let Some(image) = self.images.get_mut(id) else { return false };
        image.tags.insert(reference.to_owned());
        true
    }

    fn untag(&mut self, reference: &str) {
        for image in self.images.values_mut() {
            image.tags.remove(reference);
        }
    }

    /// Removes a name, or by its id the image; the image is deleted with its last name. Returns the real engine's
    /// answer.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Vec<Value>> {
        let image = self.find(name)?;
        let (id, by_id) = (image.id.clone(), image.id.ends_with(name));
        let mut removed = Vec::new();
        let image = self.images.get_mut(&id)?;
        if by_id {
            removed.extend(image.tags.iter().map(|tag| json!({"Untagged": tag})));
            image.tags.clear();
        } else {
            let name = familiar(name);
            image.tags.remove(&name);
            removed.push(json!({"Untagged": name}));
        }
        if image.tags.is_empty() {
            self.images.remove(&id);
            removed.push(json!({"Deleted": id}));
        }
        Some(removed)
    }

    /// Bytes of all layers, each counted once.
    pub(crate) fn layers(&self) -> u64 {
        let layers: BTreeMap<&str, u64> = self
            .images
            .values()
            .flat_map(|image| &image.layers)
            .map(|layer| (layer.digest.as_str(), layer.size))
            .collect();
        layers.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Image;
    use super::Store;
    use super::familiar;

    #[test]
    fn names_are_those_that_docker_lists() {
        for (reference, name) in [
            ("python", "python:latest"),
            ("docker.io/library/python:3", "python:3"),
            ("docker.io/acme/x", "acme/x:latest"),
            ("ghcr.io:443/acme/x", "ghcr.io:443/acme/x:latest"),
            ("x@sha256:00", "x@sha256:00"),
        ] {
            assert_eq!(familiar(reference), name);
        }
    }

    #[test]
    fn an_image_goes_with_its_last_name_and_a_name_has_one_image() {
        let mut store = Store::default();
        store.keep(Image::of_registry("a"));
        store.keep(Image::of_registry("b:1"));
        let id = store.find("docker.io/library/a").unwrap().id.clone();
        assert!(store.tag(&id, "b:1"), "the name moves");
        assert_eq!(store.find("b:1").unwrap().id, id);
        assert_eq!(store.remove("a:latest").unwrap().len(), 1);
        assert_eq!(store.remove("b:1").unwrap().len(), 2);
        assert!(store.find(&id).is_none() && store.remove("b:1").is_none());
    }
}
