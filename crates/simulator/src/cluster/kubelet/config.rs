//! Requirements of a container besides its image: Secrets, ConfigMaps, a permitted user.

use super::pull::wait as waits;
use super::running::RETRY;
use super::running::Running;
use crate::cluster::image::App;
use crate::cluster::world::World;
use crate::kinds;
use crate::kinds::Served;
use crate::request::text;
use serde_json::Value;
use std::sync::Arc;
use tokio::time::sleep;

/// Waits until everything is there.
pub(super) async fn wait(world: &Arc<World>, pod: &Running, index: usize, app: &App) {
    while let Some(why) = missing(world, pod, index, app) {
        waits(world, pod, index, "CreateContainerConfigError", &why);
        pod.emit_event(world, index, "Warning", "Failed", &format!("Error: {why}"));
        sleep(RETRY).await;
    }
}

fn missing(world: &World, pod: &Running, index: usize, app: &App) -> Option<String> {
    let spec = pod.unit(index).spec;
    let sources = spec["envFrom"].as_array().into_iter().flatten();
    let whole = sources.flat_map(|source| {
        [("secretRef", kinds::SECRET), ("configMapRef", kinds::CONFIG_MAP)]
            .into_iter()
            .filter_map(|(field, kind)| Some((kind, source.get(field)?.clone(), None)))
    });
    let variables = spec["env"].as_array().into_iter().flatten();
    let keys = variables.flat_map(|variable| {
        [("secretKeyRef", kinds::SECRET), ("configMapKeyRef", kinds::CONFIG_MAP)].into_iter().filter_map(
            |(field, kind)| {
                let reference = variable["valueFrom"].get(field)?.clone();
                let key = text(&reference["key"]);
                Some((kind, reference, Some(key)))
            },
        )
    });
    let needed: Vec<(Served, Value, Option<String>)> = whole.chain(keys).collect();
    let unmet =
        needed.into_iter().find_map(|(kind, reference, key)| unmet(world, pod, kind, &reference, key));
    unmet.or_else(|| as_root(pod, &spec, app))
}

fn unmet(
    world: &World,
    pod: &Running,
    kind: Served,
    reference: &Value,
    key: Option<String>,
) -> Option<String> {
    if reference["optional"] == true {
        return None;
    }
    let name = text(&reference["name"]);
    let Some(object) = world.get(kind, &pod.namespace, &name) else {
        return Some(format!("{} \"{name}\" not found", kind.kind.to_lowercase()));
    };
    let key = key?;
    let there = ["data", "binaryData"].iter().any(|field| object[*field].get(&key).is_some());
    (!there).then(|| format!("couldn't find key {key} in {} {}/{name}", kind.kind, pod.namespace))
}

fn as_root(pod: &Running, spec: &Value, app: &App) -> Option<String> {
    let of = |field: &str| {
        let own = &spec["securityContext"][field];
        if own.is_null() { pod.pod["spec"]["securityContext"][field].clone() } else { own.clone() }
    };
    if of("runAsNonRoot") != true {
        return None;
    }
    let container = text(&spec["name"]);
    let shown = format!("(pod: \"{}\", container: {container})", pod.full_name());
    match of("runAsUser").as_i64() {
        Some(0) => Some(format!("container's runAsUser breaks non-root policy {shown}")),
        None if app.root => Some(format!("container has runAsNonRoot and image will run as root {shown}")),
        _ => None,
    }
}
