//! What a machine holds after a run, to compare it with another one.

use super::Host;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

impl Host {
    /// The remaining state, without what differs from run to run: objects, images, containers, volumes, files, and the
    /// holders of locks.
    #[must_use]
    pub fn left(&self) -> BTreeMap<String, Value> {
        let mut left: BTreeMap<String, Value> = self.cluster.objects();
        for (name, engine) in [("host", &self.outer), ("node", &self.node)] {
            let store = engine.store();
            for image in store.images.values() {
                left.insert(format!("image {name} {}", image.id), json!(image.tags));
            }
            for (container, at) in &store.containers {
                left.insert(format!("container {name} {container}"), at.inspected["State"]["Status"].clone());
            }
            for volume in &store.volumes {
                left.insert(format!("volume {name} {volume}"), Value::Null);
            }
        }
        for (object, _) in self.cluster.api().all() {
            if object.contains("/leases ") && object.contains("/todo.") {
                left.insert(format!("lock {object}"), Value::Null);
            }
        }
        files(&self.folder, &self.folder, &mut left);
        left
    }
}

/// The files of the machine, by their names alone: their contents have times and digests.
fn files(root: &Path, folder: &Path, left: &mut BTreeMap<String, Value>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(root, &path, left);
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let name = name.replace(std::path::MAIN_SEPARATOR, "/");
            left.insert(format!("file {name}"), Value::Null);
        }
    }
}
