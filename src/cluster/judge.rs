//! From looks at the cluster to verdicts: the memory between two looks, and nothing else.
//!
//! Pure: [`Judge::observe`] is given the time and a [`Snapshot`]; it says how well each object is, what else it would
//! need to know, and [`Judge::decide`] whether to go on. Graces run from the first look that showed the trouble, by our
//! own clock: a node's clock may be wrong by hours after a laptop slept.

pub mod crash;
mod doom;
pub mod limits;
mod report;

use crate::cluster::blame;
use crate::cluster::blame::Symptom;
use crate::cluster::blame::newest;
use crate::cluster::blame::signal::Signal;
use crate::cluster::health;
use crate::cluster::health::Health;
use crate::cluster::health::Judgement;
use crate::cluster::health::Known;
use crate::cluster::health::Verdict;
use crate::cluster::live;
use crate::cluster::snapshot::Snapshot;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crash::Crashes;
use crash::LogNeed;
use jiff::SignedDuration;
use jiff::Timestamp;
use limits::Limits;
use serde_json::Value;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;

/// One object whose health is to be judged.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What names it.
    pub id: ObjectId,
    /// The generation that our write got.
    pub generation: Option<i64>,
    /// Whether our write changed it: only then its pods are new and have to prove themselves.
    pub changed: bool,
    /// What was applied, with its places.
    pub object: Object,
    /// The object before our write.
    pub before: Option<Value>,
}

/// A symptom, whose, and since when.
#[derive(Debug, Clone)]
struct Trouble {
    symptom: Symptom,
    /// The pod that has it; empty for the subject itself.
    pod: Option<ObjectId>,
    since: Timestamp,
    doomed: bool,
}

#[derive(Debug)]
struct Track {
    subject: Subject,
    judgement: Judgement,
    troubles: Vec<Trouble>,
    doomed: bool,
    fingerprint: String,
    moved: Timestamp,
    /// When it was last seen on its way.
    started: Option<Timestamp>,
    pulling: bool,
}

impl Track {
    /// Whether it is on its way and nothing is known to be in it.
    fn starting(&self) -> bool {
        self.judgement.health == Health::Progressing
            && !self.judgement.soft
            && self.judgement.reason != "NotSeen"
            && self.troubles.iter().all(|trouble| trouble.symptom.signal == Signal::NotReady)
    }

    fn settled(&self) -> bool {
        self.doomed || self.judgement.soft || self.judgement.health != Health::Progressing
    }
}

type Key = (String, Option<String>, Signal);

#[derive(Debug, Clone)]
struct Seen {
    since: Timestamp,
    reason: String,
    times: u32,
    doomed: bool,
}

/// What the judge would like to know, and cannot see in a snapshot of watches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The nodes, and all pods of the cluster.
    pub nodes: bool,
    /// The StorageClasses.
    pub classes: bool,
    /// Logs of runs that ended.
    pub logs: BTreeSet<LogNeed>,
}

/// What to do after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Look again.
    Wait,
    /// Everything is as it should be.
    Healthy,
    /// Something will not become healthy by waiting.
    Broken,
    /// Nothing has changed for too long.
    Stalled,
    /// It takes longer than it may.
    OutOfTime,
}

/// The memory between two looks.
#[derive(Debug)]
pub struct Judge {
    tracks: Vec<Track>,
    limits: Limits,
    began: Timestamp,
    seen: HashMap<Key, Seen>,
    latched: HashMap<(String, String), (Signal, String)>,
    crashes: Crashes,
    up_since: HashMap<(String, String, i64), Timestamp>,
    first_doom: Option<Timestamp>,
    ready_but_soft: Option<Timestamp>,
    needs: Needs,
    /// Whether the one look is all there will ever be, so that graces run from what the objects say themselves.
    dump: bool,
}

impl Judge {
    /// A judge of these objects, whose clocks start now.
    pub fn new(subjects: Vec<Subject>, limits: Limits, now: Timestamp) -> Judge {
        let tracks = subjects
            .into_iter()
            .map(|subject| Track {
                subject,
                judgement: waiting_for_an_answer(),
                troubles: Vec::new(),
                doomed: false,
                fingerprint: String::new(),
                moved: now,
                started: None,
                pulling: false,
            })
            .collect();
        Judge {
            tracks,
            limits,
            began: now,
            seen: HashMap::new(),
            latched: HashMap::new(),
            crashes: Crashes::default(),
            up_since: HashMap::new(),
            first_doom: None,
            ready_but_soft: None,
            needs: Needs::default(),
            dump: false,
        }
    }

    /// A judge of one look: what the objects say of times and repetitions has to do.
    pub fn of_dump(subjects: Vec<Subject>, now: Timestamp) -> Judge {
        Judge { dump: true, ..Judge::new(subjects, Limits::default(), now) }
    }

    /// Takes a look, and says how well each object is, in the order in which they were given.
    pub fn observe(&mut self, now: Timestamp, snapshot: &Snapshot) -> Vec<Verdict> {
        self.needs = Needs::default();
        let mut present = HashSet::new();
        for index in 0..self.tracks.len() {
            let judgement = self.health(index, now, snapshot);
            let troubles = self.troubles(index, &judgement, now, snapshot, &mut present);
            let live = snapshot.get(&self.tracks[index].subject.id);
            let (fingerprint, pulling) =
                live.map_or_else(Default::default, |live| fingerprint(live, &judgement, snapshot));
            let track = &mut self.tracks[index];
            if fingerprint != track.fingerprint || pulling {
                track.moved = now;
            }
            (track.fingerprint, track.pulling, track.judgement, track.troubles) =
                (fingerprint, pulling, judgement, troubles);
            if track.starting() {
                track.started = Some(now);
            }
        }
        self.seen.retain(|key, _| present.contains(key));
        for index in 0..self.tracks.len() {
            self.condemn(index, now, snapshot);
        }
        if self.tracks.iter().any(|track| track.doomed) {
            self.first_doom.get_or_insert(now);
        } else {
            self.first_doom = None;
        }
        self.needs.logs.retain(|need| !need.run.is_empty());
        self.verdicts(snapshot)
    }

    /// What would have to be known beside the last look.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Takes in the last lines of a run that ended.
    pub fn tail(&mut self, run: String, lines: Vec<String>) {
        self.crashes.tail(run, lines);
    }

    /// What the last look showed of each object, in the order in which they were given.
    pub fn judgements(&self) -> impl Iterator<Item = (&Subject, &Judgement)> {
        self.tracks.iter().map(|track| (&track.subject, &track.judgement))
    }

    /// Whether to look again.
    pub fn decide(&mut self, now: Timestamp) -> Decision {
        let past =
            |since: Timestamp, limit: std::time::Duration| now.duration_since(since).unsigned_abs() >= limit;
        if let Some(first) = self.first_doom {
            let settled = self.tracks.iter().all(Track::settled);
            return if settled || past(first, self.limits.settle) {
                Decision::Broken
            } else {
                Decision::Wait
            };
        }
        let open: Vec<&Track> =
            self.tracks.iter().filter(|track| track.judgement.health == Health::Progressing).collect();
        if open.is_empty() {
            return Decision::Healthy;
        }
        if open.iter().all(|track| track.judgement.soft) {
            let since = *self.ready_but_soft.get_or_insert(now);
            return if past(since, self.limits.address) { Decision::Healthy } else { Decision::Wait };
        }
        self.ready_but_soft = None;
        let moved = self.tracks.iter().map(|track| track.moved).max().unwrap_or(self.began);
        if past(self.began, self.limits.total) {
            Decision::OutOfTime
        } else if past(moved, self.limits.no_progress) {
            Decision::Stalled
        } else {
            Decision::Wait
        }
    }

    fn health(&mut self, index: usize, now: Timestamp, snapshot: &Snapshot) -> Judgement {
        let subject = &self.tracks[index].subject;
        let Some(live) = snapshot.get(&subject.id) else {
            let ruled = !live::annotation(&subject.object.value, health::expression::ANNOTATION).is_empty();
            return if !ruled && health::at_once(&subject.id.group, &subject.id.kind) {
                Judgement::ready("Exists", "it is there")
            } else if snapshot.complete(&subject.id) {
                gone(&self.tracks[index])
            } else {
                waiting_for_an_answer()
            };
        };
        let judgement = health::judge(
            live,
            Known {
                generation: subject.generation,
                before: subject.before.as_ref(),
                manifest: Some(&subject.object.value),
                since: Some(now.duration_since(self.began)),
                around: Some(snapshot),
            },
        );
        if judgement.health == Health::Terminating && !self.dump {
            return Judgement::failed(
                "Terminating",
                format!("somebody deletes it; it is {}", judgement.message),
            );
        }
        if judgement.health == Health::Ready && subject.changed {
            let live = live.clone();
            return self.stays_up(&live, judgement, now, snapshot);
        }
        judgement
    }

    /// A container without a readiness probe is "ready" as soon as it has started, so it has to stay up for a while.
    fn stays_up(
        &mut self,
        live: &Value,
        judgement: Judgement,
        now: Timestamp,
        snapshot: &Snapshot,
    ) -> Judgement {
        let mut left = SignedDuration::ZERO;
        for pod in newest::pods(live, snapshot) {
            for written in live::list(pod, "/spec/containers") {
                if live::text(pod, "/status/phase") != "Running" || written.get("readinessProbe").is_some() {
                    continue;
                }
                let name = live::text(written, "/name");
                let status = live::list(pod, "/status/containerStatuses")
                    .iter()
                    .find(|status| live::text(status, "/name") == name);
                let run = status.map_or(0, |status| live::count(status, "/restartCount"));
                let key = (live::uid(pod).to_owned(), name.to_owned(), run);
                let up = now.duration_since(*self.up_since.entry(key).or_insert(now));
                let stability =
                    SignedDuration::try_from(self.limits.stability).unwrap_or(SignedDuration::MAX);
                left = left.max(stability - up);
            }
        }
        if left.is_positive() && live::kind(live) != "Job" {
            let mut waits = Judgement::progressing(
                "StaysUp",
                "ready; it has no readiness probe, so it is watched for a moment",
            );
            waits.replicas = judgement.replicas;
            return waits;
        }
        judgement
    }

    fn troubles(
        &mut self,
        index: usize,
        judgement: &Judgement,
        now: Timestamp,
        snapshot: &Snapshot,
        present: &mut HashSet<Key>,
    ) -> Vec<Trouble> {
        let id = self.tracks[index].subject.id.clone();
        let Some(live) = snapshot.get(&id) else { return Vec::new() };
        let unseen = judgement.reason == "GenerationNotObserved";
        if !matches!(judgement.health, Health::Progressing | Health::Failed) || unseen {
            // Restarts count from the moment when a container was ready, so ready ones are looked at too.
            self.look_at_runs(live, index, now, snapshot);
            return Vec::new();
        }
        if id.kind == "PersistentVolumeClaim" {
            self.needs.classes |= snapshot.classes.is_none();
            return blame::claim::symptom(live, snapshot)
                .map(|symptom| self.trouble(symptom, live, None, now, present))
                .into_iter()
                .collect();
        }
        let logs = self.look_at_runs(live, index, now, snapshot);
        self.needs.logs.extend(logs);
        let mut troubles = Vec::new();
        if let Some(symptom) = blame::creation::symptom(live, snapshot) {
            troubles.push(self.trouble(symptom, live, None, now, present));
        }
        for pod in newest::pods(live, snapshot) {
            for symptom in blame::pod::symptoms(pod, snapshot) {
                self.needs.nodes |= snapshot.nodes.is_none() && symptom.message.contains("Insufficient");
                troubles.push(self.trouble(symptom, pod, Some(live::id(pod)), now, present));
            }
        }
        troubles
    }

    fn look_at_runs(
        &mut self,
        live: &Value,
        index: usize,
        now: Timestamp,
        snapshot: &Snapshot,
    ) -> Vec<LogNeed> {
        // What has just become ready may not be reachable yet: endpoints take a moment.
        let calm = self.others(index).all(|other| {
            other.started.is_none_or(|at| now.duration_since(at) >= SignedDuration::from_secs(3))
        });
        let mut needs = Vec::new();
        for pod in newest::pods(live, snapshot) {
            for (status, purpose) in blame::pod::containers(pod) {
                needs.extend(self.crashes.look(pod, status, purpose, calm));
            }
        }
        needs
    }

    fn others(&self, index: usize) -> impl Iterator<Item = &Track> {
        self.tracks.iter().enumerate().filter(move |(other, _)| *other != index).map(|(_, track)| track)
    }

    /// Puts a symptom beside what was seen of it before.
    fn trouble(
        &mut self,
        mut symptom: Symptom,
        of: &Value,
        pod: Option<ObjectId>,
        now: Timestamp,
        present: &mut HashSet<Key>,
    ) -> Trouble {
        let uid = live::uid(of).to_owned();
        self.latch(&uid, &mut symptom);
        let key = (uid, symptom.container.clone(), symptom.signal);
        present.insert(key.clone());
        let since = if self.dump { since(of).unwrap_or(now).min(now) } else { now };
        let seen = self.seen.entry(key).or_insert_with(|| Seen {
            since,
            reason: symptom.reason.clone(),
            times: 1,
            doomed: false,
        });
        if seen.reason != symptom.reason {
            seen.reason.clone_from(&symptom.reason);
            seen.times += 1;
        }
        Trouble { symptom, pod, since: seen.since, doomed: false }
    }

    /// `ImagePullBackOff` often forgets why; the last `ErrImagePull` told.
    fn latch(&mut self, uid: &str, symptom: &mut Symptom) {
        let Some(container) = symptom.container.clone() else { return };
        let key = (uid.to_owned(), container);
        if symptom.signal == Signal::ImagePull && symptom.reason != "ErrImagePull" {
            if let Some((signal, message)) = self.latched.get(&key) {
                symptom.signal = *signal;
                symptom.message.clone_from(message);
            }
        } else if symptom.reason == "ErrImagePull" {
            self.latched.insert(key, (symptom.signal, symptom.message.clone()));
        }
    }
}

fn waiting_for_an_answer() -> Judgement {
    Judgement::progressing("NotSeen", "waiting for the API server to tell of it")
}

/// Since when an object of a dump is in trouble, as far as it says so.
fn since(object: &Value) -> Option<Timestamp> {
    ["PodScheduled", "Initialized", "ContainersReady", "Ready"]
        .iter()
        .filter_map(|kind| live::condition(object, kind))
        .find(|condition| condition.status == "False")
        .and_then(|condition| condition.changed)
        .or_else(|| live::moment(object, "/status/startTime"))
        .or_else(|| live::moment(object, "/metadata/creationTimestamp"))
}

fn gone(track: &Track) -> Judgement {
    let id = &track.subject.id;
    let short_lived = track.subject.object.value.pointer("/spec/ttlSecondsAfterFinished").is_some();
    if id.kind == "Job" && short_lived {
        return Judgement::ready("Complete", "it ran to its end and was cleaned up");
    }
    Judgement::failed("Deleted", "somebody deleted it after it was applied")
}

/// What counts as progress: counts, pods, containers that start for the first time. A crash loop is none.
fn fingerprint(live: &Value, judgement: &Judgement, snapshot: &Snapshot) -> (String, bool) {
    use std::fmt::Write as _;
    let mut text = format!("{:?} {}", judgement.replicas, judgement.message);
    let mut pulling = false;
    for pod in newest::pods(live, snapshot) {
        let _ = write!(text, "|{} {}", live::name(pod), live::text(pod, "/status/phase"));
        for (status, _) in blame::pod::containers(pod) {
            let first = live::count(status, "/restartCount") == 0;
            let up = status.pointer("/state/running").is_some();
            let _ = write!(text, " {}{}", u8::from(first && up), u8::from(live::flag(status, "/ready")));
        }
        let happenings = snapshot.happenings(live::uid(pod));
        pulling |= happenings.last().is_some_and(|last| last.reason == "Pulling")
            && live::text(pod, "/status/phase") == "Pending";
    }
    (text, pulling)
}
