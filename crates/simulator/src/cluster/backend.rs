//! The pods behind a Service, and what answers in one of them.

use crate::cluster::endpoints;
use crate::cluster::image::App;
use crate::cluster::reading::is_dying;
use crate::cluster::reading::is_ready;
use crate::cluster::world::World;
use crate::kinds;
use crate::request::text;
use serde_json::Value;

/// Why no pod answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nobody {
    /// No pod that is ready.
    NoPod,
    /// A pod in which nothing listens.
    Refused,
}

/// The pods that a Service selects.
pub(super) fn backends(world: &World, service: &Value) -> Vec<Value> {
    let Some(selector) = service["spec"]["selector"].as_object().filter(|all| !all.is_empty()) else {
        return Vec::new();
    };
    let namespace = text(&service["metadata"]["namespace"]);
    world.ctx(|ctx| {
        ctx.find(kinds::POD, Some(&namespace), |pod| {
            let labels = &pod["metadata"]["labels"];
            is_ready(pod)
                && !is_dying(pod)
                && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        })
    })
}

/// What answers behind a port of a Service: in one of its pods, at random.
pub(super) fn behind(world: &World, service: &Value, index: usize) -> Result<App, Nobody> {
    one_of(world, &backends(world, service), &service["spec"]["ports"][index])
}

/// The application in one of these pods, at random, at the target of the Service's `port`.
pub(super) fn one_of(world: &World, pods: &[Value], port: &Value) -> Result<App, Nobody> {
    let count = u64::try_from(pods.len()).unwrap_or(0);
    let chosen = usize::try_from(world.ctx(|ctx| ctx.random(0, count.max(1)))).unwrap_or(0);
    let pod = pods.get(chosen).ok_or(Nobody::NoPod)?;
    let target = endpoints::target(port, pod).ok_or(Nobody::NoPod)?;
    let [namespace, name] = ["namespace", "name"].map(|field| text(&pod["metadata"][field]));
    let running = world.kubelet.running(&namespace, &name);
    running.and_then(|running| running.behind(target)).ok_or(Nobody::Refused)
}
