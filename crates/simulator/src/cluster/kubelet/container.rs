//! One container: started, watched, and started again for as long as its pod's restart policy requires.

use super::config;
use super::probe;
use super::pull;
use super::running::Running;
use super::running::is_sidecar;
use super::unit::Listens;
use super::unit::Termination;
use super::unit::Unit;
use super::unit::UnitState;
use crate::cluster::ctx::controller;
use crate::cluster::fault::ContainerStart;
use crate::cluster::fault::PodFault;
use crate::cluster::image::ImageInfo;
use crate::cluster::program;
use crate::cluster::program::End;
use crate::cluster::program::Plan;
use crate::cluster::world::World;
use crate::request::text;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::sleep;

/// The first pause between two starts; doubled each time (`kubernetes: pkg/kubelet/kubelet.go`, `MaxContainerBackOff`).
const BACK_OFF: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);
/// A run that lasts so long makes up for those before it.
const GOOD_RUN: Duration = Duration::from_secs(600);
/// From the end of a run until the kubelet has seen it.
const NOTICE: Duration = Duration::from_millis(700);
/// The exit code of what never ran.
const UNSTARTED: i32 = 128;

/// Runs a container until it is not to be started again.
pub(super) async fn run(world: &Arc<World>, pod: &Arc<Running>, index: usize) {
    let mut back_off: Option<Duration> = None;
    loop {
        if let Some(pause) = back_off.filter(|pause| !pause.is_zero()) {
            crash_loop(world, pod, index, pause).await;
        }
        let found = pull::image(world, pod, index).await;
        config::wait(world, pod, index, &found.app).await;
        let began = Instant::now();
        let code = once(world, pod, index, &found).await;
        if pod.lock().evicted.is_some() {
            return;
        }
        let again = match pod.pod["spec"]["restartPolicy"].as_str() {
            _ if is_sidecar(&pod.unit(index)) => true,
            Some("Never") => false,
            Some("OnFailure") => code != 0,
            _ => !pod.unit(index).init || code != 0,
        };
        if !again {
            pod.change(world, index, |unit| unit.over = true);
            return;
        }
        sleep(if code == UNSTARTED { NOTICE * 3 } else { NOTICE }).await;
        back_off = match back_off {
            None => Some(Duration::ZERO),
            _ if began.elapsed() >= GOOD_RUN => Some(Duration::ZERO),
            Some(Duration::ZERO) => Some(BACK_OFF),
            Some(pause) => Some((pause * 2).min(LONGEST)),
        };
        if back_off == Some(Duration::ZERO) {
            pod.lock().units[index].restarts += 1;
        }
    }
}

async fn crash_loop(world: &Arc<World>, pod: &Running, index: usize, pause: Duration) {
    let name = pod.unit(index).name;
    let shown = if pause < Duration::from_secs(60) {
        format!("{}s", pause.as_secs())
    } else {
        format!("{}m{}s", pause.as_secs() / 60, pause.as_secs() % 60)
    };
    let why = format!("back-off {shown} restarting failed container={name} pod={}", pod.full_name());
    pod.change(world, index, |unit| {
        if let UnitState::Ended(ended) = unit.now.clone() {
            unit.last = Some(ended);
        }
        unit.now = UnitState::Waiting("CrashLoopBackOff", why);
    });
    let message = format!("Back-off restarting failed container {name} in pod {}", pod.full_name());
    pod.emit_event(world, index, "Warning", "BackOff", &message);
    sleep(pause).await;
    pod.lock().units[index].restarts += 1;
}

/// Starts it and waits until it has ended; returns its exit code.
async fn once(world: &Arc<World>, pod: &Arc<Running>, index: usize, found: &ImageInfo) -> i32 {
    let unit = pod.unit(index);
    let fault = world.settings.faults.pod(&start(pod, &unit));
    if matches!(fault, Some(PodFault::Evict)) {
        throw_out(world, pod);
        return 137;
    }
    let finishes = (unit.init && !is_sidecar(&unit)) || pod.pod["spec"]["restartPolicy"] != "Always";
    let plan = match &fault {
        Some(PodFault::Crash { code, lines }) => Plan {
            says: lines.iter().map(|line| (Duration::ZERO, line.clone())).collect(),
            end: End::After(Duration::from_millis(50), *code),
            listens: false,
        },
        Some(PodFault::OutOfMemory) => {
            Plan { says: Vec::new(), end: End::OutOfMemory(Duration::from_millis(300)), listens: false }
        }
        _ => program::plan(&unit.spec, &found.app, finishes),
    };
    let id = world.ctx(|ctx| {
        let mut part = || ctx.random(0, u64::MAX);
        format!("docker://{:016x}{:016x}{:016x}{:016x}", part(), part(), part(), part())
    });
    pod.emit_event(world, index, "Normal", "Created", "Container created");
    sleep(world.a_moment(60, 250)).await;
    if let End::Unstartable(why) = &plan.end {
        return unstarted(world, pod, index, why, &id);
    }
    let since = world.ctx(|ctx| ctx.stamp());
    pod.change(world, index, |unit| {
        if let UnitState::Ended(ended) = unit.now.clone() {
            unit.last = Some(ended);
        }
        if unit.last.is_some() {
            unit.log_before = Some(std::mem::take(&mut unit.log));
        }
        unit.now = UnitState::Running { since: since.clone(), id: id.clone() };
        unit.image.clone_from(&found.id);
        unit.app = found.app.clone();
        unit.started = unit.spec["startupProbe"].is_null();
        unit.ready = unit.started
            && unit.spec["readinessProbe"].is_null()
            && !matches!(fault, Some(PodFault::NotReady));
        unit.listens = Listens::Nowhere;
    });
    pod.emit_event(world, index, "Normal", "Started", "Container started");
    let broken = matches!(fault, Some(PodFault::NotReady));
    let (code, reason) = tokio::select! {
        end = ends(world, pod, index, &plan) => end,
        () = listen(world, pod, index, found, plan.listens && !broken) => (0, "Completed"),
        code = probe::watch(world, pod, index, broken) => (code, "Error"),
    };
    let at = world.ctx(|ctx| ctx.stamp());
    pod.change(world, index, |unit| {
        unit.now = UnitState::Ended(Termination { code, reason, message: String::new(), since, at, id });
        unit.ready = false;
        unit.started = false;
        unit.listens = Listens::Nowhere;
    });
    code
}

/// Writes its log lines and ends as planned.
async fn ends(world: &Arc<World>, pod: &Running, index: usize, plan: &Plan) -> (i32, &'static str) {
    let began = Instant::now();
    for (after, line) in &plan.says {
        tokio::time::sleep_until(began + *after).await;
        let now = world.settings.clock.now();
        pod.lock().units[index].log.push((now, line.clone()));
    }
    match &plan.end {
        End::After(after, code) => {
            tokio::time::sleep_until(began + *after).await;
            (*code, if *code == 0 { "Completed" } else { "Error" })
        }
        End::OutOfMemory(after) => {
            tokio::time::sleep_until(began + *after).await;
            (137, "OOMKilled")
        }
        End::Signalled { .. } | End::Unstartable(_) => std::future::pending().await,
    }
}

/// Where an unknown program listens: at its declared ports and at the ports of its probes. A port need not be declared
/// to be listened on, so without any of them it may be every port.
fn listens_of(spec: &Value) -> Listens {
    let declared = spec["ports"].as_array().into_iter().flatten().map(|port| &port["containerPort"]);
    let probes = ["startupProbe", "readinessProbe", "livenessProbe"].into_iter();
    let asked =
        probes.flat_map(|probe| ["httpGet", "tcpSocket", "grpc"].map(|way| &spec[probe][way]["port"]));
    let number = |port: &Value| {
        let port = port.as_u64().or_else(|| port.as_str()?.parse().ok())?;
        u16::try_from(port).ok()
    };
    let ports: Vec<u16> = declared.chain(asked).filter_map(number).collect();
    if ports.is_empty() { Listens::Anywhere } else { Listens::At(ports) }
}

/// Listens once the program is up; never returns.
async fn listen(world: &Arc<World>, pod: &Running, index: usize, found: &ImageInfo, listens: bool) {
    if listens {
        sleep(found.app.starts_after).await;
        let unit = pod.unit(index);
        let listens = found.app.listens_on.clone().map_or_else(|| listens_of(&unit.spec), Listens::At);
        pod.change(world, index, |unit| unit.listens = listens);
    }
    std::future::pending::<()>().await;
}

fn unstarted(world: &Arc<World>, pod: &Running, index: usize, why: &str, id: &str) -> i32 {
    let at = world.ctx(|ctx| ctx.stamp());
    let ended = Termination {
        code: UNSTARTED,
        reason: "StartError",
        message: why.to_owned(),
        since: "1970-01-01T00:00:00Z".to_owned(),
        at,
        id: id.to_owned(),
    };
    pod.change(world, index, |unit| {
        unit.last = Some(ended);
        unit.now = UnitState::Waiting("RunContainerError", why.to_owned());
    });
    pod.emit_event(world, index, "Warning", "Failed", &format!("Error: {why}"));
    UNSTARTED
}

fn throw_out(world: &Arc<World>, pod: &Running) {
    let why = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 80Mi. ";
    pod.lock().evicted = Some(("Evicted".to_owned(), why.to_owned()));
    world.ctx(|ctx| ctx.warn(&pod.pod, "kubelet", "Evicted", why));
    pod.publish(world);
}

fn start(pod: &Running, unit: &Unit) -> ContainerStart {
    let owner = controller(&pod.pod);
    let owner = if owner.is_null() {
        String::new()
    } else {
        format!("{}/{}", text(&owner["kind"]), text(&owner["name"]))
    };
    ContainerStart {
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        owner,
        container: unit.name.clone(),
        image: text(&unit.spec["image"]),
        restarts: unit.restarts,
    }
}
