//! The set compared with the cluster: the existing objects, and what to do with each.

use crate::cluster::applied::ApplyOptions;
use crate::cluster::applied::refusals;
use crate::cluster::barrier;
use crate::cluster::decide::decide;
use crate::cluster::inventory::Inventory;
use crate::cluster::planned::Allowed;
use crate::cluster::planned::PlannedWrite;
use crate::cluster::survey;
use crate::cluster::survey::Desired;
use crate::cluster::survey::Survey;
use crate::cluster::target::Target;
use crate::fault;
use crate::run::Run;

/// Reads the cluster and decides, and reads it again if a namespace had to be deleted first.
pub(crate) async fn plan(
    run: &Run,
    target: &Target,
    desired: &[Desired],
    first: &Inventory,
    options: ApplyOptions,
) -> fault::Result<(Survey, Vec<PlannedWrite>)> {
    let allowed = Allowed { force: options.force_conflicts, recreate: options.recreate };
    let mut survey = survey::inspect(run, target, desired).await?;
    let limit = options.limits.no_progress;
    if barrier::wait_for_dying_namespaces(run, target, desired, &survey, limit).await? {
        survey = survey::inspect(run, target, desired).await?;
    }
    survey::permit(target, &mut survey, desired, options.adopt)?;
    let desired = survey::followed(desired, &survey, first);
    let count = desired.len();
    let (planned, refused) = decide(run, target, desired, &survey, allowed).await;
    if !refused.is_empty() {
        return Err(refusals(refused, count));
    }
    Ok((survey, planned))
}
