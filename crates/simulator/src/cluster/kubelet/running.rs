//! A pod on its node: what its containers do, and the status that follows from it.

use crate::cluster::image::App;
use crate::cluster::kubelet::unit::Termination;
use crate::cluster::kubelet::unit::Unit;
use crate::cluster::kubelet::unit::UnitState;
use crate::cluster::reading::condition;
use crate::cluster::reading::set_condition;
use crate::cluster::world::World;
use crate::kinds;
use crate::request::text;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

/// Between two tries of what the kubelet cannot start.
pub(super) const RETRY: Duration = Duration::from_secs(11);

/// A pod that a kubelet has taken up.
pub(in crate::cluster) struct Running {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    /// The pod as it was taken up; its spec does not change.
    pub(super) pod: Value,
    /// Whether it ran before its node went down.
    pub(super) woken: bool,
    state: Mutex<ContainerState>,
}

/// What changes about it.
#[derive(Default)]
pub(super) struct ContainerState {
    pub(super) address: Option<String>,
    pub(super) began: String,
    pub(super) units: Vec<Unit>,
    /// Why it was thrown out: the reason and the message.
    pub(super) evicted: Option<(String, String)>,
}

impl Running {
    pub(super) fn new(world: &World, pod: Value) -> Running {
        let mut units = Vec::new();
        let mut woken = false;
        let inits = pod["spec"]["initContainers"].as_array().map_or(0, Vec::len);
        for (field, statuses, init) in
            [("initContainers", "initContainerStatuses", true), ("containers", "containerStatuses", false)]
        {
            for container in pod["spec"][field].as_array().into_iter().flatten() {
                let before = pod["status"][statuses].as_array().into_iter().flatten();
                let before = before.into_iter().find(|status| status["name"] == container["name"]);
                let mut unit =
                    Unit { name: text(&container["name"]), spec: container.clone(), init, ..Unit::default() };
                if inits > 0 {
                    unit.now = UnitState::Waiting("PodInitializing", String::new());
                }
                if let Some(before) = before {
                    woken |= wake(&mut unit, before, world);
                }
                units.push(unit);
            }
        }
        let state =
            ContainerState { units, began: text(&pod["status"]["startTime"]), ..ContainerState::default() };
        Running {
            namespace: text(&pod["metadata"]["namespace"]),
            name: text(&pod["metadata"]["name"]),
            uid: text(&pod["metadata"]["uid"]),
            pod,
            woken,
            state: Mutex::new(state),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, ContainerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a container and publishes its status.
    pub(super) fn change(&self, world: &World, index: usize, change: impl FnOnce(&mut Unit)) {
        change(&mut self.lock().units[index]);
        self.publish(world);
    }

    pub(super) fn unit(&self, index: usize) -> Unit {
        self.lock().units[index].clone()
    }

    /// An event about one of its containers.
    pub(super) fn emit_event(
        &self,
        world: &World,
        index: usize,
        severity: &str,
        reason: &str,
        message: &str,
    ) {
        let (name, init) = {
            let state = self.lock();
            (state.units[index].name.clone(), state.units[index].init)
        };
        let field = if init { "initContainers" } else { "containers" };
        let part = format!("spec.{field}{{{name}}}");
        world.ctx(|ctx| ctx.event(&self.pod, &part, "kubelet", severity, reason, message));
    }

    /// How the kubelet names it: `web-1_todo(UID)`.
    pub(super) fn full_name(&self) -> String {
        format!("{}_{}({})", self.name, self.namespace, self.uid)
    }

    /// The lines of a container's log, or why there are none, with the status code of that answer.
    pub(in crate::cluster) fn log(
        &self,
        container: Option<&str>,
        previous: bool,
    ) -> Result<Vec<(Timestamp, String)>, (u16, String)> {
        let state = self.lock();
        let unit = match container {
            Some(name) => state.units.iter().find(|unit| unit.name == name),
            None => state.units.iter().find(|unit| !unit.init),
        };
        let Some(unit) = unit else {
            let name = container.unwrap_or_default();
            return Err((400, format!("container {name} is not valid for pod {}", self.name)));
        };
        let waits = matches!(unit.now, UnitState::Waiting(..));
        if waits && unit.last.is_some() {
            return Ok(unit.log.clone());
        }
        if previous {
            return unit.log_before.clone().ok_or_else(|| {
                let (container, pod) = (&unit.name, &self.name);
                (400, format!("previous terminated container \"{container}\" in pod \"{pod}\" not found"))
            });
        }
        if let UnitState::Waiting(reason, _) = &unit.now {
            let (container, pod) = (&unit.name, &self.name);
            let why = format!("container \"{container}\" in pod \"{pod}\" is waiting to start: {reason}");
            return Err((400, why));
        }
        Ok(unit.log.clone())
    }

    /// Whether the container's log may still grow.
    pub(in crate::cluster) fn is_talking(&self, container: Option<&str>) -> bool {
        let state = self.lock();
        let mut units = state.units.iter();
        let unit = units.find(|unit| container.map_or(!unit.init, |name| unit.name == name));
        unit.is_some_and(|unit| matches!(unit.now, UnitState::Running { .. }))
    }

    /// What answers at a port of the pod; `None` if nothing listens there.
    pub(in crate::cluster) fn behind(&self, port: u16) -> Option<App> {
        let state = self.lock();
        let listens = |unit: &&Unit| matches!(unit.now, UnitState::Running { .. }) && unit.listens.at(port);
        state.units.iter().find(listens).map(|unit| unit.app.clone())
    }

    /// Writes the status that follows, if it has changed.
    pub(super) fn publish(&self, world: &World) {
        world.ctx(|ctx| {
            let Some(mut pod) = ctx.get(kinds::POD, &self.namespace, &self.name) else { return };
            if pod["metadata"]["uid"] != self.uid.as_str() {
                return;
            }
            let stamp = ctx.stamp();
            let state = self.lock();
            status(&mut pod, &state, &stamp, world);
            ctx.keep(pod);
        });
    }
}

/// Takes over what is known of a container from before; returns whether it ran then.
fn wake(unit: &mut Unit, before: &Value, world: &World) -> bool {
    unit.restarts = u32::try_from(before["restartCount"].as_u64().unwrap_or(0)).unwrap_or(0);
    unit.image = text(&before["imageID"]);
    let run = &before["state"]["running"];
    let terminated = &before["state"]["terminated"];
    if run.is_object() {
        unit.restarts += 1;
        unit.now = UnitState::Ended(Termination {
            code: 255,
            reason: "Error",
            message: String::new(),
            since: text(&run["startedAt"]),
            at: world.settings.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            id: text(&before["containerID"]),
        });
        return true;
    }
    if terminated["exitCode"] == 0 && unit.init {
        unit.over = true;
        unit.now = UnitState::Ended(Termination {
            code: 0,
            reason: "Completed",
            message: String::new(),
            since: text(&terminated["startedAt"]),
            at: text(&terminated["finishedAt"]),
            id: text(&terminated["containerID"]),
        });
    }
    before["state"].is_object()
}

fn status(pod: &mut Value, state: &ContainerState, stamp: &str, world: &World) {
    let host = world.settings.nodes.first().map(|node| node.address.to_string()).unwrap_or_default();
    let began = if state.began.is_empty() { stamp } else { &state.began };
    let generation = pod["metadata"]["generation"].clone();
    let status = &mut pod["status"];
    status["startTime"] = json!(began);
    status["observedGeneration"] = generation;
    status["hostIP"] = json!(host);
    status["hostIPs"] = json!([{"ip": host}]);
    if let Some(address) = &state.address {
        status["podIP"] = json!(address);
        status["podIPs"] = json!([{"ip": address}]);
    }
    let of = |init: bool| state.units.iter().filter(move |unit| unit.init == init);
    status["containerStatuses"] = of(false).map(of_unit).collect();
    if of(true).next().is_some() {
        status["initContainerStatuses"] = of(true).map(of_unit).collect();
    }
    let phase = phase(state, pod["spec"]["restartPolicy"].as_str().unwrap_or("Always"));
    pod["status"]["phase"] = json!(phase);
    if let Some((reason, message)) = &state.evicted {
        pod["status"]["reason"] = json!(reason);
        pod["status"]["message"] = json!(message);
    }
    conditions(pod, state, phase, stamp);
}

fn conditions(pod: &mut Value, state: &ContainerState, phase: &str, stamp: &str) {
    let names = |fits: &dyn Fn(&Unit) -> bool| -> Vec<String> {
        state.units.iter().filter(|unit| fits(unit)).map(|unit| unit.name.clone()).collect()
    };
    let (done, ended) = (phase == "Succeeded", matches!(phase, "Succeeded" | "Failed"));
    set_condition(pod, "PodReadyToStartContainers", state.address.is_some() && !ended, "", "", stamp);
    let incomplete = names(&|unit| unit.init && !is_through(unit));
    if incomplete.is_empty() {
        let reason = if done { "PodCompleted" } else { "" };
        set_condition(pod, "Initialized", true, reason, "", stamp);
    } else {
        let why = format!("containers with incomplete status: [{}]", incomplete.join(" "));
        set_condition(pod, "Initialized", false, "ContainersNotInitialized", &why, stamp);
    }
    let unready = names(&|unit| !unit.ready && (!unit.init || is_sidecar(unit)));
    let gates = closed_gates(pod);
    for kind in ["Ready", "ContainersReady"] {
        if done {
            set_condition(pod, kind, false, "PodCompleted", "", stamp);
        } else if phase == "Failed" {
            set_condition(pod, kind, false, "PodFailed", "", stamp);
        } else if unready.is_empty() && kind == "Ready" && !gates.is_empty() {
            set_condition(pod, kind, false, "ReadinessGatesNotReady", &gates.join(", "), stamp);
        } else if unready.is_empty() {
            set_condition(pod, kind, true, "", "", stamp);
        } else {
            let why = format!("containers with unready status: [{}]", unready.join(" "));
            set_condition(pod, kind, false, "ContainersNotReady", &why, stamp);
        }
    }
}

/// The readiness gates that are not True, in the kubelet's words (`kubernetes: pkg/kubelet/status/generate.go`).
fn closed_gates(pod: &Value) -> Vec<String> {
    let gates = pod["spec"]["readinessGates"].as_array().into_iter().flatten();
    gates
        .map(|gate| text(&gate["conditionType"]))
        .filter_map(|gate| match condition(pod, &gate)["status"].as_str() {
            Some("True") => None,
            Some(status) => {
                Some(format!("the status of pod readiness gate \"{gate}\" is not \"True\", but {status}"))
            }
            None => Some(format!("corresponding condition of pod readiness gate \"{gate}\" does not exist.")),
        })
        .collect()
}

pub(super) fn is_sidecar(unit: &Unit) -> bool {
    unit.init && unit.spec["restartPolicy"] == "Always"
}

/// Whether an init container does not hold the others up any more.
pub(super) fn is_through(unit: &Unit) -> bool {
    if is_sidecar(unit) {
        unit.started
    } else {
        matches!(&unit.now, UnitState::Ended(ended) if ended.code == 0)
    }
}

fn phase(state: &ContainerState, policy: &str) -> &'static str {
    if state.evicted.is_some() {
        return "Failed";
    }
    let failed = |unit: &Unit| matches!(&unit.now, UnitState::Ended(ended) if ended.code != 0) && unit.over;
    let plain: Vec<&Unit> = state.units.iter().filter(|unit| !is_sidecar(unit)).collect();
    if policy == "Never" && plain.iter().any(|unit| unit.init && failed(unit)) {
        return "Failed";
    }
    let main = || plain.iter().filter(|unit| !unit.init);
    if main().all(|unit| unit.over) {
        return if main().any(|unit| failed(unit)) { "Failed" } else { "Succeeded" };
    }
    let untouched = |unit: &&&Unit| {
        matches!(unit.now, UnitState::Waiting(..)) && unit.last.is_none() && unit.restarts == 0
    };
    if plain.iter().any(|unit| unit.init && !is_through(unit)) || main().any(|unit| untouched(&unit)) {
        "Pending"
    } else {
        "Running"
    }
}

fn of_unit(unit: &Unit) -> Value {
    let ended = |ended: &Termination| {
        let mut detail = json!({"exitCode": ended.code, "reason": ended.reason, "startedAt": ended.since,
            "finishedAt": ended.at, "containerID": ended.id});
        if !ended.message.is_empty() {
            detail["message"] = json!(ended.message);
        }
        json!({"terminated": detail})
    };
    let (state, id) = match &unit.now {
        UnitState::Waiting(reason, message) => {
            let mut detail = json!({"reason": reason});
            if !message.is_empty() {
                detail["message"] = json!(message);
            }
            (json!({"waiting": detail}), unit.last.as_ref().map(|last| last.id.clone()).unwrap_or_default())
        }
        UnitState::Running { since, id } => (json!({"running": {"startedAt": since}}), id.clone()),
        UnitState::Ended(run) => (ended(run), run.id.clone()),
    };
    let ready = unit.ready || (unit.init && !is_sidecar(unit) && is_through(unit));
    let mut status = json!({"name": unit.name, "image": unit.spec["image"], "imageID": unit.image,
        "ready": ready, "started": unit.started, "restartCount": unit.restarts, "state": state,
        "lastState": unit.last.as_ref().map_or(json!({}), ended)});
    if !id.is_empty() {
        status["containerID"] = json!(id);
    }
    status
}
