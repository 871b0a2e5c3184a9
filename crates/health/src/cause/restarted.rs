//! A container that runs again after it ended: for how long it must run before that end no longer counts against it.
//!
//! `ready` is a weak signal here: without a readiness probe a container is ready as soon as it has started, and with
//! one it may pass between two crashes. The kubelet restarts the first time at once, then after 10 s, doubled up to 5
//! min, and starts over once a run has lasted 10 min (`kubernetes: pkg/kubelet/kubelet.go`, `MaxContainerBackOff`). So
//! a run is proved when it has lasted twice as long as the one before it, within bounds; after a run of 10 min the end
//! is treated as a single one.

use crate::cause::Exit;
use crate::cause::container;
use crate::cause::container::Purpose;
use crate::cause::pod;
use crate::live;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;

/// The shortest time that proves a run: times in a status are whole seconds.
const LEAST: SignedDuration = SignedDuration::from_secs(5);
/// The same where the kubelet has waited before this start, so that at least two runs ended shortly before.
const LEAST_AFTER_BACK_OFF: SignedDuration = SignedDuration::from_secs(10);
/// The longest time that a run is observed for.
const MOST: SignedDuration = SignedDuration::from_secs(60);
/// The kubelet's first pause between two starts.
const BACK_OFF: SignedDuration = SignedDuration::from_secs(10);
/// A run that lasts so long resets the kubelet's pause.
const GOOD_RUN: SignedDuration = SignedDuration::from_secs(600);
/// The kubelet looks at its containers every second: the sandbox of a run of this length was reported during the run.
const REPORTED: SignedDuration = SignedDuration::from_secs(5);

/// A run that follows one that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restarted {
    /// The container.
    pub container: String,
    /// How the run before ended.
    pub exit: Exit,
    /// Whether the kernel ended it for its memory.
    pub out_of_memory: bool,
    /// When the present run began, by the node's clock.
    pub began: Timestamp,
    /// For how long the present run must last.
    pub needs: SignedDuration,
}

impl Restarted {
    /// The restart of the container with this status, if it runs now and the run before ended by itself.
    ///
    /// Not the end of a whole sandbox: after a restart of the node every container has such a past.
    pub fn from_pod(pod: &Value, status: &Value, purpose: Purpose) -> Option<Restarted> {
        let began = live::moment(status, "/state/running/startedAt")?;
        let last = status.pointer("/lastState/terminated")?;
        let exit = container::exits(status).pop()?;
        if exit.code == 0 && purpose == Purpose::Finish {
            return None;
        }
        let (from, to) = (live::moment(last, "/startedAt"), live::moment(last, "/finishedAt")?);
        // What never started has no beginning.
        let from = from.filter(|from| from.as_second() > 0).unwrap_or(to);
        if ended_with_its_sandbox(pod, from, to) {
            return None;
        }
        let shortest = if began.duration_since(to) >= BACK_OFF { LEAST_AFTER_BACK_OFF } else { LEAST };
        let lasted = to.duration_since(from);
        let needs = if lasted >= GOOD_RUN { shortest } else { (lasted * 2).clamp(shortest, MOST) };
        Some(Restarted {
            container: live::text(status, "/name").to_owned(),
            exit,
            out_of_memory: live::text(last, "/reason") == "OOMKilled",
            began,
            needs,
        })
    }

    /// Whether the present run has not lasted long enough yet. `seen` is when it was first seen, by our own clock: a
    /// node's clock may be ahead of it.
    pub fn is_recent(&self, seen: Timestamp, now: Timestamp) -> bool {
        now.duration_since(self.began.min(seen)) < self.needs
    }

    /// What happened, and what is waited for. The same text for the whole of a run.
    pub fn message(&self) -> String {
        let Exit { code, restarts, .. } = self.exit;
        let ended =
            if self.out_of_memory { "was OOM-killed".to_owned() } else { format!("exited with code {code}") };
        let restarts = if restarts == 1 { "1 restart".to_owned() } else { format!("{restarts} restarts") };
        let (name, needs) = (&self.container, self.needs.as_secs());
        format!(
            "container `{name}` {ended} and was restarted ({restarts}); it counts as ready once it has run for {needs} s"
        )
    }
}

/// Whether a container of the pod was restarted so recently that its present run proves nothing.
pub fn is_recent(pod: &Value, now: Timestamp) -> bool {
    !live::is_terminating(pod)
        && pod::containers(pod).any(|(status, purpose)| {
            Restarted::from_pod(pod, status, purpose).is_some_and(|restarted| restarted.is_recent(now, now))
        })
}

/// Whether a run ended because the pod's sandbox did: the sandbox that is there now was ready only after it.
fn ended_with_its_sandbox(pod: &Value, from: Timestamp, to: Timestamp) -> bool {
    let ready = live::condition(pod, "PodReadyToStartContainers").filter(live::Condition::holds);
    ready
        .and_then(|ready| ready.changed)
        .is_some_and(|ready| to <= ready && ready.duration_since(from) > REPORTED)
}

#[cfg(test)]
mod tests {
    use super::Restarted;
    use super::is_recent;
    use crate::cause::container::Purpose;
    use jiff::SignedDuration;
    use jiff::Timestamp;
    use serde_json::Value;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
    }

    /// The status of a container whose run before lasted from second `from` to `to`, and that was started again at `began`.
    fn status(code: i64, from: i64, to: i64, began: i64) -> Value {
        json!({"name": "web", "ready": true, "started": true, "restartCount": 1,
               "state": {"running": {"startedAt": at(began).to_string()}},
               "lastState": {"terminated": {"exitCode": code, "reason": "Error", "containerID": "docker://1",
                    "startedAt": at(from).to_string(), "finishedAt": at(to).to_string()}}})
    }

    fn pod(status: &Value, sandbox: i64) -> Value {
        json!({"kind": "Pod", "metadata": {"name": "web-1"}, "spec": {"containers": [{"name": "web"}]},
               "status": {"phase": "Running", "containerStatuses": [status],
                   "conditions": [{"type": "PodReadyToStartContainers", "status": "True",
                                   "lastTransitionTime": at(sandbox).to_string()}]}})
    }

    #[test]
    fn a_run_has_to_outlive_the_one_before_it_within_bounds() {
        // exit code, from, to, began → seconds that prove the run
        for (name, code, from, to, began, needs) in [
            ("a crash at once", 3, 1, 2, 3, 5),
            ("a crash after some time", 3, 1, 13, 14, 24),
            ("a crash after minutes", 3, 1, 301, 302, 60),
            ("a single crash after a good run", 3, 1, 601, 602, 5),
            ("after a back-off", 3, 1, 2, 13, 10),
            ("a server that ends well", 0, 1, 9, 10, 16),
        ] {
            let restarted = Restarted::from_pod(
                &pod(&status(code, from, to, began), 0),
                &status(code, from, to, began),
                Purpose::Serve,
            )
            .unwrap();
            assert_eq!(restarted.needs.as_secs(), needs, "{name}");
            assert!(restarted.is_recent(at(999), at(began + needs - 1)), "{name}");
            assert!(!restarted.is_recent(at(999), at(began + needs)), "{name}");
        }
    }

    #[test]
    fn what_runs_for_the_first_time_waits_or_ended_as_it_should_is_not_restarted() {
        let first =
            json!({"name": "web", "state": {"running": {"startedAt": at(1).to_string()}}, "lastState": {}});
        let mut waiting = status(3, 1, 2, 3);
        waiting["state"] = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        for (status, purpose) in
            [(first, Purpose::Serve), (waiting, Purpose::Serve), (status(0, 1, 2, 3), Purpose::Finish)]
        {
            assert_eq!(Restarted::from_pod(&pod(&status, 0), &status, purpose), None);
        }
    }

    #[test]
    fn a_sandbox_that_was_made_again_takes_its_containers_with_it() {
        // A run from 10 to 100, and the sandbox of the present run ready at the given second.
        let status = status(255, 10, 100, 102);
        assert!(is_recent(&pod(&status, 0), at(103)));
        assert!(!is_recent(&pod(&status, 101), at(103)), "the node was restarted");
        // Within a second of its start a crash is reported together with the sandbox.
        let quick = self::status(1, 10, 11, 12);
        assert!(is_recent(&pod(&quick, 12), at(13)));
    }

    #[test]
    fn a_clock_of_the_node_that_is_ahead_makes_nobody_wait_for_ever() {
        let status = status(3, 3601, 3602, 3603);
        let restarted = Restarted::from_pod(&pod(&status, 0), &status, Purpose::Serve).unwrap();
        assert!(restarted.is_recent(at(0), at(4)) && !restarted.is_recent(at(0), at(5)));
    }

    #[test]
    fn a_crash_of_an_hour_ago_and_a_pod_that_goes_are_no_concern() {
        let mut pod = pod(&status(3, 1, 2, 3), 0);
        assert!(is_recent(&pod, at(4)) && !is_recent(&pod, at(3600)));
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert!(!is_recent(&pod, at(4)));
    }
}
