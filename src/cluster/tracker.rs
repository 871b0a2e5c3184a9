//! Successive snapshots of the cluster → the health of each object. Holds only the state needed between two of them:
//! when something was first seen, and how often.
//!
//! Pure: [`HealthTracker::observe`] is given the time and a [`Snapshot`]; it returns the health of each object, the
//! requests for more data, and [`HealthTracker::decide`] whether to go on. Graces run from the first snapshot that
//! showed the problem, by our own clock: a node's clock may be wrong by hours after a laptop slept.

pub(crate) mod annotation;
pub(crate) mod crash;
pub(crate) mod limits;
mod problem;
mod progress;
pub(crate) mod report;
mod steady;
mod terminal;

use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::manifest::shared::Shared;
use crash::Crashes;
use crash::LogNeed;
use health::cause::Symptom;
use health::cause::failure_kind::FailureKind;
use health::live;
use health::snapshot::Snapshot;
use health::status;
use health::status::Context;
use health::status::Health;
use health::status::HealthStatus;
use health::status::ObjectHealth;
use jiff::SignedDuration;
use jiff::Timestamp;
use limits::Limits;
use progress::fingerprint;
use serde_json::Value;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;

/// One object whose health is to be judged.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// The object's ID.
    pub id: ObjectId,
    /// The generation that our write got.
    pub generation: Option<i64>,
    /// Whether our write changed it: only then its pods updated and have to prove themselves.
    pub changed: bool,
    /// The applied object, with its places.
    pub object: Object,
    /// The object before our write.
    pub before: Option<Shared<Value>>,
}

/// A symptom, its pod, and since when.
#[derive(Debug, Clone)]
struct Problem {
    symptom: Symptom,
    /// The pod that has it; empty for the subject itself.
    pod: Option<ObjectId>,
    since: Timestamp,
    terminal: bool,
}

#[derive(Debug)]
struct Track {
    subject: Subject,
    health_status: HealthStatus,
    problems: Vec<Problem>,
    terminal: bool,
    fingerprint: String,
    moved: Timestamp,
    /// When it was last seen progressing.
    started: Option<Timestamp>,
    pulling: bool,
}

impl Track {
    /// Whether it is progressing and has no known problem.
    fn starting(&self) -> bool {
        self.health_status.health == Health::Progressing
            && !self.health_status.non_blocking
            && self.health_status.reason != "NotSeen"
            && self.problems.iter().all(|problem| problem.symptom.signal.is_a_start())
    }

    /// An object that has just become ready may not be reachable yet: endpoints take a moment.
    fn has_just_started(&self, now: Timestamp) -> bool {
        self.started.is_some_and(|at| now.duration_since(at) < SignedDuration::from_secs(3))
    }

    fn moved_lately(&self, now: Timestamp) -> bool {
        now.duration_since(self.moved) < SignedDuration::from_secs(15)
    }

    fn settled(&self) -> bool {
        self.terminal || self.health_status.non_blocking || self.health_status.health != Health::Progressing
    }
}

/// A DaemonSet that is not ready by then may have pods on a node that has failed: the node controller takes 40 s to
/// detect that (`kubernetes: --node-monitor-grace-period`), but the node had most likely failed before.
const ASK_FOR_NODES: SignedDuration = SignedDuration::from_secs(20);

type Key = (String, Option<String>, FailureKind);

#[derive(Debug, Clone)]
struct Observed {
    since: Timestamp,
    reason: String,
    times: u32,
    terminal: bool,
}

/// The data that the tracker needs, and that a snapshot of watches does not contain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The nodes, and all pods of the cluster.
    pub nodes: bool,
    /// The StorageClasses.
    pub classes: bool,
    /// ConfigMaps and Secrets that lack a key, and are not of the set: which keys they have.
    pub holders: BTreeSet<ObjectId>,
    /// Logs of runs that ended.
    pub logs: BTreeSet<LogNeed>,
}

/// What to do after a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Look again.
    Wait,
    /// Everything is as it should be.
    Healthy,
    /// Something will not become healthy by waiting.
    Broken,
    /// Nothing has changed for too long.
    Stalled,
    /// The total deadline has passed.
    OutOfTime,
}

/// The state kept between two snapshots.
#[derive(Debug)]
pub(crate) struct HealthTracker {
    tracks: Vec<Track>,
    limits: Limits,
    began: Timestamp,
    seen: HashMap<Key, Observed>,
    sticky: HashMap<(String, String), (FailureKind, String)>,
    /// Containers of which the kernel has ended a run at its memory limit.
    oom_killed: HashSet<(String, String)>,
    /// The last failure reported of each container's liveness probe, and when it was reported.
    failing: HashMap<(String, String), (Option<Timestamp>, Timestamp)>,
    crashes: Crashes,
    up_since: HashMap<(String, String, i64), Timestamp>,
    first_failure: Option<Timestamp>,
    ready_but_non_blocking: Option<Timestamp>,
    needs: Needs,
    /// How many objects were progressing in the last snapshot.
    active: usize,
    /// The minikube profile that the cluster is of, for advice.
    profile: Option<String>,
    /// Set if there is only one snapshot: graces run from the times in the objects themselves.
    dump: Option<Dump>,
}

/// The known time at which a dump was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Dump {
    /// The newest timestamp in it, where the dump is judged at that time. A state that began then may have lasted for
    /// any time since.
    pub newest: Option<Timestamp>,
}

impl Dump {
    /// Since when a state has lasted, if its object says that it began at `began`.
    fn since(self, began: Option<Timestamp>, now: Timestamp) -> Timestamp {
        match began {
            Some(began) if self.newest.is_some_and(|newest| began >= newest) => Timestamp::UNIX_EPOCH,
            Some(began) => began.min(now),
            None => now,
        }
    }
}

impl HealthTracker {
    /// A tracker of these objects, whose clocks start now.
    pub(crate) fn new(subjects: Vec<Subject>, limits: Limits, now: Timestamp) -> HealthTracker {
        let tracks = subjects
            .into_iter()
            .map(|subject| Track {
                subject,
                health_status: waiting_for_an_answer(),
                problems: Vec::new(),
                terminal: false,
                fingerprint: String::new(),
                moved: now,
                started: None,
                pulling: false,
            })
            .collect();
        HealthTracker {
            tracks,
            limits,
            began: now,
            seen: HashMap::new(),
            sticky: HashMap::new(),
            oom_killed: HashSet::new(),
            failing: HashMap::new(),
            crashes: Crashes::default(),
            up_since: HashMap::new(),
            first_failure: None,
            ready_but_non_blocking: None,
            needs: Needs::default(),
            active: 0,
            profile: None,
            dump: None,
        }
    }

    /// Names the minikube profile that the cluster is of, for advice that names its commands.
    #[must_use]
    pub(crate) fn of_minikube(self, profile: Option<String>) -> HealthTracker {
        HealthTracker { profile, ..self }
    }

    /// A tracker of a single snapshot, which uses the times and restart counts in the objects.
    pub(crate) fn of_dump(subjects: Vec<Subject>, now: Timestamp, dump: Dump) -> HealthTracker {
        let mut tracker =
            HealthTracker { dump: Some(dump), ..HealthTracker::new(subjects, Limits::default(), now) };
        tracker.crashes.dump = true;
        tracker
    }

    /// Takes a snapshot, and returns the health of each object, in the order in which they were given.
    pub(crate) fn observe(&mut self, now: Timestamp, snapshot: &Snapshot) -> Vec<ObjectHealth> {
        self.needs = Needs::default();
        let mut present = HashSet::new();
        self.active = self.tracks.iter().filter(|track| track.has_just_started(now)).count();
        for index in 0..self.tracks.len() {
            let health_status = self.health(index, now, snapshot);
            let problems = self.problems(index, &health_status, now, snapshot, &mut present);
            let live = snapshot.get(&self.tracks[index].subject.id);
            let (fingerprint, pulling) =
                live.map_or_else(Default::default, |live| fingerprint(live, &health_status, snapshot));
            let track = &mut self.tracks[index];
            if fingerprint != track.fingerprint || pulling {
                track.moved = now;
            }
            (track.fingerprint, track.pulling, track.health_status, track.problems) =
                (fingerprint, pulling, health_status, problems);
            if track.starting() {
                self.active += usize::from(!track.has_just_started(now));
                track.started = Some(now);
            }
        }
        self.seen.retain(|key, _| present.contains(key));
        let moves = |track: &&Track| track.starting() && track.moved_lately(now);
        let starting = self.tracks.iter().filter(|track| track.starting()).count();
        let moving = self.tracks.iter().filter(moves).count();
        for index in 0..self.tracks.len() {
            self.mark_terminal(index, now, snapshot, starting, moving);
        }
        if self.tracks.iter().any(|track| track.terminal) {
            self.first_failure.get_or_insert(now);
        } else {
            self.first_failure = None;
        }
        self.needs.logs.retain(|need| !need.run.is_empty());
        self.healths(snapshot)
    }

    /// The data needed in addition to the last snapshot.
    pub(crate) fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Adds the last lines of a run that ended.
    pub(crate) fn tail(&mut self, run: String, lines: Vec<String>) {
        self.crashes.tail(run, lines);
    }

    /// The health status of each object in the last snapshot, in the order in which they were given.
    pub(crate) fn health_statuses(&self) -> impl Iterator<Item = (&Subject, &HealthStatus)> {
        self.tracks.iter().map(|track| (&track.subject, &track.health_status))
    }

    /// Whether to look again.
    pub(crate) fn decide(&mut self, now: Timestamp) -> NextStep {
        let past =
            |since: Timestamp, limit: std::time::Duration| now.duration_since(since).unsigned_abs() >= limit;
        if let Some(first) = self.first_failure {
            let settled = self.tracks.iter().all(Track::settled);
            // Without tolerance the first problem is reported, and no other.
            let settle = self.limits.stable_for.mul_f64(self.limits.patience.clamp(0.2, 1.0));
            return if settled || past(first, settle) { NextStep::Broken } else { NextStep::Wait };
        }
        let open: Vec<&Track> =
            self.tracks.iter().filter(|track| track.health_status.health == Health::Progressing).collect();
        if open.is_empty() {
            return NextStep::Healthy;
        }
        if open.iter().all(|track| track.health_status.non_blocking) {
            let since = *self.ready_but_non_blocking.get_or_insert(now);
            return if past(since, self.limits.address) { NextStep::Healthy } else { NextStep::Wait };
        }
        self.ready_but_non_blocking = None;
        let moved = self.tracks.iter().map(|track| track.moved).max().unwrap_or(self.began);
        if past(self.began, self.limits.total) {
            NextStep::OutOfTime
        } else if past(moved, self.limits.no_progress) {
            NextStep::Stalled
        } else {
            NextStep::Wait
        }
    }

    fn health(&mut self, index: usize, now: Timestamp, snapshot: &Snapshot) -> HealthStatus {
        let subject = &self.tracks[index].subject;
        let Some(live) = snapshot.get(&subject.id) else {
            let ruled = !live::annotation(&subject.object.value, status::expression::ANNOTATION).is_empty();
            return if !ruled && status::at_once(&subject.id.group, &subject.id.kind) {
                HealthStatus::ready("Exists", "it is there")
            } else if snapshot.complete(&subject.id) {
                gone(&self.tracks[index])
            } else {
                waiting_for_an_answer()
            };
        };
        let health_status = status::compute(
            live,
            Context {
                generation: subject.generation,
                before: subject.before.as_deref(),
                manifest: Some(&subject.object.value),
                since: Some(now.duration_since(self.began)),
                changed: subject.changed,
                now: Some(now),
                snapshot: Some(snapshot),
            },
        );
        if health_status.health == Health::Terminating && self.dump.is_none() {
            return HealthStatus::failed(
                "Terminating",
                format!("another client is deleting it; it is {}", health_status.message),
            );
        }
        if self.dump.is_none() && health_status.is_paused_too_early() {
            let HealthStatus { reason, replicas, .. } = health_status;
            let counts = replicas.map_or_else(String::new, |replicas| {
                format!(": {} of {} pods are of its template", replicas.ready, replicas.desired)
            });
            let message = format!("it is paused, so its pods are neither made nor changed{counts}");
            return HealthStatus { replicas, ..HealthStatus::failed(reason, message) };
        }
        // A failed node blocks a DaemonSet; the watches do not show nodes, so they are requested.
        let slow = now.duration_since(self.began) >= ASK_FOR_NODES;
        self.needs.nodes |= subject.id.kind == "DaemonSet"
            && health_status.health == Health::Progressing
            && slow
            && snapshot.nodes.is_none();
        let changed = subject.changed;
        match health_status.health {
            Health::Ready => self.is_stable(live, health_status, changed, now, snapshot),
            _ => health_status,
        }
    }
}

fn waiting_for_an_answer() -> HealthStatus {
    HealthStatus::progressing("NotSeen", "waiting for it to appear in the API")
}

fn gone(track: &Track) -> HealthStatus {
    let id = &track.subject.id;
    let short_lived = track.subject.object.value.pointer("/spec/ttlSecondsAfterFinished").is_some();
    if id.kind == "Job" && short_lived {
        return HealthStatus::ready("Complete", "it ran to its end and was cleaned up");
    }
    HealthStatus::failed("Deleted", "another client deleted it after it was applied")
}
