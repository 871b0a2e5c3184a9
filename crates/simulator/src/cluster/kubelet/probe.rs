//! The probes of a container: whether it has started, lives, and is ready.

use super::running::Running;
use super::unit::Unit;
use crate::cluster::program;
use crate::cluster::world::World;
use crate::request::text;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Probes until one of them has the container ended; returns its exit code then.
pub(super) async fn watch(world: &Arc<World>, pod: &Running, index: usize, broken: bool) -> i32 {
    let spec = pod.unit(index).spec;
    if spec["startupProbe"].is_object() {
        if !rounds(world, pod, index, "startupProbe", broken).await {
            return kill(world, pod, index, "startup").await;
        }
        pod.change(world, index, |unit| {
            unit.started = true;
            unit.ready = unit.spec["readinessProbe"].is_null() && !broken;
        });
    }
    let liveness = async {
        if spec["livenessProbe"].is_object() {
            rounds(world, pod, index, "livenessProbe", broken).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    let readiness = async {
        if spec["readinessProbe"].is_object() {
            rounds(world, pod, index, "readinessProbe", broken).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = liveness => kill(world, pod, index, "liveness").await,
        () = readiness => 0,
    }
}

/// Probes again and again. Returns whether a startup probe has succeeded, or that a liveness probe has failed; never for
/// a readiness probe.
async fn rounds(world: &Arc<World>, pod: &Running, index: usize, which: &str, broken: bool) -> bool {
    let probe = pod.unit(index).spec[which].clone();
    let seconds =
        |field: &str, least: u64| Duration::from_secs(probe[field].as_u64().unwrap_or(least).max(least));
    let times = |field: &str| probe[field].as_u64().unwrap_or(1).max(1);
    let (mut good, mut bad) = (0, 0);
    sleep(seconds("initialDelaySeconds", 0) + world.a_moment(20, 80)).await;
    loop {
        match run_probe(pod, index, &probe, broken) {
            Ok(()) => (good, bad) = (good + 1, 0),
            Err(why) => {
                (good, bad) = (0, bad + 1);
                let name = match which {
                    "startupProbe" => "Startup",
                    "livenessProbe" => "Liveness",
                    _ => "Readiness",
                };
                pod.emit_event(world, index, "Warning", "Unhealthy", &format!("{name} probe failed: {why}"));
            }
        }
        let (up, down) = (good >= times("successThreshold"), bad >= times("failureThreshold"));
        match which {
            "startupProbe" if up || down => return up,
            "livenessProbe" if down => return false,
            "readinessProbe" if (up || down) && pod.unit(index).ready != up => {
                pod.change(world, index, |unit| unit.ready = up);
            }
            _ => {}
        }
        sleep(seconds("periodSeconds", 1)).await;
    }
}

fn run_probe(pod: &Running, index: usize, probe: &Value, broken: bool) -> Result<(), String> {
    let unit = pod.unit(index);
    let address = pod.lock().address.clone().unwrap_or_default();
    let up = |port: u16| !broken && unit.listens.at(port);
    if let Some(http) = probe.get("httpGet") {
        let port = number(&unit, &http["port"]);
        let scheme = text(&http["scheme"]).to_lowercase();
        let path = text(&http["path"]);
        let path = if path.starts_with('/') { path } else { format!("/{path}") };
        if !up(port) {
            return Err(format!(
                "Get \"{scheme}://{address}:{port}{path}\": dial tcp {address}:{port}: connect: connection refused"
            ));
        }
        let status = unit.app.http.status;
        return if (200..400).contains(&status) {
            Ok(())
        } else {
            Err(format!("HTTP probe failed with statuscode: {status}"))
        };
    }
    for way in ["tcpSocket", "grpc"] {
        if let Some(socket) = probe.get(way) {
            let port = number(&unit, &socket["port"]);
            let refused = format!("dial tcp {address}:{port}: connect: connection refused");
            return if up(port) { Ok(()) } else { Err(refused) };
        }
    }
    if broken {
        return Err("the rehearsal keeps it from being ready".to_owned());
    }
    match program::exec(&probe["exec"]["command"], &unit.app) {
        (0, _) => Ok(()),
        (_, output) => Err(output),
    }
}

fn number(unit: &Unit, port: &Value) -> u16 {
    let named = || {
        let ports = unit.spec["ports"].as_array().into_iter().flatten();
        ports
            .filter(|declared| declared["name"] == *port)
            .find_map(|declared| declared["containerPort"].as_u64())
    };
    // A string that is not a name may be a number (`kubernetes: pkg/probe/util.go: ResolveContainerPort`).
    let number = || port.as_str()?.parse().ok();
    u16::try_from(port.as_u64().or_else(named).or_else(number).unwrap_or(0)).unwrap_or(0)
}

/// Ends a container whose probe has failed too often.
async fn kill(world: &Arc<World>, pod: &Running, index: usize, which: &str) -> i32 {
    let unit = pod.unit(index);
    let message = format!("Container {} failed {which} probe, will be restarted", unit.name);
    pod.emit_event(world, index, "Normal", "Killing", &message);
    if unit.is_deaf() {
        let grace = pod.pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
        sleep(Duration::from_secs(grace)).await;
        return 137;
    }
    sleep(Duration::from_millis(300)).await;
    143
}
