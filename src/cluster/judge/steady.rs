//! Ready, and staying so: what has just started is looked at a moment longer.
//!
//! A container without a readiness probe is "ready" as soon as it has started, so it has to stay up for a while. And a
//! liveness probe that fails will have its container ended soon, however ready it is now.

use crate::cluster::blame::container::probe_kill;
use crate::cluster::blame::newest;
use crate::cluster::health::Judgement;
use crate::cluster::judge::Judge;
use crate::cluster::live;
use crate::cluster::snapshot::Snapshot;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;

impl Judge {
    /// The judgement of something that says it is ready, or what it still has to prove.
    pub(super) fn stays_up(
        &mut self,
        live: &Value,
        judgement: Judgement,
        now: Timestamp,
        snapshot: &Snapshot,
    ) -> Judgement {
        if live::kind(live) == "Job" {
            return judgement;
        }
        let pods = newest::pods(live, snapshot);
        let ready = i64::try_from(pods.iter().filter(|pod| live::holds(pod, "Ready")).count());
        let counted = judgement.replicas.map_or(0, |replicas| replicas.ready.min(replicas.wanted));
        let mut waits = if !pods.is_empty() && ready.is_ok_and(|ready| ready < counted) {
            // Each kind has a watch of its own: the pods' news may come after their Deployment's.
            Some(Judgement::progressing("StaysUp", "ready; its pods are looked at"))
        } else {
            None
        };
        for pod in pods {
            if live::text(pod, "/status/phase") != "Running" {
                continue;
            }
            for written in live::list(pod, "/spec/containers") {
                if self.probe_fails(pod, written, now, snapshot) {
                    let name = live::text(written, "/name");
                    waits = Some(Judgement::progressing(
                        "LivenessFails",
                        format!("container `{name}` runs, but its `livenessProbe` fails: it will be ended"),
                    ));
                } else if written.get("readinessProbe").is_none()
                    && self.is_new(pod, written, now)
                    && waits.is_none()
                {
                    waits = Some(Judgement::progressing(
                        "StaysUp",
                        "ready; it has no readiness probe, so it is watched for a moment",
                    ));
                }
            }
        }
        match waits {
            Some(waits) => Judgement { replicas: judgement.replicas, ..waits },
            None => judgement,
        }
    }

    /// Whether this run of the container has not been up for long enough yet.
    fn is_new(&mut self, pod: &Value, written: &Value, now: Timestamp) -> bool {
        let status = status(pod, written);
        let run = status.map_or(0, |status| live::count(status, "/restartCount"));
        let key = (live::uid(pod).to_owned(), live::text(written, "/name").to_owned(), run);
        let up = now.duration_since(*self.up_since.entry(key).or_insert(now));
        up < SignedDuration::try_from(self.limits.stability).unwrap_or(SignedDuration::MAX)
    }

    /// Whether this run's liveness probe has failed lately.
    fn probe_fails(&mut self, pod: &Value, written: &Value, now: Timestamp, snapshot: &Snapshot) -> bool {
        let Some(probe) = written.get("livenessProbe") else { return false };
        let name = live::text(written, "/name");
        let started =
            status(pod, written).and_then(|status| live::moment(status, "/state/running/startedAt"));
        let happenings = snapshot.happenings(live::uid(pod));
        // Once the kubelet ends it, what the probe says does not matter any more.
        if probe_kill(&happenings, name).is_some_and(|killing| killing.last >= started) {
            return true;
        }
        let Some(failure) = happenings.iter().rev().find(|happening| {
            happening.reason == "Unhealthy"
                && happening.message.starts_with("Liveness probe failed")
                && happening.part.ends_with(&format!("{{{name}}}"))
                && happening.last >= started
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

fn status<'a>(pod: &'a Value, written: &Value) -> Option<&'a Value> {
    let name = live::text(written, "/name");
    live::list(pod, "/status/containerStatuses").iter().find(|status| live::text(status, "/name") == name)
}

#[cfg(test)]
mod tests {
    use crate::cluster::health::Health;
    use crate::cluster::judge::Judge;
    use crate::cluster::judge::Subject;
    use crate::cluster::judge::limits::Limits;
    use crate::cluster::live;
    use crate::cluster::snapshot::Snapshot;
    use crate::event::Place;
    use crate::manifest::Object;
    use jiff::SignedDuration;
    use jiff::Timestamp;
    use serde_json::Value;
    use serde_json::json;

    fn deployment() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "uid": "web", "generation": 1,
                 "annotations": {"deployment.kubernetes.io/revision": "1"}}, "spec": {"replicas": 1},
               "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
                          "conditions": [{"type": "Available", "status": "True"}]}})
    }

    fn pod(ready: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1-a", "uid": "pod", "ownerReferences": [{"controller": true, "uid": "rs"}]},
               "spec": {"containers": [{"name": "web", "readinessProbe": {}, "livenessProbe": {"periodSeconds": 4}}]},
               "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}], "containerStatuses": [
                   {"name": "web", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}})
    }

    fn look(judge: &mut Judge, second: i64, more: &[Value]) -> (Health, String) {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-1", "uid": "rs",
            "annotations": {"deployment.kubernetes.io/revision": "1"}, "ownerReferences": [{"controller": true, "uid": "web"}]}});
        let mut objects = vec![deployment(), set];
        objects.extend(more.iter().cloned());
        let verdict =
            judge.observe(start + SignedDuration::from_secs(second), &Snapshot::of(&objects)).remove(0);
        (verdict.health, verdict.reason)
    }

    fn judge() -> Judge {
        let object = Object::made(deployment(), Place::file("web.yaml"));
        let subject =
            Subject { id: live::id(&object.value), generation: Some(1), changed: true, object, before: None };
        Judge::new(vec![subject], Limits::default(), "2026-01-01T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_liveness_probe_that_fails_is_waited_for_until_it_succeeds_again() {
        let failure = |at: &str| {
            json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "type": "Warning", "reason": "Unhealthy",
                   "message": "Liveness probe failed: no", "lastTimestamp": at,
                   "involvedObject": {"uid": "pod", "fieldPath": "spec.containers{web}"}})
        };
        let mut judge = judge();
        let failing = (Health::Progressing, "LivenessFails".to_owned());
        assert_eq!(look(&mut judge, 1, &[pod("True"), failure("2026-01-01T00:00:01Z")]), failing);
        assert_eq!(look(&mut judge, 9, &[pod("True"), failure("2026-01-01T00:00:05Z")]), failing);
        assert_eq!(look(&mut judge, 18, &[pod("True"), failure("2026-01-01T00:00:05Z")]), failing);
        assert_eq!(look(&mut judge, 19, &[pod("True"), failure("2026-01-01T00:00:05Z")]).0, Health::Ready);
    }

    #[test]
    fn what_the_run_before_did_is_no_failure_of_this_one() {
        let old = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "type": "Warning", "reason": "Unhealthy",
            "message": "Liveness probe failed: no", "lastTimestamp": "2025-12-31T23:59:59Z",
            "involvedObject": {"uid": "pod", "fieldPath": "spec.containers{web}"}});
        assert_eq!(look(&mut judge(), 1, &[pod("True"), old]).0, Health::Ready);
    }

    #[test]
    fn news_of_the_deployment_that_comes_before_its_pods_is_not_enough() {
        let mut judge = judge();
        assert_eq!(look(&mut judge, 1, &[pod("False")]), (Health::Progressing, "StaysUp".to_owned()));
        assert_eq!(look(&mut judge, 2, &[pod("True")]).0, Health::Ready);
    }
}
