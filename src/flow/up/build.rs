//! The images, built and in the nodes, while everything is checked that could make the run fail later.

use super::whole;
use crate::cli;
use crate::cluster::Doing;
use crate::cluster::Wants;
use crate::cluster::check_capacity;
use crate::cluster::check_ownership;
use crate::cluster::wait_for_fresh_status;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::check;
use crate::flow::connected::Connected;
use crate::flow::flags::options;
use crate::flow::hooks;
use crate::flow::ingress;
use crate::flow::load::Planned;
use crate::flow::owner;
use crate::flow::preview::preview;
use crate::flow::status::is_well;
use crate::image;
use crate::image::surveyed::Surveyed;
use crate::manifest::Object;
use crate::plan::Plan;
use crate::run::Run;
use jiff::Timestamp;
use std::time::Duration;

/// After this time images are being built. An unchanged run takes less, so it does not look for free capacity.
const BUILDING: Duration = Duration::from_millis(300);

/// A project whose images are in the nodes.
#[derive(Debug)]
pub(in crate::flow) struct Built {
    pub(in crate::flow) plan: Plan,
    pub(in crate::flow) images: Vec<image::Built>,
    /// Whether objects that were deployed from another place under the same name are taken over.
    pub(in crate::flow) adopt: bool,
    /// Namespace and name of Helm's own releases that become this project's.
    pub(in crate::flow) adopted: Vec<(String, String)>,
    /// Whether checks were skipped, because nothing seemed to change.
    pub(in crate::flow) checks_skipped: bool,
}

/// Builds the images that the nodes do not have. `started` is when the cluster was started, if that was in this run.
pub(in crate::flow) async fn build(
    to: &Connected<'_>,
    planned: Planned,
    flags: &cli::Up,
    started: Option<Timestamp>,
) -> Result<Built> {
    let Connected { run, project, cluster, target } = to;
    let Planned { plan, images } = planned;
    let adopted = hooks::owners(run, target, &plan.releases, flags.apply.adopt).await?;
    let wants = Wants::from_objects(&plan.objects);
    let adopt = owner::check(run, project, target, Some(&wants), flags.apply.adopt, Doing::Up).await?;
    let nothing_to_do = async {
        let (objects, releases) = (plan.objects.clone(), plan.releases.clone());
        let options = options(cli::Apply { adopt, ..flags.apply });
        let preview = preview(to, objects, releases, &images, &options).await;
        // If the preview fails, the checks are made: the step that fails for the same reason reports it.
        preview.is_ok_and(|preview| preview.is_nothing()) && is_well(run, target).await.is_ok_and(|well| well)
    };
    // An impossible object ends the run as soon as it is known, however long the images take.
    let possible = possible(to, &plan.objects, flags.apply.force_conflicts);
    let all = tokio::try_join!(
        or_stop(run, alongside(run, make(to, &images), possible)),
        or_stop(run, check::before(run, project, cluster, &plan.objects, nothing_to_do)),
        or_stop(run, ingress::served(run, project, target, &plan.objects)),
    );
    run.sink.stop(run.stopped().is_some());
    let (images, checks_skipped, ()) = all?;
    if let Some(started) = started {
        wait_for_fresh_status(run, target, started).await?;
    }
    Ok(Built { plan, images, adopt, adopted, checks_skipped })
}

async fn make(to: &Connected<'_>, images: &[Surveyed]) -> Result<Vec<image::Built>> {
    let step = to.run.sink.step(Step::Image);
    let built = image::make(to.run, &to.project.image_owner(), &to.cluster.destination, images).await?;
    step.finish(whole(built.iter().map(|image| image.outcome)), image::summary(&built));
    Ok(built)
}

/// Builds, and meanwhile checks whether the objects are `possible`: objects that would be refused or stay Pending
/// need no images. If nothing has to be built, the API server refuses them within the same second.
async fn alongside(
    run: &Run,
    build: impl Future<Output = Result<Vec<image::Built>>>,
    possible: impl Future<Output = Result<()>>,
) -> Result<Vec<image::Built>> {
    let mut build = std::pin::pin!(build);
    tokio::select! {
        done = &mut build => return done,
        () = tokio::time::sleep(BUILDING) => {}
    }
    let (images, ()) = tokio::try_join!(or_stop(run, build), or_stop(run, possible))?;
    Ok(images)
}

/// Does `work`; if it fails, concurrent steps are marked as stopped, not failed.
async fn or_stop<T>(run: &Run, work: impl Future<Output = Result<T>>) -> Result<T> {
    work.await.inspect_err(|_| run.sink.stop(true))
}

/// Whether the cluster has the capacity for the objects, and none of them is another project's.
async fn possible(to: &Connected<'_>, objects: &[Object], force_conflicts: bool) -> Result<()> {
    check_capacity(to.run, &to.target, objects).await?;
    if force_conflicts {
        return Ok(());
    }
    Box::pin(check_ownership(to.run, &to.target, objects)).await
}
