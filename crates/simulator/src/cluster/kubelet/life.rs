//! The life of a pod on its node, from its volumes to its end.

use super::container;
use super::running::Running;
use super::running::is_sidecar;
use super::running::is_through;
use super::unit::Listens;
use super::unit::Termination;
use super::unit::UnitState;
use super::volume;
use crate::cluster::world::World;
use futures::future::join_all;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long a program that hears that it is to end takes for it.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// After a start of the node, until the kubelet sees to its pods.
const WAKING: Duration = Duration::from_millis(1500);

/// Lives until the pod is gone.
pub(super) async fn live(
    world: Arc<World>,
    pod: Arc<Running>,
    mut ending: watch::Receiver<Option<Duration>>,
) {
    let grace = tokio::select! {
        () = work(&world, &pod) => asked_to_end(&mut ending).await,
        grace = asked_to_end(&mut ending) => grace,
    };
    end(&world, &pod, grace).await;
    let_go(&world, &pod.pod);
}

/// Waits until the pod is to end.
async fn asked_to_end(ending: &mut watch::Receiver<Option<Duration>>) -> Duration {
    loop {
        let grace = *ending.borrow_and_update();
        if let Some(grace) = grace {
            return grace;
        }
        if ending.changed().await.is_err() {
            // The kubelet itself is gone.
            std::future::pending::<()>().await;
        }
    }
}

async fn work(world: &Arc<World>, pod: &Arc<Running>) {
    if pod.woken {
        sleep(WAKING).await;
    }
    pod.lock().began = world.ctx(|ctx| ctx.stamp());
    pod.publish(world);
    volume::mount(world, pod).await;
    sleep(world.a_moment(120, 400)).await;
    let address = world.ctx(|ctx| format!("10.244.0.{}", ctx.random(2, 250)));
    pod.lock().address = Some(address);
    pod.publish(world);

    let units = pod.lock().units.clone();
    let mut beside = Vec::new();
    for (index, unit) in units.iter().enumerate().filter(|(_, unit)| unit.init) {
        if is_sidecar(unit) {
            let (world, pod) = (Arc::clone(world), Arc::clone(pod));
            beside.push(Beside(tokio::spawn(async move { container::run(&world, &pod, index).await })));
        } else if !is_through(unit) {
            container::run(world, pod, index).await;
            if !is_through(&pod.unit(index)) {
                return;
            }
        }
    }
    let main: Vec<usize> =
        units.iter().enumerate().filter(|(_, unit)| !unit.init).map(|(index, _)| index).collect();
    for index in &main {
        pod.change(world, *index, |unit| {
            if matches!(unit.now, UnitState::Waiting("PodInitializing", _)) {
                unit.now = UnitState::default();
            }
        });
    }
    join_all(main.iter().map(|index| container::run(world, pod, *index))).await;
    drop(beside);
}

/// A sidecar, which ends with the pod.
struct Beside(tokio::task::JoinHandle<()>);

impl Drop for Beside {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Ends what still runs.
async fn end(world: &Arc<World>, pod: &Running, grace: Duration) {
    let units = pod.lock().units.clone();
    let running: Vec<usize> = units
        .iter()
        .enumerate()
        .filter(|(_, unit)| matches!(unit.now, UnitState::Running { .. }))
        .map(|(index, _)| index)
        .collect();
    for index in &running {
        pod.emit_event(
            world,
            *index,
            "Normal",
            "Killing",
            &format!("Stopping container {}", units[*index].name),
        );
    }
    let deaf = running.iter().any(|index| units[*index].is_deaf());
    if !running.is_empty() {
        sleep(if deaf { grace } else { LAST_WORDS.min(grace) }).await;
    }
    let stamp = world.ctx(|ctx| ctx.stamp());
    for index in running {
        pod.change(world, index, |unit| {
            if let UnitState::Running { since, id } = unit.now.clone() {
                let code = if deaf { 137 } else { 0 };
                let reason = if deaf { "Error" } else { "Completed" };
                let at = stamp.clone();
                unit.now =
                    UnitState::Ended(Termination { code, reason, message: String::new(), since, at, id });
                unit.ready = false;
                unit.listens = Listens::Nowhere;
            }
        });
    }
}

/// The kubelet is done with the pod: it is deleted, unless another finalizer holds it.
pub(super) fn let_go(world: &World, pod: &Value) {
    let name = |field: &str| pod["metadata"][field].as_str().unwrap_or_default().to_owned();
    world.ctx(|ctx| {
        let Some(pod) = ctx
            .get(crate::kinds::POD, &name("namespace"), &name("name"))
            .filter(|there| there["metadata"]["uid"] == pod["metadata"]["uid"])
        else {
            return;
        };
        ctx.remove_by(&pod, "Background", Some(0));
    });
}
