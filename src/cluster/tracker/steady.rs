//! Stability: an object that has just started, or whose container was restarted, is observed for longer.
//!
//! A container without a readiness probe is "ready" as soon as it has started, so it has to stay up for a while.
//! After an exit it has to run for longer still ([`restarted`](health::cause::restarted)), whether this run has
//! changed it or not: `up`, `status` and every other wait have the same rule. And a failing liveness probe will soon
//! have its container killed, even if it is ready now.

use crate::cluster::tracker::HealthTracker;
use health::cause::container::probe_kill;
use health::cause::newest;
use health::cause::pod::containers;
use health::live;
use health::snapshot::Snapshot;
use health::status::HealthStatus;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;

/// The reason of an object that is ready while its liveness probe fails.
pub(super) const LIVENESS_FAILS: &str = "LivenessFails";
/// The reason of an object that is ready again after an exit.
pub(super) const RESTARTED: &str = "Restarted";

impl HealthTracker {
    /// The status of an object that reports ready, or the stability that is still missing.
    pub(super) fn is_stable(
        &mut self,
        live: &Value,
        health_status: HealthStatus,
        changed: bool,
        now: Timestamp,
        snapshot: &Snapshot,
    ) -> HealthStatus {
        if live::kind(live) == "Job" {
            return health_status;
        }
        let pods = newest::pods(live, snapshot);
        let mut waits = self.lacks_news(live, &pods, &health_status, snapshot);
        for pod in pods {
            if live::text(pod, "/status/phase") != "Running" {
                continue;
            }
            if let Some(proving) = self.proves_itself(pod, changed, now, snapshot) {
                let liveness = proving.reason == LIVENESS_FAILS;
                waits = if liveness { Some(proving) } else { waits.or(Some(proving)) };
            }
        }
        match waits {
            Some(waits) => HealthStatus { replicas: health_status.replicas, ..waits },
            None => health_status,
        }
    }

    /// Each kind has a watch of its own: the pods' events may arrive after their workload's.
    fn lacks_news(
        &self,
        live: &Value,
        pods: &[&Value],
        health_status: &HealthStatus,
        snapshot: &Snapshot,
    ) -> Option<HealthStatus> {
        let ready = pods.iter().filter(|pod| live::holds(pod, "Ready")).count();
        let counted = health_status.replicas.map_or(0, |replicas| replicas.ready.min(replicas.desired));
        let behind = !pods.is_empty() && i64::try_from(ready).is_ok_and(|ready| ready < counted);
        // A dump may lack pods altogether.
        let behind = behind && (self.dump.is_none() || ready < pods.len());
        let unlisted = health_status.replicas.is_some() && newest::are_awaited(live, snapshot);
        (behind || unlisted).then(|| HealthStatus::progressing("StaysUp", "ready; its pods are looked at"))
    }

    /// The stability that is missing in one running pod.
    fn proves_itself(
        &mut self,
        pod: &Value,
        changed: bool,
        now: Timestamp,
        snapshot: &Snapshot,
    ) -> Option<HealthStatus> {
        let mut waits = None;
        let runs = |status: &Value| status.pointer("/state/running").is_some();
        for (status, purpose) in containers(pod).filter(|(status, _)| runs(status)) {
            let Some(written) = written(pod, status) else { continue };
            let name = live::text(status, "/name");
            if changed && self.probe_fails(pod, written, status, now, snapshot) {
                return Some(HealthStatus::progressing(
                    LIVENESS_FAILS,
                    format!("container `{name}` runs, but its `livenessProbe` fails: it will be ended"),
                ));
            }
            if waits.is_some() {
                continue;
            }
            if let Some(restarted) = self.crashes.unproved(pod, status, purpose, now) {
                waits = Some(HealthStatus::progressing(RESTARTED, restarted.message()));
            } else if written.get("readinessProbe").is_none() && self.is_new(pod, status, changed, now) {
                waits = Some(HealthStatus::progressing(
                    "StaysUp",
                    "ready; it has no readiness probe, so it is watched for a moment",
                ));
            }
        }
        waits
    }

    /// Whether this run of the container has not been up for long enough yet. For objects that this run has not
    /// changed the node's clock counts, too: they may have been up for days before the first snapshot.
    fn is_new(&mut self, pod: &Value, status: &Value, changed: bool, now: Timestamp) -> bool {
        let run = live::count(status, "/restartCount");
        let key = (live::uid(pod).to_owned(), live::text(status, "/name").to_owned(), run);
        let seen = now.duration_since(*self.up_since.entry(key).or_insert(now));
        let began = live::moment(status, "/state/running/startedAt").filter(|_| !changed);
        // In a dump that is judged at its newest timestamp, a run that began then may have lasted for any time.
        let began = began.map(|began| self.dump.map_or(began, |dump| dump.since(Some(began), now)));
        let up = began.map_or(seen, |began| now.duration_since(began).max(seen));
        let known = changed || began.is_some();
        known && up < SignedDuration::try_from(self.limits.stability).unwrap_or(SignedDuration::MAX)
    }

    /// Whether this run's liveness probe has failed lately.
    fn probe_fails(
        &mut self,
        pod: &Value,
        written: &Value,
        status: &Value,
        now: Timestamp,
        snapshot: &Snapshot,
    ) -> bool {
        let Some(probe) = written.get("livenessProbe") else { return false };
        let name = live::text(written, "/name");
        let started = live::moment(status, "/state/running/startedAt");
        let events = snapshot.events(live::uid(pod));
        // Once the kubelet kills the container, the probe's result does not matter any more.
        if probe_kill(&events, name).is_some_and(|killing| killing.last >= started) {
            return true;
        }
        let Some(failure) = events.iter().rev().find(|event| {
            event.reason == "Unhealthy"
                && event.message.starts_with("Liveness probe failed")
                && event.is_of(name)
                && event.last >= started
        }) else {
            return false;
        };
        let key = (live::uid(pod).to_owned(), name.to_owned());
        let heard = self.failing.entry(key).or_insert((failure.last, now));
        if heard.0 != failure.last {
            *heard = (failure.last, now);
        }
        let period = live::number(probe, "/periodSeconds").unwrap_or(10);
        now.duration_since(heard.1) < SignedDuration::from_secs(period.saturating_mul(2).saturating_add(2))
    }
}

/// The container in the manifest; a sidecar is one of the `initContainers`.
fn written<'a>(pod: &'a Value, status: &Value) -> Option<&'a Value> {
    let named = |written: &&Value| live::text(written, "/name") == live::text(status, "/name");
    ["/spec/containers", "/spec/initContainers"].iter().flat_map(|field| live::list(pod, field)).find(named)
}

#[cfg(test)]
mod tests;
