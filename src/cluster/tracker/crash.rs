//! The history of a container that crashes: each run's exit code and last lines.
//!
//! A program that ends twice in the same way, with no other object still starting that it could be waiting for, will
//! end like that a third time, too; waiting for the kubelet's back-off only costs time.

use health::cause::Exit;
use health::cause::container;
use health::cause::container::Purpose;
use health::cause::restarted::Restarted;
use health::live;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashMap;

/// A log that would show why a run ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LogNeed {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// The run that ended.
    pub run: String,
    /// Whether that is the previous run.
    pub previous: bool,
}

#[derive(Debug, Clone)]
struct Run {
    exit: Exit,
    /// Whether no other object was starting when it was seen.
    others_quiescent: bool,
}

/// The runs of all containers that ended since they were last ready.
#[derive(Debug, Default)]
pub(super) struct Crashes {
    runs: HashMap<(String, String), Vec<Run>>,
    tails: HashMap<String, Vec<String>>,
    ready_at: HashMap<(String, String), i64>,
    /// The restarts at the first look.
    first: HashMap<(String, String), i64>,
    /// When each run, by its container and restarts, was first seen.
    seen: HashMap<(String, String, i64), Timestamp>,
    /// Whether there is only one snapshot, so that only the times in the objects show how long a container runs.
    pub(super) dump: bool,
}

impl Crashes {
    /// Reads one container's status; returns the logs that are needed.
    pub(super) fn observe(
        &mut self,
        pod: &Value,
        status: &Value,
        purpose: Purpose,
        calm: bool,
        now: Timestamp,
    ) -> Vec<LogNeed> {
        let name = live::text(status, "/name");
        let key = (live::uid(pod).to_owned(), name.to_owned());
        let runs = live::flag(status, "/ready") && status.pointer("/state/running").is_some();
        let unproved = runs && self.unproved(pod, status, purpose, now).is_some();
        self.first.entry(key.clone()).or_insert_with(|| live::count(status, "/restartCount"));
        if runs && !unproved {
            // Without a probe "ready" only means that it was started, which does not prove that it stays up.
            if is_probed(pod, name) && !self.ready_at.contains_key(&key) {
                self.runs.remove(&key);
                self.ready_at.insert(key, live::count(status, "/restartCount"));
            }
            return Vec::new();
        }
        let ended_now = status.pointer("/state/terminated").is_some();
        let exits = container::exits(status);
        let newest = exits.last().map(|exit| exit.run.clone());
        let runs = self.runs.entry(key).or_default();
        for exit in exits {
            if (exit.code != 0 || purpose == Purpose::Serve)
                && !runs.iter().any(|run| run.exit.run == exit.run)
            {
                runs.push(Run { exit, others_quiescent: calm });
            }
        }
        let desired = runs.iter().filter(|run| !self.tails.contains_key(&run.exit.run)).map(|run| LogNeed {
            namespace: live::namespace(pod).to_owned(),
            pod: live::name(pod).to_owned(),
            container: name.to_owned(),
            run: run.exit.run.clone(),
            previous: !(ended_now && Some(&run.exit.run) == newest.as_ref()),
        });
        // The node no longer has the logs of older runs.
        let mut desired: Vec<LogNeed> = desired.collect();
        desired.split_off(desired.len().saturating_sub(2))
    }

    /// The restart of a container that runs now, unless its run has lasted long enough.
    ///
    /// A readiness probe that passes proves a run, too, if the runs before it were seen to end before it ever passed.
    pub(super) fn unproved(
        &mut self,
        pod: &Value,
        status: &Value,
        purpose: Purpose,
        now: Timestamp,
    ) -> Option<Restarted> {
        let restarted = Restarted::from_pod(pod, status, purpose)?;
        let key = (live::uid(pod).to_owned(), restarted.container.clone());
        let run = (key.0.clone(), key.1.clone(), restarted.exit.restarts);
        let seen = *self.seen.entry(run).or_insert(now);
        // One snapshot cannot show how long a run has lasted that begins in the future.
        if !restarted.is_recent(seen, now) || self.dump && restarted.began > now {
            return None;
        }
        let was_ready = self.ready_at.get(&key).is_some_and(|at| *at < restarted.exit.restarts);
        let seen_from_its_first_run = self.first.get(&key) == Some(&0);
        let proved = is_probed(pod, &restarted.container) && seen_from_its_first_run && !was_ready;
        (!proved).then_some(restarted)
    }

    /// Adds the last lines of a run.
    pub(super) fn tail(&mut self, run: String, lines: Vec<String>) {
        self.tails.insert(run, lines);
    }

    /// Restarts since the container was last ready in its pod.
    pub(super) fn restarts(&self, pod: &str, container: &str, now: i64) -> i64 {
        let since = self.ready_at.get(&(pod.to_owned(), container.to_owned()));
        now - since.copied().unwrap_or(0)
    }

    /// Whether the last `times` runs ended in the same way, the last of them with no other object starting.
    pub(super) fn repeats(&self, pod: &str, container: &str, times: usize) -> bool {
        let Some(runs) = self.runs.get(&(pod.to_owned(), container.to_owned())) else { return false };
        let Some(last) = runs.len().checked_sub(times).map(|start| &runs[start..]) else { return false };
        let Some((newest, before)) = last.split_last() else { return false };
        let shape =
            |run: &Run| Some((run.exit.code, self.tails.get(&run.exit.run).map(|lines| shape(lines))?));
        newest.others_quiescent
            && shape(newest)
                .is_some_and(|desired| before.iter().all(|run| shape(run).as_ref() == Some(&desired)))
    }

    /// The last lines of the newest run that ended and whose log is known; `None` if no log is, as in a dump.
    pub(super) fn last_lines(&self, pod: &str, container: &str) -> Option<&[String]> {
        let runs = self.runs.get(&(pod.to_owned(), container.to_owned()));
        runs.into_iter().flatten().rev().find_map(|run| self.tails.get(&run.exit.run)).map(Vec::as_slice)
    }
}

fn is_probed(pod: &Value, container: &str) -> bool {
    ["/spec/containers", "/spec/initContainers"]
        .iter()
        .flat_map(|field| live::list(pod, field))
        .any(|written| live::text(written, "/name") == container && written.get("readinessProbe").is_some())
}

/// Lines without the parts that differ from run to run: times, process numbers, the order of two streams.
fn shape(lines: &[String]) -> Vec<String> {
    let newest = lines.len().saturating_sub(5);
    let mut shapes: Vec<String> = lines[newest..]
        .iter()
        .map(|line| {
            let mut shape: String = line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            while shape.contains("00") {
                shape = shape.replace("00", "0");
            }
            shape
        })
        .collect();
    shapes.sort_unstable();
    shapes
}

#[cfg(test)]
mod tests {
    use super::Crashes;
    use health::cause::container::Purpose::Serve;
    use jiff::Timestamp;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn status(run: u32, restarts: u32, code: i64) -> serde_json::Value {
        json!({"name": "web", "ready": false, "restartCount": restarts,
               "state": {"terminated": {"exitCode": code, "containerID": format!("docker://{run}")}}})
    }

    fn lines(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    #[test]
    fn two_runs_that_end_alike_in_the_calm_repeat() {
        let pod = json!({"metadata": {"uid": "p", "name": "web-1", "namespace": "todo"}});
        let mut crashes = Crashes::default();
        let needs = crashes.observe(&pod, &status(1, 0, 1), Serve, false, NOW);
        assert_eq!((needs.len(), needs[0].previous), (1, false));
        crashes.tail("docker://1".to_owned(), lines("12:00:01 pid 7: no"));
        assert!(!crashes.repeats("p", "web", 2));
        crashes.observe(&pod, &status(2, 1, 1), Serve, true, NOW);
        assert!(!crashes.repeats("p", "web", 2), "the log of the second run is not known yet");
        crashes.tail("docker://2".to_owned(), lines("12:00:11 pid 19: no"));
        assert!(crashes.repeats("p", "web", 2));
        assert!(!crashes.repeats("p", "web", 3));
    }

    #[test]
    fn other_codes_other_lines_and_a_moving_set_do_not() {
        let pod = json!({"metadata": {"uid": "p"}});
        for (code, text, calm) in [(2, "no", true), (1, "yes", true), (1, "no", false)] {
            let mut crashes = Crashes::default();
            crashes.observe(&pod, &status(1, 0, 1), Serve, true, NOW);
            crashes.tail("docker://1".to_owned(), lines("no"));
            crashes.observe(&pod, &status(2, 1, code), Serve, calm, NOW);
            crashes.tail("docker://2".to_owned(), lines(text));
            assert!(!crashes.repeats("p", "web", 2), "{code} {text} {calm}");
        }
    }

    #[test]
    fn a_container_that_was_ready_starts_over() {
        let pod = json!({"metadata": {"uid": "p"},
                         "spec": {"containers": [{"name": "web", "readinessProbe": {}}]}});
        let mut crashes = Crashes::default();
        crashes.observe(&pod, &status(1, 4, 1), Serve, true, NOW);
        crashes.observe(
            &pod,
            &json!({"name": "web", "ready": true, "restartCount": 5, "state": {"running": {}}}),
            Serve,
            true,
            NOW,
        );
        assert_eq!(crashes.restarts("p", "web", 6), 1);
        assert_eq!(crashes.last_lines("p", "web"), None);
    }
}
