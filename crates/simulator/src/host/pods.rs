//! The pods of a cluster as the engine of its node knows them.

use crate::cluster::Cluster;
use crate::engine::pods::PodContainer;
use crate::host::Host;
use serde_json::Value;
use std::collections::BTreeMap;

/// All containers of all pods.
pub(super) fn containers(cluster: &Cluster) -> Vec<PodContainer> {
    let api = cluster.api();
    let mut found = Vec::new();
    for object in api.all().keys().filter(|object| object.starts_with("api/v1/pods ")) {
        let Some((namespace, name)) = object.split_once(' ').and_then(|(_, of)| of.split_once('/')) else {
            continue;
        };
        let Some(pod) = api.get("api/v1/pods", namespace, name) else { continue };
        let lists = [("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")];
        for (specs, statuses) in lists {
            let specs = pod["spec"][specs].as_array().into_iter().flatten();
            found.extend(specs.filter_map(|spec| container(spec, &pod["status"][statuses])));
        }
    }
    found
}

fn container(spec: &Value, statuses: &Value) -> Option<PodContainer> {
    let mut statuses = statuses.as_array().into_iter().flatten();
    let running =
        statuses.find(|status| status["name"] == spec["name"] && status["state"]["running"].is_object());
    let id = running.and_then(|status| status["containerID"].as_str()?.strip_prefix("docker://"));
    let image = spec["image"].as_str()?.to_owned();
    Some(PodContainer { image, id: id.map(str::to_owned), spec: spec.clone() })
}

impl Host {
    /// The files that were copied into each running container of an image whose reference begins so.
    #[must_use]
    pub fn copied(&self, image: &str) -> Vec<BTreeMap<String, Vec<u8>>> {
        let running =
            containers(&self.cluster).into_iter().filter(|container| container.image.starts_with(image));
        running.filter_map(|item| Some(self.node.copied(&item.id?))).collect()
    }
}
