//! A pod's volumes: mounted, or why not.

use super::running::Running;
use crate::cluster::world::World;
use crate::kinds;
use crate::request::text;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(122);

/// Directories and files that every node has.
const ON_EVERY_NODE: [&str; 12] =
    ["/", "/bin", "/data", "/dev", "/etc", "/home", "/mnt", "/proc", "/sys", "/tmp", "/usr", "/var"];

/// Waits until all volumes are there.
pub(super) async fn mount(world: &Arc<World>, pod: &Running) {
    let mut pause = SHORTEST;
    while let Some(why) = missing(world, pod) {
        world.ctx(|ctx| ctx.warn(&pod.pod, "kubelet", "FailedMount", &why));
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

fn missing(world: &World, pod: &Running) -> Option<String> {
    pod.pod["spec"]["volumes"].as_array()?.iter().find_map(|volume| {
        let why = of_volume(world, pod, volume)?;
        Some(format!("MountVolume.SetUp failed for volume \"{}\" : {why}", text(&volume["name"])))
    })
}

fn of_volume(world: &World, pod: &Running, volume: &Value) -> Option<String> {
    let mut sources = vec![volume];
    sources.extend(volume["projected"]["sources"].as_array().into_iter().flatten());
    for source in sources {
        for (field, name, kind, word) in [
            ("secret", "secretName", kinds::SECRET, "secret"),
            ("secret", "name", kinds::SECRET, "secret"),
            ("configMap", "name", kinds::CONFIG_MAP, "configmap"),
        ] {
            let reference = &source[field];
            let Some(name) = reference[name].as_str().filter(|_| reference["optional"] != true) else {
                continue;
            };
            let Some(object) = world.get(kind, &pod.namespace, name) else {
                return Some(format!("{word} \"{name}\" not found"));
            };
            let desired = reference["items"].as_array().into_iter().flatten();
            let key = desired
                .map(|item| text(&item["key"]))
                .find(|key| ["data", "binaryData"].iter().all(|field| object[*field].get(key).is_none()));
            if let Some(key) = key {
                let what = if word == "secret" { word } else { "config" };
                return Some(format!("{word} references non-existent {what} key: {key}"));
            }
        }
    }
    let path = &volume["hostPath"];
    let there = path["path"].as_str().is_some_and(|path| ON_EVERY_NODE.contains(&path.trim_end_matches('/')));
    match path["type"].as_str() {
        Some("Directory") if !there => {
            Some(format!("hostPath type check failed: {} is not a directory", text(&path["path"])))
        }
        Some("File") => Some(format!("hostPath type check failed: {} is not a file", text(&path["path"]))),
        Some("Socket") => {
            Some(format!("hostPath type check failed: {} is not a socket file", text(&path["path"])))
        }
        _ => None,
    }
}
