//! Charts that Helm installs itself (`mode = "release"`), and the notes of every chart.
//!
//! Helm gets our images through a post-renderer, which is this program; the wait and the diagnosis are ours. A
//! release that has not changed since the last good run is not installed again: Helm would record a revision for
//! nothing.

use crate::cluster::AppliedObject;
use crate::cluster::helm;
use crate::cluster::helm::Where;
use crate::event::Code;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::flow::connected::Connected;
use crate::flow::hooks::Installing;
use crate::flow::reach::ClusterHandle;
use crate::image::Built;
use crate::manifest::Object;
use crate::manifest::Release;
use crate::manifest::bind::Bound;
use crate::manifest::bind::PullPolicy;
use crate::manifest::bind::bind;
use crate::manifest::bind::images_named;
use crate::manifest::chart;
use crate::project::Binding;
use crate::project::Mode;
use crate::project::Project;
use crate::project::name::ImageName;
use crate::run::Run;
use crate::version::Version;
use std::collections::BTreeMap;

/// Whether Helm, and not we, writes this object.
pub(crate) fn is_helms(releases: &[Release], object: &Object) -> bool {
    let helms = releases.iter().filter(|release| release.chart.mode == Mode::Release);
    helms.into_iter().any(|release| release.members.contains(&object.id()))
}

/// Binds the images in the objects of a run and in the hooks of its charts.
pub(crate) fn bound(
    objects: &mut [Object],
    releases: &mut [Release],
    rules: &[Binding],
    references: &BTreeMap<ImageName, String>,
    pull: PullPolicy,
) -> Bound {
    let mut bound = bind(objects, rules, references, pull);
    for hook in releases.iter_mut().flat_map(|release| &mut release.hooks) {
        let hook = std::slice::from_mut(&mut hook.object);
        bound.changes.extend(bind(hook, rules, references, pull).changes);
    }
    bound
}

/// Refuses hooks that Helm cannot handle: before version 4 it passes hooks to no post-renderer, so they keep the
/// images that the chart names, which no node has.
pub(crate) async fn possible(run: &Run, project: &Project, releases: &[Release]) -> Result<()> {
    let ours = || project.images.iter().map(|image| &image.name);
    let mut findings = Vec::new();
    for release in releases.iter().filter(|release| release.chart.mode == Mode::Release) {
        for hook in &release.hooks {
            let object = std::slice::from_ref(&hook.object);
            let named = images_named(object, &project.bindings, ours());
            findings.extend(named.ours.into_iter().map(|(name, places)| {
                let message = format!(
                    "this hook runs the image `{name}`, and Helm 3 does not pass hooks to a post-renderer"
                );
                let place = places.into_iter().next().unwrap_or_else(|| hook.object.place.clone());
                Code::HelmHookUnsupported
                    .error(message)
                    .about(hook.object.id().to_string())
                    .at(place)
                    .help("use Helm 4, or leave `mode = \"release\"` out: then `todo` runs the hooks")
            }));
        }
    }
    if findings.is_empty() {
        return Ok(());
    }
    let helm = chart::helm(run, "this release")?;
    match chart::version(run, &helm).await {
        Ok(Some(version)) if version < Version(4, 0, 0) => Err(Code::HelmHookUnsupported
            .fault(FaultKind::Usage, "Helm cannot install it with your images")
            .findings(findings)),
        _ => Ok(()),
    }
}

/// Has Helm install its own releases that have changed, and returns all objects to be waited for.
pub(crate) async fn install(
    to: &Connected<'_>,
    releases: &[Release],
    objects: &[Object],
    installing: &Installing,
    built: &[Built],
) -> Result<Vec<AppliedObject>> {
    let Connected { run, project, cluster, target } = to;
    let mut seen = Vec::new();
    for release in releases.iter().filter(|release| release.chart.mode == Mode::Release) {
        let (name, namespace) = (release.chart.release.as_str(), release.namespace.as_str());
        let own: Vec<Object> =
            objects.iter().filter(|object| release.members.contains(&object.id())).cloned().collect();
        let before = helm::inspect(run, target, &own).await?;
        let found = helm::find(run, target, namespace, name).await?;
        let revision = found.map(|found| found.revision);
        if installing.is_changed(release) || revision.is_none() || revision != installing.revision(release) {
            let program = run.world.program.clone().ok_or_else(|| {
                Code::InternalError
                    .fault(FaultKind::Internal, "cannot determine the path of this program")
                    .hint("leave `mode = \"release\"` out: then no program has to be named to Helm")
            })?;
            let images = built.iter().map(|image| (image.name.to_string(), image.reference.clone()));
            let target = project.elsewhere.as_ref().map(|other| other.name.as_str());
            let renderer = helm::renderer(&program, &project.file, target, images);
            let at = Where { kubeconfig: &cluster.kubeconfig, context: &cluster.context, namespace };
            helm::upgrade(run, at, &project.root, &release.chart, &renderer).await?;
        } else {
            run.sink.item(Step::Apply, format!("release {name}")).finish(Outcome::Unchanged, None);
        }
        seen.extend(helm::observe(run, target, &own, &before).await?);
    }
    Ok(seen)
}

/// Prints the notes of the charts.
pub(crate) async fn tell_notes(run: &Run, project: &Project, cluster: &ClusterHandle, releases: &[Release]) {
    let cluster = (cluster.kubeconfig.as_path(), cluster.context.as_str());
    for release in releases {
        let notes = chart::notes(run, &project.root, &release.chart, &release.namespace, cluster).await;
        let Some(notes) = notes else { continue };
        let item = run.sink.item(Step::Service, format!("notes of {}", release.chart.release));
        for line in notes.lines() {
            item.log(line);
        }
        item.finish(Outcome::Done, None);
    }
}
