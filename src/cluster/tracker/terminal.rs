//! When a problem is terminal: for a pod, and for its workload.
//!
//! One broken pod of several need not be terminal for its Deployment (a bad node), but it is for a StatefulSet, which
//! waits for it for ever. A Job counts its own failures.

use crate::cluster::tracker::HealthTracker;
use crate::cluster::tracker::Problem;
use crate::cluster::tracker::Track;
use crate::cluster::tracker::annotation;
use crate::manifest::ObjectId;
use health::cause;
use health::cause::Symptom;
use health::cause::failure_kind::FailureKind;
use health::cause::grace;
use health::cause::newest;
use health::live;
use health::snapshot::Snapshot;
use health::status::Health;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;

/// The state of the other objects.
struct Beside<'s> {
    now: Timestamp,
    snapshot: &'s Snapshot,
    /// Whether other objects are progressing.
    others_start: bool,
    /// Whether some of them got on lately.
    others_move: bool,
    /// How many pods of the object were evicted.
    evicted: usize,
}

impl HealthTracker {
    /// Decides which problems are terminal, and whether that is terminal for the object.
    ///
    /// `starting` objects are progressing, `moving` ones of them made progress lately: counted by the caller, for
    /// all.
    pub(super) fn mark_terminal(
        &mut self,
        index: usize,
        now: Timestamp,
        snapshot: &Snapshot,
        starting: usize,
        moving: usize,
    ) {
        let track = &self.tracks[index];
        let others_start = starting > usize::from(track.starting());
        let others_move = moving > usize::from(track.starting() && track.moved_lately(now));
        let evicted =
            track.problems.iter().filter(|problem| problem.symptom.signal == FailureKind::Evicted).count();
        let beside = Beside { now, snapshot, others_start, others_move, evicted };
        let healths: Vec<bool> =
            track.problems.iter().map(|problem| self.is_terminal(problem, track, &beside)).collect();
        let track = &mut self.tracks[index];
        for (problem, terminal) in track.problems.iter_mut().zip(healths) {
            problem.terminal = terminal;
        }
        for problem in track.problems.iter().filter(|problem| problem.terminal) {
            let uid = problem.pod.as_ref().unwrap_or(&track.subject.id);
            let uid = snapshot.get(uid).map_or("", live::uid).to_owned();
            let key = (uid, problem.symptom.container.clone(), problem.symptom.signal);
            if let Some(seen) = self.seen.get_mut(&key) {
                seen.terminal = true;
            }
        }
        let patience = self.patience(&self.tracks[index]);
        let one_look = self.dump.is_some();
        let track = &mut self.tracks[index];
        track.terminal = track.health_status.health == Health::Failed
            || (track.health_status.health == Health::Progressing
                && aggregate(track, now, snapshot, patience, one_look));
    }

    fn is_terminal(&self, problem: &Problem, track: &Track, beside: &Beside<'_>) -> bool {
        let snapshot = beside.snapshot;
        let symptom = &problem.symptom;
        let of = problem.pod.as_ref().unwrap_or(&track.subject.id);
        let uid = snapshot.get(of).map_or("", live::uid);
        let container = symptom.container.clone().unwrap_or_default();
        let seen = self.seen.get(&(uid.to_owned(), symptom.container.clone(), symptom.signal));
        if seen.is_some_and(|seen| seen.terminal) {
            return true;
        }
        let patience = self.patience(track);
        let elapsed = beside.now.duration_since(problem.since);
        let restarts =
            symptom.exit.as_ref().map_or(0, |exit| self.crashes.restarts(uid, &container, exit.restarts));
        let mut times = seen.map_or(1, |seen| seen.times);
        let mut rule = grace::grace(symptom.signal);
        let crashed = matches!(
            symptom.signal,
            FailureKind::Crash
                | FailureKind::CrashCommand
                | FailureKind::OutOfMemory
                | FailureKind::Completed
        );
        if crashed && symptom.trying {
            return false;
        }
        if self.dump.is_some() && (symptom.reason == "CrashLoopBackOff" || (crashed && restarts > 0)) {
            return true;
        }
        let gated = matches!(symptom.signal, FailureKind::ReadinessGate | FailureKind::SchedulingGate);
        if self.dump.is_some() && gated {
            // Opening a gate may take any time; only a run that waits for it gives up.
            return false;
        }
        match symptom.signal {
            FailureKind::Crash | FailureKind::Killed if beside.others_move && patience > 0.0 => {
                rule = grace::Grace { restarts: Some(grace::CRASHES_AT_MOST), ..rule };
            }
            FailureKind::ConfigMissing | FailureKind::VolumeMissing if self.is_coming(symptom, track) => {
                rule = grace::MISSING_BUT_OURS;
            }
            FailureKind::Quota if beside.others_start || frees_itself(track, snapshot) => {
                rule = grace::QUOTA_WHILE_MOVING;
            }
            FailureKind::Quota | FailureKind::Refused | FailureKind::NoServiceAccount
                if self.was_refused_before(track, snapshot) =>
            {
                rule = grace::REFUSED_BEFORE;
            }
            FailureKind::Evicted => times = u32::try_from(beside.evicted).unwrap_or(u32::MAX),
            _ => {}
        }
        if rule.is_over(patience, elapsed, restarts, times) {
            return true;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let runs = (2.0 * patience).ceil() as usize;
        crashed && !beside.others_start && self.crashes.repeats(uid, &container, runs.max(1))
    }

    /// Whether the controller has not tried again since this run began, so that its refusal may have lost its reason.
    fn was_refused_before(&self, track: &Track, snapshot: &Snapshot) -> bool {
        let workload = snapshot.get(&track.subject.id).unwrap_or(&track.subject.object.value);
        let last = cause::creation::last_refused(workload, snapshot);
        // Times of the cluster are whole seconds.
        self.dump.is_none()
            && last.is_some_and(|last| self.began.duration_since(last) > SignedDuration::from_secs(1))
    }

    /// The object's own patience, or everybody's.
    fn patience(&self, track: &Track) -> f64 {
        annotation::patience(&track.subject.object.value).unwrap_or(self.limits.patience)
    }

    /// Whether the missing object is part of the set, as it is referenced, or is created in every namespace: then it
    /// is only not there yet.
    fn is_coming(&self, symptom: &Symptom, track: &Track) -> bool {
        let Some(missing) = cause::config::missing(&symptom.message) else { return false };
        missing.is_made_everywhere()
            || self.tracks.iter().map(|other| &other.subject).any(|subject| {
                subject.id.kind == missing.kind
                    && subject.id.namespace == track.subject.id.namespace
                    && missing.name.as_deref().is_none_or(|name| subject.id.name == name)
                    && missing.key.as_deref().is_none_or(|key| {
                        ["data", "stringData", "binaryData"]
                            .iter()
                            .any(|map| subject.object.value[*map].get(key).is_some())
                    })
            })
    }
}

/// Terminating pods may free the quota.
fn frees_itself(track: &Track, snapshot: &Snapshot) -> bool {
    let namespace = track.subject.id.namespace.as_deref().unwrap_or_default();
    snapshot.kind("", "Pod", namespace).any(live::is_terminating)
}

/// Whether the broken pods are the end of their workload.
fn aggregate(track: &Track, now: Timestamp, snapshot: &Snapshot, patience: f64, one_look: bool) -> bool {
    let terminal: BTreeSet<Option<&ObjectId>> = track
        .problems
        .iter()
        .filter(|problem| problem.terminal)
        .map(|problem| problem.pod.as_ref())
        .collect();
    if terminal.contains(&None) {
        return true;
    }
    let Some(live) = snapshot.get(&track.subject.id) else { return false };
    match track.subject.id.kind.as_str() {
        "Deployment" | "ReplicaSet" | "ReplicationController" => {}
        // A Job counts its own failures; pods that never start are never counted.
        "Job" => {
            return track.problems.iter().any(|problem| {
                problem.terminal
                    && !matches!(
                        problem.symptom.signal,
                        FailureKind::Crash
                            | FailureKind::CrashCommand
                            | FailureKind::OutOfMemory
                            | FailureKind::Completed
                            | FailureKind::Killed
                            | FailureKind::Evicted
                            | FailureKind::Deadline
                    )
            });
        }
        _ => return !terminal.is_empty(),
    }
    let pods: Vec<&Value> =
        newest::pods(live, snapshot).into_iter().filter(|pod| !cause::pod::is_thrown_out(pod)).collect();
    let broken = i64::try_from(terminal.len()).unwrap_or(i64::MAX);
    let desired = live::number(live, "/spec/replicas").unwrap_or(1);
    if broken == 0 {
        return false;
    }
    let all = pods.iter().all(|pod| terminal.contains(&Some(&live::id(pod))));
    let tolerated = if desired <= 1 { 0 } else { unavailable(live, desired) };
    if all || (desired > tolerated && broken >= desired - tolerated) {
        return true;
    }
    let terminal = || track.problems.iter().filter(|problem| problem.terminal);
    // So many restarts take the kubelet minutes: nothing else can still be progressing.
    let often = |problem: &Problem| {
        problem.symptom.exit.as_ref().is_some_and(|exit| exit.restarts >= i64::from(grace::CRASHES_AT_MOST))
    };
    if one_look && terminal().any(often) {
        return true;
    }
    let since = terminal().map(|problem| problem.since).min();
    // One look cannot show that something moved.
    let quiet = if one_look { SignedDuration::MAX } else { now.duration_since(track.moved) };
    let elapsed = since.map_or(SignedDuration::ZERO, |since| now.duration_since(since));
    grace::PARTLY_BROKEN.is_over(patience, elapsed.min(quiet), 0, 0)
}

/// How many pods a rolling update may leave out (rounded down, as the controller does).
fn unavailable(deployment: &Value, desired: i64) -> i64 {
    let at = "/spec/strategy/rollingUpdate/maxUnavailable";
    match live::number(deployment, at) {
        Some(number) => number,
        None => live::text(deployment, at)
            .strip_suffix('%')
            .and_then(|percent| percent.parse::<i64>().ok())
            .map_or(0, |percent| desired * percent / 100),
    }
}
