//! What the watch and the check of an unchanged cluster share: the tracker that they use, and the outcome that they
//! return.

use crate::cluster::applied::AppliedObject;
use crate::cluster::applied::waits;
use crate::cluster::blame;
use crate::cluster::target::Target;
use crate::cluster::tracker::HealthTracker;
use crate::cluster::tracker::Subject;
use crate::cluster::tracker::limits::Limits;
use crate::event::Finding;
use crate::event::Outcome;
use crate::manifest::pods;
use crate::manifest::pods::PodTemplate;
use health::snapshot::Snapshot;
use health::status::ObjectHealth;
use jiff::Timestamp;

/// Everything is healthy.
#[derive(Debug)]
pub struct RolloutOutcome {
    /// Each object, in the order of application.
    pub healths: Vec<ObjectHealth>,
    /// Warnings; already emitted as events.
    pub warnings: Vec<Finding>,
}

pub(super) fn tracker_of(
    target: &Target,
    objects: &[AppliedObject],
    limits: &Limits,
    now: Timestamp,
) -> HealthTracker {
    let subjects = objects.iter().map(|object| Subject {
        id: object.id.clone(),
        generation: object.generation,
        changed: object.outcome != Outcome::Unchanged,
        object: object.object.clone(),
        before: object.before.clone(),
    });
    HealthTracker::new(subjects.collect(), *limits, now).of_minikube(target.profile.clone())
}

/// The snapshot before any response of the cluster: objects without a status to wait for.
pub(super) fn known(objects: &[AppliedObject]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for object in objects.iter().filter(|object| !waits(object)) {
        snapshot.know(object.id.clone(), object.after.clone().into());
    }
    snapshot
}

pub(super) fn warnings(
    tracker: &HealthTracker,
    objects: &[AppliedObject],
    snapshot: &Snapshot,
) -> Vec<Finding> {
    // A Service that selects no written template was reported before anything was written.
    let templates: Vec<PodTemplate<'_>> =
        objects.iter().filter_map(|object| pods::template(&object.object.value)).collect();
    let chosen = |service: &AppliedObject| {
        let selector = service.object.value["spec"]["selector"].as_object();
        selector.is_some_and(|selector| {
            templates.iter().any(|template| pods::selects(selector, template.labels()))
        })
    };
    let services = objects.iter().filter(|object| object.id.kind == "Service" && object.id.group.is_empty());
    let selector_mismatch = services.filter(|service| chosen(service)).filter_map(|object| {
        let service = snapshot.get(&object.id).unwrap_or(&object.object.value);
        blame::service::selector_mismatch(service, &object.object, snapshot)
    });
    tracker.notes().into_iter().chain(selector_mismatch).collect()
}
