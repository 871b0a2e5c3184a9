//! Writes objects: only those that differ, in phases; each refusal is reported as a line of a file.
//!
//! Not the wait for what they start (`rollout`), nor the end of the bookkeeping (`finalize`). Before the first write
//! the inventory lists everything that may be created, so that `down` finds it after any interruption.

use crate::cluster::applied::Applied;
use crate::cluster::applied::ApplyOptions;
use crate::cluster::applied::kept;
use crate::cluster::difference::plan;
use crate::cluster::inventory::knows_charts;
use crate::cluster::inventory::write::empty_inventory;
use crate::cluster::lock;
use crate::cluster::planned::PlannedWrite;
use crate::cluster::planned::writes;
use crate::cluster::sequence::Writing;
use crate::cluster::survey;
use crate::cluster::survey::Survey;
use crate::cluster::target::Target;
use crate::fault;
use crate::manifest;
use crate::run::Run;

/// Writes `objects` to the cluster; does not wait for them to become healthy.
///
/// # Errors
/// Every object that is refused is a finding; what was written until then stays, and is listed in the inventory.
pub async fn apply(
    run: &Run,
    target: &Target,
    objects: Vec<manifest::Object>,
    options: &ApplyOptions,
) -> fault::Result<Applied> {
    let work = Box::pin(async {
        let prepared = survey::prepare(run, target, objects).await?;
        let (desired, first) = (&prepared.desired, empty_inventory()?);
        let (mut survey, mut planned) = plan(run, target, desired, &first, *options).await?;
        let first_charts = options.charts && !knows_charts(survey.stored.as_ref());
        let record = survey.permit.record;
        if !writes(&planned) && prepared.later.is_empty() && !first_charts && !record {
            if !lock::wait(run, &target.wire(), target, survey.lease.as_ref()).await? {
                return Ok(unchanged(run, survey, planned, *options));
            }
            // Another run that held the lock may have changed the objects that were read.
            (survey, planned) = plan(run, target, desired, &first, *options).await?;
            if !writes(&planned) && !survey.permit.record {
                return Ok(unchanged(run, survey, planned, *options));
            }
        }
        let writing = Writing { run, target, prepared: &prepared, options: *options };
        Box::pin(writing.write(first, survey, planned)).await
    });
    lock::scope(run, target, work).await
}

fn unchanged(run: &Run, survey: Survey, planned: Vec<PlannedWrite>, options: ApplyOptions) -> Applied {
    let mut applied = Applied { options, stored: survey.stored.clone(), survey, ..Applied::default() };
    for item in planned {
        for note in &item.notes {
            run.sink.warn(note.clone());
        }
        kept(run, item, &mut applied);
    }
    applied
}
