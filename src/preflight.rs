//! Every prerequisite, before anything is changed: all that are missing, each with its place and the command that
//! fixes it.
//!
//! Not a gate for its own sake: prerequisites that a run does not need are not checked. A profile that runs needs no
//! minikube, and one that exists has its memory already. [`doctor`] checks everything.

mod capacity;
mod engine;
mod files;
mod install;
mod program;
mod rights;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod wsl;

use crate::docker::reach;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::project;
use crate::project::OtherCluster;
use crate::project::Project;
use crate::project::name::Profile;
use crate::run::Run;
use crate::world::World;
use engine::RecordedDriver;

/// The findings that do not end the run.
#[derive(Debug, Clone, Default)]
pub struct PreflightFindings {
    /// Warnings and notes.
    pub findings: Vec<Finding>,
}

/// Checks the prerequisites of deploying `project` on this machine, to minikube or to `other` cluster.
///
/// # Errors
/// All that are missing or wrong as the findings of one fault: [`FaultKind::Usage`] if only files of the project are,
/// [`FaultKind::Prerequisite`] otherwise.
pub async fn preflight(
    run: &Run,
    project: &Project,
    other: Option<&OtherCluster>,
) -> Result<PreflightFindings> {
    let of_project = files::check(&run.world, project);
    let mut of_machine = program::renderers(&run.world, project);
    of_machine.extend(program::helm(run, project, false).await);
    if other.is_none() {
        of_machine.extend(machine(run, &project.minikube, false).await);
    } else if !project.images.is_empty() {
        of_machine.extend(builder(run).await);
    }
    let wrong = |findings: &[Finding]| findings.iter().any(|finding| finding.severity == Severity::Error);
    let kind = match (wrong(&of_machine), wrong(&of_project)) {
        (true, _) => FaultKind::Prerequisite,
        (false, true) => FaultKind::Usage,
        (false, false) => return Ok(PreflightFindings { findings: [of_project, of_machine].concat() }),
    };
    let findings = [of_project, of_machine].concat();
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let message = match errors {
        1 => "a prerequisite is missing".to_owned(),
        _ => format!("{errors} prerequisites are missing"),
    };
    Err(Code::PrerequisiteMissing.fault(kind, message).findings(findings))
}

/// The findings about this machine for `todo`, and for `project` if there is one.
pub async fn doctor(run: &Run, project: Option<&Project>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let asked = project.map_or_else(unspecific, |project| project.minikube.clone());
    if let Some(project) = project {
        findings.extend(files::check(&run.world, project));
        findings.extend(program::renderers(&run.world, project));
        findings.extend(program::helm(run, project, true).await);
    }
    findings.extend(machine(run, &asked, true).await);
    findings.extend(rights::proxies(&run.world));
    findings
}

/// The prerequisite of deploying to another cluster: an engine to build in.
async fn builder(run: &Run) -> Vec<Finding> {
    match reach::reach(&run.world).await {
        Ok((address, _)) => engine::unencrypted(&address).into_iter().collect(),
        Err(error) => vec![Code::DockerUnreachable.error(error.to_string()).help(error.help())],
    }
}

/// The prerequisites of the profile on this machine; with `everything`, also those that a running one no longer
/// needs, and the facts.
async fn machine(run: &Run, asked: &project::Minikube, everything: bool) -> Vec<Finding> {
    let world = &run.world;
    let known = RecordedDriver::load(world, &asked.profile);
    let reached = reach::reach(world).await;
    let docker = driver_is_docker(world, asked, &known, reached.is_ok());
    let mut findings: Vec<Finding> =
        reached.iter().filter_map(|(address, _)| engine::unencrypted(address)).collect();
    let running = match &reached {
        Ok((_, engine)) => docker && engine::runs(engine, &asked.profile).await,
        Err(error) => {
            findings.extend(engine::missing(world, asked, &known, error));
            false
        }
    };
    if running && !everything {
        return findings;
    }
    findings.extend(program::minikube(run, everything).await);
    if docker {
        findings.extend(program::docker(world));
        findings.extend(rights::root(world));
    }
    findings.extend(rights::folders(world));
    if let Ok((address, engine)) = &reached {
        let facts = engine::EngineFacts::query(engine, address).await;
        if docker && (everything || !known.exists()) {
            findings.extend(capacity::check(asked, &facts, rights::forced(world)));
        }
        if docker && !running {
            findings.extend(capacity::disk(&facts, world, !known.exists()));
        }
        findings.extend(capacity::watches(&facts, docker && !running));
        if everything {
            findings.push(facts.finding(address));
        }
    }
    findings
}

/// Whether the profile's nodes are or will be containers of the Docker engine, if that can be determined.
fn driver_is_docker(world: &World, asked: &project::Minikube, known: &RecordedDriver, answers: bool) -> bool {
    match known.driver().or(asked.driver.as_deref()).or_else(|| world.var("MINIKUBE_DRIVER")) {
        Some(driver) => driver == "docker",
        None => answers,
    }
}

/// A profile as minikube would create it by default.
fn unspecific() -> project::Minikube {
    #[expect(clippy::unwrap_used, reason = "the name is a constant that parses")]
    let profile = Profile::parse("minikube").unwrap();
    project::Minikube {
        profile,
        cpus: None,
        memory_mib: None,
        disk_mib: None,
        driver: None,
        kubernetes: None,
        runtime: project::Runtime::Docker,
        nodes: 1,
        addons: Vec::new(),
        publish: Vec::new(),
    }
}
