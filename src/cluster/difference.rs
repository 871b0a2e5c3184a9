//! The set compared with the cluster: what is there, and what is to be done about each object.

use crate::cluster::applied::ApplyOptions;
use crate::cluster::applied::refusals;
use crate::cluster::barrier;
use crate::cluster::decide::decide;
use crate::cluster::decided::Allowed;
use crate::cluster::decided::Decided;
use crate::cluster::inventory::Inventory;
use crate::cluster::survey;
use crate::cluster::survey::Survey;
use crate::cluster::survey::Wanted;
use crate::cluster::target::Target;
use crate::fault;
use crate::run::Run;

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
