//! Reads all files of the project: manifests, values, Dockerfiles, contexts. Reports all mistakes in them at once,
//! before anything outside is changed.

use crate::cluster::check_annotations;
use crate::cluster::check_order;
use crate::event::Code;
use crate::event::Finding;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::flow::frontends;
use crate::flow::hidden;
use crate::flow::redaction;
use crate::image::survey::survey;
use crate::image::survey::survey_names;
use crate::image::surveyed::Surveyed;
use crate::manifest;
use crate::manifest::Loaded;
use crate::manifest::LoadedManifests;
use crate::manifest::Object;
use crate::manifest::lint::Scope;
use crate::manifest::pods;
use crate::manifest::pods::ConfigKind;
use crate::manifest::pods::Reference;
use crate::plan;
use crate::plan::Plan;
use crate::plan::PlanInputs;
use crate::project::Check;
use crate::project::Probe;
use crate::project::Project;
use crate::project::check::CheckedProject;
use crate::project::clear::is_placeholder;
use crate::project::name::DataKey;
use crate::project::name::ObjectName;
use crate::project::tracked;
use crate::project::values;
use crate::project::values::KnownValues;
use crate::project::values::Values;
use crate::run::Run;
use std::sync::Arc;

/// The desired objects, and the images to build for them.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The objects.
    pub(crate) plan: Plan,
    /// The images, in the order of deploy.toml.
    pub(crate) images: Vec<Surveyed>,
}

/// Reads all files of the project, and emits the warnings.
pub(crate) async fn gather(run: &Run, project: &Arc<Project>) -> Result<Planned> {
    let (planned, warnings) = gathered(run, project).await?;
    for warning in warnings {
        run.sink.warn(warning);
    }
    Ok(planned)
}

/// Reads all files of the project. Returns the warnings without emitting them.
pub(crate) async fn gathered(run: &Run, project: &Arc<Project>) -> Result<(Planned, Vec<Finding>)> {
    let ReadFiles { planned, values, mistakes, fault } = read_files(run, project, Scope::Everything).await?;
    match fault {
        Some(fault) => return Err(fault.findings(mistakes)),
        None if !mistakes.is_empty() => return Err(unusable().findings(mistakes)),
        None => {}
    }
    let Planned { mut plan, images } = planned;
    plan.warnings.extend(hidden::programs(&images, &plan.objects));
    let of_images = images.iter().flat_map(|image| &image.warnings).cloned();
    let warnings = tracked::env_files(project).into_iter().chain(of_images).chain(values);
    let warnings = warnings.chain(plan.warnings.iter().cloned()).collect();
    let hooks = plan.releases.iter().flat_map(|release| &release.hooks).map(|hook| &hook.object);
    redaction::objects(run, plan.objects.iter().chain(hooks));
    Ok((Planned { plan, images }, warnings))
}

/// The fault of a project whose deploy.toml has mistakes: these, and those of all other files that it still names.
pub(crate) async fn invalid(run: &Run, checked: CheckedProject) -> Fault {
    let CheckedProject { project, mistakes } = checked;
    let project = Arc::new(project);
    match read_files(run, &project, Scope::Objects).await {
        Err(fault) => fault.findings(mistakes),
        Ok(read) if read.mistakes.is_empty() => CheckedProject::fault(&project, mistakes),
        Ok(read) => unusable().findings(mistakes).findings(read.mistakes),
    }
}

/// The files that could be read, and every mistake in the others.
struct ReadFiles {
    planned: Planned,
    /// Warnings about values and values files.
    values: Vec<Finding>,
    mistakes: Vec<Finding>,
    /// Why a part could not be read, if not for a mistake of the project.
    fault: Option<Fault>,
}

/// Reads every file, even if others have mistakes. References to a file that could not be read are not checked;
/// `scope` is the widest check that is possible.
async fn read_files(run: &Run, project: &Arc<Project>, scope: Scope) -> Result<ReadFiles> {
    let images = blocking(run, project, survey);
    let loaded = manifest::load_all(run, &project.root, &project.namespace, &project.sources);
    let (images, loaded) = tokio::join!(images, loaded);
    combine(run, project, scope, images, loaded?)
}

/// The mistakes of a project, without the contents of its images' contexts; `written` are its manifests, if they were
/// already read.
pub(crate) async fn mistakes(
    run: &Run,
    project: &Arc<Project>,
    written: Option<LoadedManifests>,
) -> Result<Vec<Finding>> {
    let images = blocking(run, project, survey_names).await;
    let loaded = match written {
        Some(written) => Loaded { written, ..Loaded::default() },
        None => manifest::load_all(run, &project.root, &project.namespace, &project.sources).await?,
    };
    Ok(combine(run, project, Scope::Everything, images, loaded)?.mistakes)
}

/// Combines the files into a plan.
fn combine(
    run: &Run,
    project: &Arc<Project>,
    scope: Scope,
    images: Result<Vec<Surveyed>>,
    loaded: Loaded,
) -> Result<ReadFiles> {
    let mut mistakes: Vec<Finding> = no_registry(project).into_iter().collect();
    let images = usable(images, &mut mistakes)?;
    let Loaded { written: LoadedManifests { objects, releases, warnings }, mistakes: of_manifests, fault } =
        loaded;
    // Before any message about them.
    redaction::objects(run, &objects);
    let all_objects = of_manifests.is_empty() && fault.is_none();
    mistakes.extend(of_manifests);
    // The manifests show what needs a missing value.
    let values = {
        let needed = |secret: &ObjectName, key: &DataKey| {
            let by_checks = needed_by_checks(project, secret, key);
            readers(&objects, secret, key).into_iter().chain(by_checks).collect()
        };
        let known = KnownValues { needed: &needed, placeholder: is_placeholder };
        values::load(&run.world, project, &known).map_err(|findings| unusable().findings(findings))
    };
    let scope = match &values {
        _ if !all_objects => Scope::Objects,
        // Without the values, lint would miss keys that are only unread.
        Err(_) => scope.min(Scope::Manifests),
        Ok(_) => scope,
    };
    let Values { secrets, configs, places, warnings: of_values } = usable(values, &mut mistakes)?;
    mistakes.extend(check_annotations(&objects));
    let taken_up = frontends::beginnings(&images);
    let facts = PlanInputs { objects, releases, secrets, configs, taken_up, scope, places };
    let (plan, of_plan) = plan::make(project, facts);
    mistakes.extend(of_plan);
    if scope == Scope::Everything {
        mistakes.extend(check_order(&plan.objects, &project.namespace));
    }
    let values = of_values.into_iter().chain(warnings).collect();
    Ok(ReadFiles { planned: Planned { plan, images }, values, mistakes, fault })
}

/// Images without a registry from which the nodes of another cluster could pull them.
fn no_registry(project: &Project) -> Option<Finding> {
    let target = project.elsewhere.as_ref().filter(|target| target.registry.is_none())?;
    let image = &project.images.first()?.name;
    let message =
        format!("`[target.{}]` has no registry, so its nodes cannot pull the image `{image}`", target.name);
    Some(
        Code::TargetWithoutRegistry
            .error(message)
            .at(target.place.clone())
            .help("add `registry = \"ghcr.io/ACCOUNT\"`, one that its nodes may pull from"),
    )
}

/// The objects that cannot start without a key of a Secret, and the line that references it.
fn readers(objects: &[Object], secret: &ObjectName, key: &DataKey) -> Vec<String> {
    let mut found = Vec::new();
    for (object, template) in pods::all(objects) {
        let reads = |reference: &Reference<'_>| {
            reference.kind == ConfigKind::Secret
                && reference.name == secret.as_str()
                && !reference.optional
                && reference.key.is_none_or(|read| read == key.as_str())
        };
        for reference in template.references().into_iter().filter(reads) {
            found.push(format!("{} needs it ({})", object.id(), object.place_of(&reference.pointer)));
        }
    }
    found.dedup();
    found
}

fn unusable() -> Fault {
    Code::ProjectInvalid.fault(FaultKind::Usage, "cannot deploy the project")
}

/// Keeps the findings of one reader for the report on all; any other fault ends the run at once.
fn usable<T: Default>(read: Result<T>, findings: &mut Vec<Finding>) -> Result<T> {
    match read {
        Ok(read) => Ok(read),
        Err(fault) if fault.kind == FaultKind::Usage && !fault.findings.is_empty() => {
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
    let (of, project) = (run.clone(), Arc::clone(project));
    let done = tokio::task::spawn_blocking(move || work(&of, &project));
    let broke = || "internal error while reading the project's files".to_owned();
    done.await.or_fault(Code::InternalError, FaultKind::Internal, broke)?
}

/// The checks that need a Secret's key which no manifest reads.
fn needed_by_checks(project: &Project, secret: &ObjectName, key: &DataKey) -> Vec<String> {
    let asks = |check: &&Check| matches!(&check.probe, Probe::TcpOf { secret: s, key: k } if s == secret && k == key);
    let describe = |check: &Check| format!("check {} needs it ({})", check.name, check.place);
    project.checks.iter().filter(asks).map(describe).collect()
}

#[cfg(test)]
mod tests;
