//! One object's problems in this snapshot, combined with the earlier snapshots.

use crate::cluster::tracker::HealthTracker;
use crate::cluster::tracker::Key;
use crate::cluster::tracker::Observed;
use crate::cluster::tracker::Problem;
use crate::cluster::tracker::crash::LogNeed;
use crate::cluster::tracker::steady;
use crate::manifest::ObjectId;
use health::cause;
use health::cause::Symptom;
use health::cause::failure_kind::FailureKind;
use health::cause::newest;
use health::cause::scheduling::Refusal;
use health::live;
use health::snapshot::Snapshot;
use health::status::Health;
use health::status::HealthStatus;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashSet;

impl HealthTracker {
    /// The problems that keep one object from becoming ready, in this snapshot.
    pub(super) fn problems(
        &mut self,
        index: usize,
        health_status: &HealthStatus,
        now: Timestamp,
        snapshot: &Snapshot,
        present: &mut HashSet<Key>,
    ) -> Vec<Problem> {
        let id = self.tracks[index].subject.id.clone();
        let Some(live) = snapshot.get(&id) else { return Vec::new() };
        let unseen = health_status.reason == "GenerationNotObserved";
        if !matches!(health_status.health, Health::Progressing | Health::Failed) || unseen {
            // Restarts count from the moment when a container was ready, so ready ones are looked at too.
            self.look_at_runs(live, index, now, snapshot);
            return Vec::new();
        }
        if id.kind == "PersistentVolumeClaim" {
            self.needs.classes |= snapshot.classes.is_none();
            let symptom = cause::claim::symptom(live, snapshot);
            // Whether the provisioner's pod exists.
            self.needs.nodes |= snapshot.nodes.is_none()
                && symptom.as_ref().is_some_and(|symptom| symptom.signal == FailureKind::NoProvisioner);
            return symptom
                .map(|symptom| self.problem(symptom, live, None, now, present))
                .into_iter()
                .collect();
        }
        let logs = self.look_at_runs(live, index, now, snapshot);
        self.needs.logs.extend(logs);
        let mut problems = Vec::new();
        if let Some(symptom) = cause::creation::symptom(live, snapshot) {
            problems.push(self.problem(symptom, live, None, now, present));
        }
        let mut pods = without_leftovers(newest::pods(live, snapshot));
        // While a run watches, it is the new revision that it waits for, and that can fail.
        if self.dump.is_some() {
            pods.extend(blocking(live, snapshot));
        }
        // Ready between two exits: the problems reported are the same before, during and after each of them.
        let between = matches!(health_status.reason.as_str(), steady::LIVENESS_FAILS | steady::RESTARTED);
        for pod in pods {
            let killed = if between { cause::pod::killed(pod, snapshot) } else { Vec::new() };
            for symptom in cause::pod::symptoms(pod, snapshot).into_iter().chain(killed) {
                let of_nodes =
                    matches!(Refusal::parse(&symptom.message), Refusal::Resources | Refusal::Labels);
                self.needs.nodes |= snapshot.nodes.is_none() && is_unplaced(symptom.signal) && of_nodes;
                let holder = cause::config::holder(&symptom.message, live::namespace(pod));
                self.needs.holders.extend(holder.filter(|holder| snapshot.get(holder).is_none()));
                problems.push(self.problem(symptom, pod, Some(live::id(pod)), now, present));
            }
        }
        problems
    }

    fn look_at_runs(
        &mut self,
        live: &Value,
        index: usize,
        now: Timestamp,
        snapshot: &Snapshot,
    ) -> Vec<LogNeed> {
        // Whether no other object has just started.
        let calm = self.active == usize::from(self.tracks[index].has_just_started(now));
        let mut needs = Vec::new();
        for pod in newest::pods(live, snapshot) {
            for (status, purpose) in cause::pod::containers(pod) {
                needs.extend(self.crashes.observe(pod, status, purpose, calm, now));
            }
        }
        needs
    }

    /// Combines a symptom with its earlier observations.
    fn problem(
        &mut self,
        mut symptom: Symptom,
        of: &Value,
        pod: Option<ObjectId>,
        now: Timestamp,
        present: &mut HashSet<Key>,
    ) -> Problem {
        let uid = live::uid(of).to_owned();
        self.latch(&uid, &mut symptom);
        let key = (uid, symptom.container.clone(), symptom.signal);
        present.insert(key.clone());
        let since = match &self.dump {
            Some(dump) => dump.since(since(of), now),
            None => now,
        };
        let seen = self.seen.entry(key).or_insert_with(|| Observed {
            since,
            reason: symptom.reason.clone(),
            times: 1,
            terminal: false,
        });
        if seen.reason != symptom.reason {
            seen.reason.clone_from(&symptom.reason);
            seen.times += 1;
        }
        Problem { symptom, pod, since: seen.since, terminal: false }
    }

    /// `ImagePullBackOff` often omits the cause, which the last `ErrImagePull` had. So do later runs of an OOM-killed
    /// container: if a process is gone before the kubelet looks, only exit code 137 remains.
    fn latch(&mut self, uid: &str, symptom: &mut Symptom) {
        let Some(container) = symptom.container.clone() else { return };
        let key = (uid.to_owned(), container);
        if symptom.signal == FailureKind::OutOfMemory {
            self.oom_killed.insert(key);
            return;
        }
        if symptom.signal == FailureKind::Crash && symptom.exit.as_ref().is_some_and(|exit| exit.code == 137)
        {
            if self.oom_killed.contains(&key) {
                symptom.signal = FailureKind::OutOfMemory;
            }
            return;
        }
        if symptom.signal == FailureKind::ImagePull && symptom.reason != "ErrImagePull" {
            if let Some((signal, message)) = self.sticky.get(&key) {
                symptom.signal = *signal;
                symptom.message.clone_from(message);
            }
        } else if symptom.reason == "ErrImagePull" {
            self.sticky.insert(key, (symptom.signal, symptom.message.clone()));
        }
    }
}

fn is_unplaced(signal: FailureKind) -> bool {
    matches!(signal, FailureKind::Unschedulable | FailureKind::NeverFits | FailureKind::SchedulingPending)
}

/// Pods that their controller has replaced stay in the list for weeks: those older than a pod that stays are
/// irrelevant to the current state.
fn without_leftovers(pods: Vec<&Value>) -> Vec<&Value> {
    let made = |pod: &Value| live::moment(pod, "/metadata/creationTimestamp");
    let gone = |pod: &Value| live::text(pod, "/status/phase") == "Failed" && cause::pod::is_thrown_out(pod);
    let newest = pods.iter().filter(|pod| !gone(pod)).filter_map(|pod| made(pod)).max();
    let is_leftover = |pod: &Value| gone(pod) && newest.is_some() && made(pod) < newest;
    pods.into_iter().filter(|pod| !is_leftover(pod)).collect()
}

/// Pods of an older revision that a StatefulSet waits for: it replaces one after the other, and goes on only when the
/// one before is ready, so a broken old pod is never replaced (Kubernetes' documentation: "Forced rollback").
fn blocking<'a>(workload: &'a Value, snapshot: &'a Snapshot) -> Vec<&'a Value> {
    let one_by_one = live::text(workload, "/spec/podManagementPolicy") != "Parallel";
    if live::kind(workload) != "StatefulSet" || !one_by_one {
        return Vec::new();
    }
    snapshot
        .owned("", "Pod", live::uid(workload))
        .filter(|pod| {
            newest::is_old(workload, pod) && !live::is_terminating(pod) && !live::holds(pod, "Ready")
        })
        .collect()
}

/// Since when an object of a dump has problems, according to its conditions.
fn since(object: &Value) -> Option<Timestamp> {
    ["PodScheduled", "Initialized", "ContainersReady", "Ready"]
        .iter()
        .filter_map(|kind| live::condition(object, kind))
        .find(|condition| condition.status == "False")
        .and_then(|condition| condition.changed)
        .or_else(|| live::moment(object, "/status/startTime"))
        .or_else(|| live::moment(object, "/metadata/creationTimestamp"))
}
