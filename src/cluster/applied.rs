//! What a run has applied: each object as it was before the write, and as it is after it.

use crate::cluster::inventory::Stored;
use crate::cluster::inventory::knows_charts;
use crate::cluster::planned::PlannedAction;
use crate::cluster::planned::PlannedWrite;
use crate::cluster::request::uid_of;
use crate::cluster::survey::Desired;
use crate::cluster::survey::Survey;
use crate::cluster::tracker::limits::Limits;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault;
use crate::fault::Fault;
use crate::manifest;
use crate::manifest::ObjectId;
use crate::manifest::shared::Shared;
use crate::run::Run;
use health::live;
use health::status::at_once;
use kube::core::ApiResource;
use serde_json::Value;

/// What the user allows, how long they wait, and what else is deployed.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct ApplyOptions {
    /// `--force-conflicts`: take over fields and objects that other managers own.
    pub force_conflicts: bool,
    /// `--recreate`: recreate objects with immutable changes. Never volumes, namespaces and CRDs.
    pub recreate: bool,
    /// `--prune-data`: prune objects that are no longer in the manifests even if they hold data.
    pub prune_data: bool,
    /// `--yes`: prune objects that are no longer in the manifests even if they are most of the set.
    pub yes: bool,
    /// Time limits for objects that others of the set depend on.
    pub limits: Limits,
    /// `--adopt`: take over objects that were deployed from another place under the same name.
    pub adopt: bool,
    /// The project has charts: the inventory must record that before any release is recorded.
    pub charts: bool,
}

/// One object as it is in the cluster after this run's writes.
#[derive(Debug, Clone)]
pub struct AppliedObject {
    /// Its ID.
    pub id: ObjectId,
    /// How its kind is served.
    pub resource: ApiResource,
    /// Its UID.
    pub uid: String,
    /// The generation that the controllers have to have observed.
    pub generation: Option<i64>,
    /// [`Outcome::Created`], [`Outcome::Changed`], [`Outcome::Recreated`] or [`Outcome::Unchanged`].
    pub outcome: Outcome,
    /// The desired object, with its places in the manifests.
    pub object: manifest::Object,
    /// The object in the cluster before our write; `None` if it was not there.
    pub before: Option<Shared<Value>>,
    /// The object in the cluster after our write.
    pub after: Shared<Value>,
    /// The body that was sent: the desired object, without the fields left to other managers.
    pub(crate) body: Shared<Value>,
    /// Whether the inventory already records all of it.
    pub(crate) recorded: bool,
}

/// What a run has applied.
#[derive(Debug, Default)]
pub struct Applied {
    /// Every object of the set, in the order of the phases.
    pub objects: Vec<AppliedObject>,
    /// Jobs that ran, ended well and expired in an earlier run; they are not run again.
    pub expired: Vec<ObjectId>,
    /// Objects of the set that were not to be applied, such as the claims and Jobs of an earlier revision: they are
    /// desired, and stay as they are.
    pub left: Vec<manifest::Object>,
    /// Which git revision of the project's files it is, if that is known.
    pub git: Option<String>,
    /// What the user allows.
    pub options: ApplyOptions,
    pub(crate) stored: Option<Stored>,
    pub(crate) survey: Survey,
}

impl Applied {
    /// Whether nothing had to be written.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.objects.iter().all(|object| object.outcome == Outcome::Unchanged)
    }

    /// Whether something may be written down about charts of this project.
    pub(crate) fn may_have_charts(&self) -> bool {
        knows_charts(self.stored.as_ref())
    }
}

pub(crate) fn refusals(findings: Vec<Finding>, of: usize) -> Fault {
    let mut subjects: Vec<&str> = findings.iter().filter_map(|f| f.subject.as_deref()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let (count, objects) = (subjects.len(), if of == 1 { "object" } else { "objects" });
    Code::ObjectsRefused
        .fault(fault::FaultKind::Apply, format!("the cluster refuses {count} of {of} {objects}"))
        .findings(findings)
}

pub(crate) fn kept(run: &Run, one: PlannedWrite, applied: &mut Applied) {
    let item = run.sink.item(Step::Apply, one.desired.id.to_string());
    if let (PlannedAction::Keep { recorded }, Some(live)) = (one.todo, one.live) {
        item.finish(Outcome::Unchanged, None);
        let before = Some(live.clone());
        applied.objects.push(done(one.desired, Outcome::Unchanged, before, live, one.body, recorded));
    } else {
        item.finish(Outcome::Skipped, Some("it has run".to_owned()));
        applied.expired.push(one.desired.id);
    }
}

pub(crate) fn done(
    desired: Desired,
    outcome: Outcome,
    before: Option<Shared<Value>>,
    after: Shared<Value>,
    body: Shared<Value>,
    recorded: bool,
) -> AppliedObject {
    AppliedObject {
        uid: uid_of(&after).to_owned(),
        generation: after["metadata"]["generation"].as_i64(),
        id: desired.id,
        resource: desired.kind.resource,
        outcome,
        object: desired.object,
        before,
        after,
        body,
        recorded,
    }
}

/// Whether the object has a status to wait for. A Service without a load balancer is ready as soon as it is written.
pub(crate) fn waits(object: &AppliedObject) -> bool {
    if !live::annotation(&object.object.value, health::status::expression::ANNOTATION).is_empty() {
        return true;
    }
    let service = object.id.group.is_empty() && object.id.kind == "Service";
    if service {
        return live::text(&object.object.value, "/spec/type") == "LoadBalancer";
    }
    !at_once(&object.id.group, &object.id.kind)
}
