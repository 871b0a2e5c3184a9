//! Everything that is written, read: manifests, values, Dockerfiles, contexts. All that is wrong with any of it at once,
//! before anything outside is touched.

use crate::cluster::judge::annotation;
use crate::event::Finding;
use crate::event::Place;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::image::survey::Surveyed;
use crate::image::survey::survey;
use crate::manifest;
use crate::plan;
use crate::plan::Facts;
use crate::plan::Plan;
use crate::project::Project;
use crate::project::values;
use crate::project::values::Values;
use crate::run::Run;
use std::sync::Arc;

/// What is to be in the cluster, and what is to be built for it.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// The objects.
    pub(crate) plan: Plan,
    /// The images, in the order of deploy.toml.
    pub(crate) images: Vec<Surveyed>,
}

/// Reads all that the project has. Warnings are told as they are found.
pub(crate) async fn gather(run: &Run, project: &Arc<Project>) -> Result<Gathered> {
    let images = blocking(run, project, survey);
    let values = blocking(run, project, |run, project| {
        values::read(&run.world, project).map_err(|findings| unusable().findings(findings))
    });
    let objects = manifest::load(run, &project.root, &project.namespace, &project.sources);
    let (images, objects, values) = tokio::join!(images, objects, values);

    let mut findings = Vec::new();
    let images = usable(images, &mut findings)?;
    let objects = usable(objects, &mut findings)?;
    let known = values.is_ok();
    let Values { secrets, configs, warnings } = usable(values, &mut findings)?;
    // Without the values, lint would miss keys that are only unread.
    let plan = if known { plan::make(project, Facts { objects, secrets, configs }) } else { Err(Vec::new()) };
    let plan = plan.and_then(|plan| {
        let mistakes = annotation::mistakes(&plan.objects);
        if mistakes.is_empty() { Ok(plan) } else { Err(mistakes) }
    });
    let plan = match plan {
        Ok(plan) if findings.is_empty() => plan,
        Ok(_) => return Err(unusable().findings(findings)),
        Err(more) => return Err(unusable().findings(findings).findings(more)),
    };
    for warning in not_yet(project) {
        run.sink.warn(warning);
    }
    for warning in images.iter().flat_map(|image| &image.warnings).chain(&warnings).chain(&plan.warnings) {
        run.sink.warn(warning.clone());
    }
    Ok(Gathered { plan, images })
}

/// Sections that are understood but that nothing acts on yet: silence would look like success.
fn not_yet(project: &Project) -> Vec<Finding> {
    let checks = project.checks.iter().map(|check| ("[[check]]", &check.place));
    let targets = project.targets.values().map(|target| ("[target]", &target.place));
    let told = |(section, place): (&str, &Place)| {
        Finding::warning(format!("this version of `todo` reads `{section}` but does nothing about it"))
            .at(place.clone())
            .mend("remove it, or keep it for a later version")
    };
    checks.chain(targets).map(told).collect()
}

fn unusable() -> Fault {
    Fault::message(Kind::Usage, "the project cannot be deployed as it is")
}

/// Keeps what one reader found wrong for the report on all; what is no finding ends the run at once.
fn usable<T: Default>(read: Result<T>, findings: &mut Vec<Finding>) -> Result<T> {
    match read {
        Ok(read) => Ok(read),
        Err(fault) if fault.kind == Kind::Usage && !fault.findings.is_empty() => {
            findings.extend(fault.findings);
            Ok(T::default())
        }
        Err(fault) => Err(fault),
    }
}

async fn blocking<T: Send + 'static>(
    run: &Run,
    project: &Arc<Project>,
    work: impl FnOnce(&Run, &Project) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (run, project) = (run.clone(), Arc::clone(project));
    let done = tokio::task::spawn_blocking(move || work(&run, &project)).await;
    done.or_fault(Kind::Internal, || "a reader of the project's files broke".to_owned())?
}
