//! Objects written: only those that differ, in phases, each refusal told as a line of a file.
//!
//! Not the wait for what they start (`rollout`), nor the end of the bookkeeping (`settle`). Before the first write the
//! inventory lists everything that may be made, so that whatever interrupts us, `down` finds it.

use crate::cluster::barrier;
use crate::cluster::decide::Allowed;
use crate::cluster::decide::Decided;
use crate::cluster::decide::Todo;
use crate::cluster::decide::decide;
use crate::cluster::inventory;
use crate::cluster::inventory::Deployed;
use crate::cluster::inventory::Entry;
use crate::cluster::inventory::Inventory;
use crate::cluster::inventory::MADE_BY;
use crate::cluster::inventory::PART_OF;
use crate::cluster::inventory::Stored;
use crate::cluster::judge::limits::Limits;
use crate::cluster::lock;
use crate::cluster::once;
use crate::cluster::refusal;
use crate::cluster::sequence::Writing;
use crate::cluster::survey;
use crate::cluster::survey::Survey;
use crate::cluster::survey::Wanted;
use crate::cluster::survey::recover;
use crate::cluster::survey::tell;
use crate::cluster::survey::uid_of;
use crate::cluster::survey::unreadable;
use crate::cluster::target::Target;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault;
use crate::fault::Fault;
use crate::fault::OrFault;
use crate::manifest;
use crate::manifest::ObjectId;
use crate::manifest::shared::Shared;
use crate::run::Run;
use kube::core::ApiResource;
use serde_json::Value;
use serde_json::json;

/// What the user allows, how long they wait, and what else is deployed.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct ApplyOptions {
    /// `--force-conflicts`: take fields and objects that others own.
    pub force_conflicts: bool,
    /// `--recreate`: make again what cannot be changed. Never volumes, namespaces and CRDs.
    pub recreate: bool,
    /// `--prune-data`: what is no longer wanted goes even where data hangs on it.
    pub prune_data: bool,
    /// `--yes`: what is no longer wanted goes even if that is most of what there is.
    pub yes: bool,
    /// How long what others of the set depend on may take.
    pub limits: Limits,
    /// `--adopt`: what another place has deployed under the same name becomes this one's.
    pub adopt: bool,
    /// Charts come with the objects: the inventory has to say so before anything is written down about them.
    pub charts: bool,
}

/// One object as it is in the cluster after this run's writes.
#[derive(Debug, Clone)]
pub struct AppliedObject {
    /// What names it.
    pub id: ObjectId,
    /// How its kind is served.
    pub resource: ApiResource,
    /// Its UID.
    pub uid: String,
    /// The generation that the controllers have to have observed.
    pub generation: Option<i64>,
    /// [`Outcome::Created`], [`Outcome::Changed`], [`Outcome::Recreated`] or [`Outcome::Unchanged`].
    pub outcome: Outcome,
    /// What was wanted, with its places.
    pub object: manifest::Object,
    /// The object in the cluster before our write; `None` if it was not there.
    pub before: Option<Shared<Value>>,
    /// The object in the cluster after our write.
    pub after: Shared<Value>,
    /// What was sent: what was wanted, without what is left to others.
    pub(crate) body: Shared<Value>,
    /// Whether the inventory says all of it already.
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
    /// wanted, and stay as they are.
    pub left: Vec<manifest::Object>,
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

/// Makes the cluster agree with `objects`, as far as writing goes.
///
/// # Errors
/// Every object that is refused is a finding; what was written until then stays, and is listed in the inventory.
pub async fn apply(
    run: &Run,
    target: &Target,
    objects: Vec<manifest::Object>,
    options: &ApplyOptions,
) -> fault::Result<Applied> {
    let work = run.or_stopped(Box::pin(async {
        let prepared = survey::prepare(run, target, objects).await?;
        let (wanted, first) = (&prepared.wanted, empty_inventory()?);
        let (mut survey, mut decided) = plan(run, target, wanted, &first, *options).await?;
        let first_charts = options.charts && !knows_charts(survey.stored.as_ref());
        let record = survey.permit.record;
        if !writes(&decided) && prepared.later.is_empty() && !first_charts && !record {
            if !lock::wait(run, &target.wire(), target, survey.lease.as_ref()).await? {
                return Ok(unchanged(run, survey, decided, *options));
            }
            // Whoever held the lock may have changed what we looked at.
            (survey, decided) = plan(run, target, wanted, &first, *options).await?;
            if !writes(&decided) && !survey.permit.record {
                return Ok(unchanged(run, survey, decided, *options));
            }
        }
        let writing = Writing { run, target, prepared: &prepared, options: *options };
        Box::pin(writing.write(first, survey, decided)).await
    }));
    lock::scope(target, work).await
}

/// The inventory of a project that has none yet. Made before anything is decided, because its salt goes into pod templates.
pub(crate) fn empty_inventory() -> fault::Result<Inventory> {
    Inventory::new()
        .or_fault(Code::InternalError, fault::Kind::Internal, || "cannot begin an inventory".to_owned())
}

fn knows_charts(stored: Option<&Stored>) -> bool {
    stored.is_some_and(|stored| stored.inventory.charts)
}

/// Whether any of it has to be written.
pub(crate) fn writes(decided: &[Decided]) -> bool {
    decided.iter().any(|one| !matches!(one.todo, Todo::Keep { .. } | Todo::Expired))
}

/// Looks, decides, and looks again if a namespace had to go first.
pub(crate) async fn plan(
    run: &Run,
    target: &Target,
    wanted: &[Wanted],
    first: &Inventory,
    options: ApplyOptions,
) -> fault::Result<(Survey, Vec<Decided>)> {
    let allowed = Allowed { force: options.force_conflicts, recreate: options.recreate };
    let mut survey = survey::look(run, target, wanted).await?;
    let limit = options.limits.no_progress;
    if barrier::wait_for_dying_namespaces(run, target, wanted, &survey, limit).await? {
        survey = survey::look(run, target, wanted).await?;
    }
    survey::permit(target, &mut survey, wanted, options.adopt)?;
    let wanted = survey::followed(wanted, &survey, first);
    let count = wanted.len();
    let (decided, refused) = decide(run, target, wanted, &survey, allowed).await;
    if !refused.is_empty() {
        return Err(refusals(refused, count));
    }
    Ok((survey, decided))
}

pub(crate) fn refusals(findings: Vec<Finding>, of: usize) -> Fault {
    let mut subjects: Vec<&str> = findings.iter().filter_map(|f| f.subject.as_deref()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let (count, objects) = (subjects.len(), if of == 1 { "object" } else { "objects" });
    Code::ObjectsRefused
        .fault(fault::Kind::Apply, format!("the cluster refuses {count} of {of} {objects}"))
        .findings(findings)
}

fn unchanged(run: &Run, survey: Survey, decided: Vec<Decided>, options: ApplyOptions) -> Applied {
    let mut applied = Applied { options, stored: survey.stored.clone(), survey, ..Applied::default() };
    for one in decided {
        for note in &one.notes {
            run.sink.warn(note.clone());
        }
        kept(run, one, &mut applied);
    }
    applied
}

pub(crate) fn kept(run: &Run, one: Decided, applied: &mut Applied) {
    let item = run.sink.item(Step::Apply, one.wanted.id.to_string());
    if let (Todo::Keep { recorded }, Some(live)) = (one.todo, one.live) {
        item.finish(Outcome::Unchanged, None);
        let before = Some(live.clone());
        applied.objects.push(done(one.wanted, Outcome::Unchanged, before, live, one.body, recorded));
    } else {
        item.finish(Outcome::Skipped, Some("it has run".to_owned()));
        applied.expired.push(one.wanted.id);
    }
}

pub(crate) fn done(
    wanted: Wanted,
    outcome: Outcome,
    before: Option<Shared<Value>>,
    after: Shared<Value>,
    body: Shared<Value>,
    recorded: bool,
) -> AppliedObject {
    AppliedObject {
        uid: uid_of(&after).to_owned(),
        generation: after["metadata"]["generation"].as_i64(),
        id: wanted.id,
        resource: wanted.kind.resource,
        outcome,
        object: wanted.object,
        before,
        after,
        body,
        recorded,
    }
}

/// Writes down everything that this run may make, before it makes any of it.
pub(crate) async fn record_intended(
    run: &Run,
    target: &Target,
    wire: &Wire,
    survey: &Survey,
    first: Inventory,
    wanted: &[Wanted],
    charts: bool,
) -> fault::Result<Stored> {
    let (mut inventory, before) = match &survey.stored {
        Some(stored) => (stored.inventory.clone(), Some(stored.secret.clone())),
        None => (first, None),
    };
    let part_of = json!(target.part_of());
    inventory.extend(wanted.iter().map(|wanted| {
        let live = survey.live(&wanted.id);
        Entry {
            uid: live.map(|live| uid_of(live).to_owned()),
            adopted: live.is_some_and(|live| live["metadata"]["labels"][PART_OF] != part_of)
                && !made_by_us(live),
            ..Entry::new(wanted.id.clone(), &wanted.kind)
        }
    }));
    // Members that the list has lost are ours all the same.
    inventory.extend(survey.members.iter().map(|(id, member)| Entry {
        uid: Some(uid_of(&member.object).to_owned()),
        ..Entry::new(id.clone(), &member.kind)
    }));
    inventory.settled = false;
    inventory.charts |= charts;
    store(run, target, wire, inventory, before.as_ref()).await
}

pub(crate) fn is_unlabelled(live: &Value) -> bool {
    live["metadata"]["labels"][PART_OF].is_null()
}

pub(crate) fn made_by_us(live: Option<&Value>) -> bool {
    live.is_some_and(|live| refusal::annotation(live, MADE_BY).is_some())
}

/// Writes the inventory over the one that was read.
pub(crate) async fn store(
    run: &Run,
    target: &Target,
    wire: &Wire,
    mut inventory: Inventory,
    before: Option<&Value>,
) -> fault::Result<Stored> {
    let kind = inventory::secrets();
    let namespace = Some(target.namespace.as_str());
    if inventory.damage.take().is_some() {
        recover::keep_aside(run, wire, target, before.unwrap_or(&Value::Null)).await?;
    }
    let doing = || "cannot write the inventory".to_owned();
    let made = |inventory: &Inventory| {
        inventory.secret(&target.project, &target.namespace, before).or_fault(
            Code::InternalError,
            fault::Kind::Internal,
            doing,
        )
    };
    let mut secret = made(&inventory)?;
    let same_place = inventory.deployed.as_ref().is_some_and(|known| known.origin == *target.origin);
    // What says the same as before keeps the time of the last change: the server writes nothing then.
    if !same_place || before.is_none_or(|before| before["data"] != secret["data"]) {
        let deployed = Deployed::now(inventory.deployed.as_ref(), &target.origin, target.clock.now());
        inventory.deployed = Some(deployed.or_fault(Code::InternalError, fault::Kind::Internal, doing)?);
        secret = made(&inventory)?;
    }
    let told = tell(run, Step::Apply, "inventory");
    let written = once::put(wire, &kind, namespace, &secret, told)
        .await
        .map_err(|failure| unreadable(failure, "cannot write the inventory"))?;
    Ok(Stored { inventory, secret: written })
}
