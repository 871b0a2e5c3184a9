//! Health and blame of dumped objects: `kubectl get … -o yaml`, offline.
//!
//! One look without a past, so what repeats and for how long is read from the objects themselves.

use crate::cluster::health::Health;
use crate::cluster::health::Verdict;
use crate::cluster::judge::Judge;
use crate::cluster::judge::Subject;
use crate::cluster::live;
use crate::cluster::snapshot::Snapshot;
use crate::cluster::snapshot::unfold;
use crate::event::Place;
use crate::manifest::Object;
use jiff::Timestamp;
use serde_json::Value;

/// How well each object is, in their order; events are evidence and have no verdict. `List`s are unfolded.
pub fn explain(objects: &[Value], now: Timestamp) -> Vec<Verdict> {
    let snapshot = Snapshot::of(objects);
    judge(objects, now).observe(now, &snapshot).into_iter().map(named).collect()
}

/// The judge behind [`explain`], after its one look; its findings say more.
pub fn judge(objects: &[Value], now: Timestamp) -> Judge {
    let objects = unfold(objects).into_iter().filter(|object| live::kind(object) != "Event");
    let subjects = objects.map(|object| Subject {
        id: live::id(object),
        generation: live::number(object, "/metadata/generation"),
        changed: false,
        object: Object::made(object.clone(), Place::file("")),
        before: None,
    });
    Judge::of_dump(subjects.collect(), now)
}

fn named(verdict: Verdict) -> Verdict {
    if verdict.object.kind.is_empty() {
        return Verdict {
            health: Health::Unknown,
            reason: "NoKind".to_owned(),
            message: "it is not a Kubernetes object: it has no `kind`".to_owned(),
            ..verdict
        };
    }
    verdict
}
