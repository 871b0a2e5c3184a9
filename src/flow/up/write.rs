//! The objects written, by this program and by Helm.

use super::build::Built;
use super::whole;
use crate::cli;
use crate::cluster::Applied;
use crate::cluster::AppliedObject;
use crate::cluster::ApplyOptions;
use crate::cluster::apply;
use crate::cluster::check_ownership;
use crate::cluster::hook;
use crate::cluster::synced;
use crate::event::Finding;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::connected::Connected;
use crate::flow::flags::limits;
use crate::flow::flags::options;
use crate::flow::generate::generate;
use crate::flow::hooks::Installing;
use crate::flow::hooks::ReleasePlan;
use crate::flow::redaction;
use crate::flow::releases;
use crate::image;
use crate::manifest::Object;
use crate::manifest::Release;
use crate::plan::Plan;
use crate::project::Project;
use std::path::Path;

/// A project whose objects are written to the cluster.
#[derive(Debug)]
pub(in crate::flow) struct Written {
    pub(in crate::flow) applied: Applied,
    /// The objects of releases that Helm installs itself.
    pub(in crate::flow) released: Vec<AppliedObject>,
    pub(in crate::flow) charts: Installing,
    pub(in crate::flow) releases: Vec<Release>,
    pub(in crate::flow) images: Vec<image::Built>,
    /// Whether checks were skipped, because nothing seemed to change.
    pub(in crate::flow) checks_skipped: bool,
    /// The warnings about the objects before anything was built.
    pub(in crate::flow) warnings: Vec<Finding>,
}

/// Writes the objects that differ.
pub(in crate::flow) async fn write(to: &Connected<'_>, built: Built, flags: &cli::Up) -> Result<Written> {
    let Connected { run, project, cluster, target } = to;
    let step = run.sink.step(Step::Apply);
    let Built { plan, images, adopt, adopted, checks_skipped } = built;
    let Plan { mut objects, mut releases, warnings } = plan;
    let references = images.iter().map(|image| (image.name.clone(), image.reference.clone())).collect();
    if flags.helm.no_hooks {
        for release in &mut releases {
            release.hooks.clear();
        }
    }
    let bound = releases::bound(&mut objects, &mut releases, &project.bindings, &references, cluster.pull);
    generate(run, target, &project.secrets, &mut objects).await?;
    redaction::objects(run, &objects);

    let has_charts = !releases.is_empty();
    let limits = limits(&flags.wait);
    let options = ApplyOptions { limits, charts: has_charts, adopt, ..options(flags.apply) };
    let mut charts = ReleasePlan::default();
    if has_charts {
        charts = ReleasePlan::compute(run, target, &releases, &objects, adopted).await?;
    }
    let (helms, objects): (Vec<Object>, Vec<Object>) =
        objects.into_iter().partition(|object| releases::is_helms(&releases, object));
    if charts.has_hooks_before() || !helms.is_empty() {
        prepare_for_charts(to, &objects, &options).await?;
    }
    let mut charts = charts.install(run, target, &limits).await?;
    let mut applied = apply(run, target, objects, &options).await?;
    synced::replace(run, target, &mut applied.objects).await?;
    if !has_charts && applied.may_have_charts() {
        // The last chart was taken out of deploy.toml: its delete hooks are still to run.
        let plan = ReleasePlan::compute(run, target, &[], &[], Vec::new()).await?;
        charts = plan.install(run, target, &limits).await?;
    }
    let released = releases::install(to, &releases, &helms, &charts, &images).await?;
    if !applied.is_unchanged()
        && let Some(note) = bound.note()
    {
        run.sink.warn(note);
    }
    step.finish(whole(applied.objects.iter().chain(&released).map(|object| object.outcome)), None);
    Ok(Written { applied, released, charts, releases, images, checks_skipped, warnings })
}

/// Writes the objects that the hooks of charts and Helm need in the cluster.
async fn prepare_for_charts(to: &Connected<'_>, objects: &[Object], options: &ApplyOptions) -> Result<()> {
    let Connected { run, project, target, .. } = to;
    if !options.force_conflicts {
        Box::pin(check_ownership(run, target, objects)).await?;
    }
    hook::ensure_namespace(run, target).await?;
    let first = objects.iter().filter(|object| is_needed_by_charts(project, object)).cloned().collect();
    apply(run, target, first, options).await?;
    // A hook that fails is reported with its log.
    redaction::cluster(run, target, Step::Apply).await;
    Ok(())
}

/// Namespaces, and the Secrets and ConfigMaps that deploy.toml itself defines for the pods.
fn is_needed_by_charts(project: &Project, object: &Object) -> bool {
    let ours = project.file.file_name().is_some_and(|name| object.place.file == Path::new(name));
    object.kind() == "Namespace" || ours && matches!(object.kind(), "Secret" | "ConfigMap")
}
