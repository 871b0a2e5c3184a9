//! The writes of a run, one turn after the other, each when its dependencies exist.
//!
//! Not how one object is written (`write`), nor whether it is (`decide`). It ends when another run takes over the
//! lock: two runs that write at once would undo each other's changes.

use crate::cluster::applied::Applied;
use crate::cluster::applied::AppliedObject;
use crate::cluster::applied::ApplyOptions;
use crate::cluster::applied::kept;
use crate::cluster::applied::refusals;
use crate::cluster::barrier;
use crate::cluster::decide::decide;
use crate::cluster::difference::plan;
use crate::cluster::inventory;
use crate::cluster::inventory::Inventory;
use crate::cluster::inventory::Stored;
use crate::cluster::inventory::write::empty_inventory;
use crate::cluster::inventory::write::record_intended;
use crate::cluster::lock;
use crate::cluster::order::Order;
use crate::cluster::order::Turn;
use crate::cluster::phase::Phase;
use crate::cluster::planned::Allowed;
use crate::cluster::planned::PlannedWrite;
use crate::cluster::planned::writes;
use crate::cluster::request::AT_ONCE;
use crate::cluster::request::report_waiting;
use crate::cluster::request::unreadable;
use crate::cluster::retry::ExpectedObjects;
use crate::cluster::retry::retry;
use crate::cluster::survey;
use crate::cluster::survey::Prepared;
use crate::cluster::survey::Survey;
use crate::cluster::target::Target;
use crate::cluster::wire::Wire;
use crate::cluster::write::write_one;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault;
use crate::manifest::ObjectId;
use crate::run::Run;
use futures::StreamExt;
use futures::stream;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A run that has something to write.
pub(crate) struct Writing<'a> {
    pub(crate) run: &'a Run,
    pub(crate) target: &'a Target,
    pub(crate) prepared: &'a Prepared,
    pub(crate) options: ApplyOptions,
}

impl Writing<'_> {
    /// Takes the lock, records what may be created, and creates it.
    pub(crate) async fn write(
        &self,
        first: Inventory,
        survey: Survey,
        planned: Vec<PlannedWrite>,
    ) -> fault::Result<Applied> {
        let (run, target, wire) = (self.run, self.target, self.target.wire());
        let new = survey.namespace.is_none();
        if new {
            barrier::make_namespace(run, &wire, target).await?;
        }
        let was_locked = survey.lease.is_some() && !target.lock.is_held();
        lock::hold(run, target).await?;
        let mut applied = Applied { options: self.options, ..Applied::default() };
        Box::pin(self.locked(&wire, new || was_locked, first, survey, planned, &mut applied)).await?;
        Ok(applied)
    }

    async fn locked(
        &self,
        wire: &Wire,
        stale: bool,
        first: Inventory,
        survey: Survey,
        planned: Vec<PlannedWrite>,
        applied: &mut Applied,
    ) -> fault::Result<()> {
        let (run, target, desired) = (self.run, self.target, &self.prepared.desired);
        let (secrets, name) = (inventory::secrets(), inventory::name(&target.project));
        let now = retry(report_waiting(run, Step::Apply, "cluster"), || {
            wire.get(&secrets, Some(target.namespace.as_str()), &name)
        });
        let now = now.await.map_err(|failure| unreadable(failure, "cannot read the inventory"))?;
        let seen = version(survey.stored.as_ref());
        let intervened =
            now.as_ref().and_then(|secret| secret["metadata"]["resourceVersion"].as_str()) != seen.as_deref();
        let (survey, planned) = if stale || intervened {
            // Another run may have written meanwhile; in a new namespace a dry run can now succeed that failed
            // before.
            plan(run, target, desired, &first, self.options).await?
        } else {
            (survey, planned)
        };
        for note in planned.iter().flat_map(|item| &item.notes) {
            run.sink.warn(note.clone());
        }
        applied.stored =
            Some(record_intended(run, target, wire, &survey, first, desired, self.options.charts).await?);
        if let Some(note) = survey.permit.note.clone() {
            run.sink.warn(note);
        }
        applied.survey = survey;
        self.turns(wire, planned, applied).await
    }

    async fn turns(
        &self,
        wire: &Wire,
        planned: Vec<PlannedWrite>,
        applied: &mut Applied,
    ) -> fault::Result<()> {
        let order =
            Order::from_objects(planned.iter().map(|item| (&item.desired.id, &*item.desired.object.value)));
        let expected = ExpectedObjects::among(planned.iter().map(|item| &item.desired.id));
        let mut turns: BTreeMap<Turn, Vec<PlannedWrite>> = BTreeMap::new();
        for item in planned {
            turns.entry(order.turn(&item.desired.id)).or_default().push(item);
        }
        let mut later = !self.prepared.later.is_empty();
        for ((phase, _), these) in turns {
            if later && phase > Phase::Workloads {
                self.later(wire, &expected, applied).await?;
                later = false;
            }
            let mut needed: BTreeSet<&ObjectId> = these
                .iter()
                .filter(|item| writes(std::slice::from_ref(*item)))
                .flat_map(|item| order.needs(&item.desired.id))
                .collect();
            if phase == Phase::Workloads {
                needed.extend(new_quotas(applied));
            }
            barrier::healthy(self.run, self.target, applied, |id| needed.contains(id)).await?;
            barrier::endpoints(self.run, wire, &these).await?;
            let ground = these.iter().any(|item| item.desired.phase == Phase::Prerequisites);
            self.turn(wire, &expected, these, applied).await?;
            if ground {
                barrier::barrier(self.run, wire, applied).await?;
            }
        }
        if later { self.later(wire, &expected, applied).await } else { Ok(()) }
    }

    /// Tries every object of a turn, then reports the refusals.
    async fn turn(
        &self,
        wire: &Wire,
        expected: &ExpectedObjects,
        these: Vec<PlannedWrite>,
        applied: &mut Applied,
    ) -> fault::Result<()> {
        let (written, kept_ones): (Vec<PlannedWrite>, Vec<PlannedWrite>) =
            these.into_iter().partition(|item| writes(std::slice::from_ref(item)));
        for item in kept_ones {
            kept(self.run, item, applied);
        }
        let results: Vec<Result<AppliedObject, Vec<Finding>>> = stream::iter(written)
            .map(|item| write_one(self.run, wire, expected, item))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut refused = Vec::new();
        for result in results {
            match result {
                Ok(object) => applied.objects.push(object),
                Err(findings) => refused.extend(findings),
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(refusals(refused, self.count())) }
    }

    /// Writes the objects whose kinds an operator of the set had to register first.
    async fn later(
        &self,
        wire: &Wire,
        expected: &ExpectedObjects,
        applied: &mut Applied,
    ) -> fault::Result<()> {
        let (run, target) = (self.run, self.target);
        barrier::brought(run, target, &self.prepared.later, applied).await?;
        let desired = survey::prepare(run, target, self.prepared.later.clone()).await?.desired;
        let survey = survey::inspect(run, target, &desired).await?;
        let allowed = Allowed { force: self.options.force_conflicts, recreate: self.options.recreate };
        let (planned, refused) = decide(run, target, desired.clone(), &survey, allowed).await;
        if !refused.is_empty() {
            return Err(refusals(refused, self.count()));
        }
        applied.stored = Some(
            record_intended(run, target, wire, &survey, empty_inventory()?, &desired, self.options.charts)
                .await?,
        );
        applied.survey.members.extend(survey.members);
        applied.survey.unowned.extend(survey.unowned);
        self.turn(wire, expected, planned, applied).await
    }

    fn count(&self) -> usize {
        self.prepared.desired.len() + self.prepared.later.len()
    }
}

fn version(stored: Option<&Stored>) -> Option<String> {
    stored.and_then(|stored| stored.secret["metadata"]["resourceVersion"].as_str()).map(str::to_owned)
}

/// The quotas that were just written: until its controller has set a quota's status, all pods are admitted
/// (`k8s.io/apiserver: pkg/admission/plugin/resourcequota/controller.go`: `CheckRequest` counts by `status.hard`).
fn new_quotas(applied: &Applied) -> impl Iterator<Item = &ObjectId> {
    let new = applied.objects.iter().filter(|object| object.outcome != Outcome::Unchanged);
    new.map(|object| &object.id).filter(|id| id.group.is_empty() && id.kind == "ResourceQuota")
}
