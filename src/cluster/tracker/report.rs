//! The tracker's state → the health of each object, and findings.

use crate::cluster::blame::tell;
use crate::cluster::blame::tell::CauseContext;
use crate::cluster::tracker::HealthTracker;
use crate::cluster::tracker::Problem;
use crate::cluster::tracker::Track;
use crate::event::Code;
use crate::event::Data;
use crate::event::Finding;
use crate::event::Severity;
use health::cause::newest;
use health::cause::scheduling;
use health::cause::scheduling::Refusal;
use health::live;
use health::snapshot::Snapshot;
use health::status;
use health::status::Health;
use health::status::ObjectHealth;
use jiff::SignedDuration;
use serde_json::Value;

/// An object must be not ready for this long to be reported in addition to the broken ones.
const LONG: SignedDuration = SignedDuration::from_secs(10);

/// The details of an object, in addition to its status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    /// Worth reporting although it is ready.
    pub note: Option<String>,
    /// The evidence of the cause: messages of the cluster and output of the program.
    pub evidence: Vec<String>,
    /// What to do.
    pub help: Option<String>,
    /// The code of the cause, where it is known.
    pub code: Option<Code>,
    /// The cause in numbers and names.
    pub data: Data,
}

impl HealthTracker {
    pub(super) fn healths(&self, snapshot: &Snapshot) -> Vec<ObjectHealth> {
        self.tracks.iter().map(|track| self.object_health(track, snapshot)).collect()
    }

    fn object_health(&self, track: &Track, snapshot: &Snapshot) -> ObjectHealth {
        let object = track.subject.id.clone();
        let worst = worst(track);
        match (worst, snapshot.get(&object)) {
            (Some(problem), Some(live))
                if track.health_status.health == Health::Progressing || object.kind == "Pod" =>
            {
                let inputs = self.inputs(track, problem, live, snapshot);
                ObjectHealth {
                    object,
                    health: if track.terminal { Health::Failed } else { Health::Progressing },
                    reason: problem.symptom.reason.clone(),
                    message: tell::diagnose(&problem.symptom, &inputs).message,
                }
            }
            _ => ObjectHealth {
                object,
                health: track.health_status.health,
                reason: track.health_status.reason.clone(),
                message: track.health_status.message.clone(),
            },
        }
    }

    /// Every broken object, one finding per cause; then, as warnings, objects that merely have problems.
    pub(crate) fn findings(&self, snapshot: &Snapshot) -> Vec<Finding> {
        let mut findings = Vec::new();
        let (causes, consequences): (Vec<&Track>, Vec<&Track>) = self
            .tracks
            .iter()
            .filter(|track| track.terminal)
            .partition(|track| !self.is_consequence(track, snapshot));
        for track in causes {
            findings.extend(self.causes(track, snapshot));
        }
        for track in consequences {
            findings.extend(self.causes(track, snapshot).into_iter().map(warning));
        }
        for track in self.tracks.iter().filter(|track| !track.terminal) {
            findings.extend(self.causes_of_trouble(track, snapshot));
        }
        findings
    }

    /// Every object that is not healthy, and why: the report of a rollout that ran out of time.
    pub(crate) fn unfinished(&self, snapshot: &Snapshot) -> Vec<Finding> {
        let open = self.tracks.iter().filter(|track| {
            !track.terminal
                && track.health_status.health == Health::Progressing
                && !track.health_status.non_blocking
        });
        open.flat_map(|track| {
            let mut causes = self.matching(track, snapshot, |_| true);
            if causes.is_empty() {
                causes.push(plain(track));
            }
            causes
        })
        .collect()
    }

    fn causes(&self, track: &Track, snapshot: &Snapshot) -> Vec<Finding> {
        let terminal = self.matching(track, snapshot, |problem| problem.terminal);
        if track.health_status.health == Health::Progressing {
            return terminal;
        }
        // The status itself shows the failure; the problems of its pods are the evidence.
        let mut finding = plain(track);
        let any = if terminal.is_empty() { self.matching(track, snapshot, |_| true) } else { terminal };
        for cause in any {
            finding.code = cause.code;
            finding.data = cause.data;
            finding.evidence.push(cause.message);
            finding.evidence.extend(cause.evidence);
            finding.help = cause.help;
            finding.place = cause.place.or(finding.place);
        }
        vec![finding]
    }

    fn causes_of_trouble(&self, track: &Track, snapshot: &Snapshot) -> Vec<Finding> {
        if track.health_status.health != Health::Progressing {
            return Vec::new();
        }
        // An object that has not been ready for long may be the missing dependency that made another one crash.
        let findings = self.matching(track, snapshot, |problem| {
            !problem.symptom.signal.is_a_start()
                || self.first_failure.is_some_and(|terminal| terminal.duration_since(problem.since) >= LONG)
        });
        findings.into_iter().map(warning).collect()
    }

    /// Whether it only waits for something else of the set that is broken itself.
    fn is_consequence(&self, track: &Track, snapshot: &Snapshot) -> bool {
        let mut terminal = track.problems.iter().filter(|problem| problem.terminal).peekable();
        terminal.peek().is_some()
            && terminal.all(|problem| {
                let pod = problem.pod.as_ref().and_then(|pod| snapshot.get(pod));
                let claim = pod
                    .filter(|_| Refusal::parse(&problem.symptom.message) == Refusal::Volume { claim: true })
                    .and_then(|pod| scheduling::unbound(pod, snapshot));
                claim.is_some_and(|claim| {
                    self.tracks.iter().any(|other| {
                        let id = &other.subject.id;
                        other.terminal
                            && id.kind == "PersistentVolumeClaim"
                            && id.name == claim
                            && id.namespace == track.subject.id.namespace
                    })
                })
            })
    }

    fn matching(&self, track: &Track, snapshot: &Snapshot, which: impl Fn(&Problem) -> bool) -> Vec<Finding> {
        let Some(live) = snapshot.get(&track.subject.id) else { return Vec::new() };
        let mut findings: Vec<Finding> = Vec::new();
        for problem in track.problems.iter().filter(|problem| which(problem)) {
            let finding = tell::finding(&problem.symptom, &self.inputs(track, problem, live, snapshot));
            let same = |other: &Finding| other.message == finding.message && other.place == finding.place;
            if !findings.iter().any(same) {
                findings.push(finding);
            }
        }
        findings
    }

    fn inputs<'a>(
        &'a self,
        track: &'a Track,
        problem: &'a Problem,
        live: &'a Value,
        snapshot: &'a Snapshot,
    ) -> CauseContext<'a> {
        let pod = problem.pod.as_ref().and_then(|pod| snapshot.get(pod));
        let uid = pod.map_or("", live::uid);
        let container = problem.symptom.container.as_deref().unwrap_or_default();
        CauseContext {
            subject: live,
            applied: Some(&track.subject.object),
            pod,
            snapshot,
            tail: self.crashes.last_lines(uid, container),
            profile: self.profile.as_deref(),
        }
    }

    /// The evidence of each status in the last snapshot, and what to do, in the order in which the objects were
    /// given.
    pub(crate) fn details(&self, snapshot: &Snapshot) -> Vec<Detail> {
        self.tracks
            .iter()
            .map(|track| {
                let note =
                    track.health_status.note.clone().filter(|note| *note != track.health_status.message);
                let judged = matches!(track.health_status.health, Health::Progressing | Health::Failed);
                match (worst(track).filter(|_| judged), snapshot.get(&track.subject.id)) {
                    (Some(problem), Some(live)) => {
                        let finding =
                            tell::finding(&problem.symptom, &self.inputs(track, problem, live, snapshot));
                        Detail {
                            note,
                            evidence: finding.evidence,
                            help: finding.help,
                            code: Some(finding.code),
                            data: finding.data,
                        }
                    }
                    _ => Detail { note, help: track.health_status.help.clone(), ..Detail::default() },
                }
            })
            .collect()
    }

    /// The notes about ready objects.
    pub(crate) fn notes(&self) -> Vec<Finding> {
        let ready = self
            .tracks
            .iter()
            .filter(|track| status::is_well(track.health_status.health, &track.health_status.reason));
        ready
            .filter_map(|track| {
                let note = track.health_status.note.clone()?;
                Some(
                    Code::ObjectNote.note(note).about(track.subject.id.to_string()).at(track
                        .subject
                        .object
                        .place
                        .clone()),
                )
            })
            .collect()
    }

    /// The pods of the newest revisions that run and are not ready: their logs are shown when time runs out.
    pub(crate) fn unready_pods<'a>(&'a self, snapshot: &'a Snapshot) -> Vec<&'a Value> {
        let open = self.tracks.iter().filter(|track| track.health_status.health == Health::Progressing);
        open.filter_map(|track| snapshot.get(&track.subject.id))
            .filter_map(|live| {
                newest::pods(live, snapshot).into_iter().find(|pod| !live::holds(pod, "Ready"))
            })
            .collect()
    }
}

fn warning(finding: Finding) -> Finding {
    Finding { severity: Severity::Warning, ..finding }
}

fn worst(track: &Track) -> Option<&Problem> {
    track.problems.iter().find(|problem| problem.terminal).or_else(|| track.problems.first())
}

fn plain(track: &Track) -> Finding {
    let (id, object) = (&track.subject.id, &track.subject.object);
    let place = match track.health_status.reason.as_str() {
        // The annotation is wrong, not the object.
        "OwnRule" | "RuleTooExpensive" => object.place_of("/metadata/annotations/todo.dev~1ready"),
        status::PAUSED => object.place_of("/spec/paused"),
        _ => &object.place,
    };
    code(track)
        .error(track.health_status.message.clone())
        .about(id.to_string())
        .at(place.clone())
        .help(help(track))
        .data(Data::default().text("reason", &track.health_status.reason))
}

fn code(track: &Track) -> Code {
    match track.health_status.reason.as_str() {
        "OwnRule" | "RuleTooExpensive" => Code::AnnotationInvalid,
        "Deleted" | "Terminating" => Code::ObjectDeleted,
        status::PAUSED | "JobSuspended" => Code::WorkloadPaused,
        _ => Code::NotHealthy,
    }
}

fn help(track: &Track) -> String {
    if let Some(help) = &track.health_status.help {
        return help.clone();
    }
    let id = &track.subject.id;
    let kind = id.kind.to_lowercase();
    let namespace = id.namespace.as_ref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
    match track.health_status.reason.as_str() {
        "Deleted" | "Terminating" => "run `todo up` again: it writes what is missing".to_owned(),
        status::PAUSED if live::flag(&track.subject.object.value, "/spec/paused") => format!(
            "remove `paused` from the manifest, or resume it: `kubectl rollout resume {kind}/{}{namespace}`",
            id.name
        ),
        status::PAUSED => format!("`kubectl rollout resume {kind}/{}{namespace}`", id.name),
        "RuleTooExpensive" => {
            "ask less of it in its annotation `todo.dev/ready`: no loops over long lists inside of one another"
                .to_owned()
        }
        "JobSuspended" => "resume it, or write `suspend: true` in the manifest".to_owned(),
        _ => format!("`kubectl describe {kind}/{}{namespace}` shows more", id.name),
    }
}
