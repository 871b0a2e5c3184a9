//! The programs that a run starts: minikube, docker for minikube's sake, and those that render manifests.

use crate::event::Code;
use crate::event::Finding;
use crate::exec;
use crate::exec::Call;
use crate::manifest::chart;
use crate::preflight::install::Tool;
use crate::preflight::install::install;
use crate::preflight::wsl;
use crate::project::Project;
use crate::project::SourceKind;
use crate::run::Run;
use crate::version::Version;
use crate::world::Os;
use crate::world::World;
use serde::Deserialize;

/// The oldest minikube that is known to work.
const OLDEST: Version = Version(1, 32, 0);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Printed {
    minikube_version: String,
}

fn update(os: Os) -> &'static str {
    match os {
        Os::Linux => "update it: https://minikube.sigs.k8s.io/docs/start",
        Os::MacOs => "update it: `brew upgrade minikube`",
        Os::Windows => "update it: `winget upgrade Kubernetes.minikube`",
    }
}

/// Whether minikube is here and new enough; its version as a note if `verbose`.
pub(super) async fn minikube(run: &Run, verbose: bool) -> Option<Finding> {
    let os = run.world.os;
    if let Some(mismatch) = wsl::mismatch(&run.world, &wsl::kernel(&run.world)) {
        return Some(mismatch);
    }
    let Some(program) = exec::find(&run.world, "minikube") else {
        return Some(
            Code::ProgramNotFound
                .error("minikube is not on the PATH")
                .help(wsl::install_minikube(&run.world)),
        );
    };
    let call = Call::new(&program).args(["version", "-o", "json"]).env("LC_ALL", "C").read_only();
    let text = match call.output(run).await {
        Ok(output) => output.stdout,
        Err(error) => {
            let message = format!("`{}` cannot be run: {error}", program.display());
            return Some(Code::ProgramNotRunnable.error(message).help(install(&run.world, Tool::Minikube)));
        }
    };
    let printed = text.lines().find_map(|line| serde_json::from_str::<Printed>(line).ok());
    let name = printed.map_or_else(|| text.trim().to_owned(), |printed| printed.minikube_version);
    let Version(major, minor, _) = OLDEST;
    match Version::parse(&name) {
        Some(version) if version >= OLDEST => verbose.then(|| {
            let message = format!("minikube {name} at `{}`", program.display());
            Code::ProgramFound.note(message)
        }),
        Some(_) => Some(
            Code::ProgramTooOld
                .error(format!("minikube {name} is too old: {major}.{minor} is the oldest supported version"))
                .help(update(os)),
        ),
        // A custom build may have any version text.
        None => Some(
            Code::ProgramVersionUnknown
                .warning(format!("`{}` prints no version that can be parsed", program.display()))
                .help(update(os)),
        ),
    }
}

/// minikube's docker driver calls the `docker` program.
pub(super) fn docker(world: &World) -> Option<Finding> {
    let found = exec::find(world, "docker");
    found.is_none().then(|| {
        Code::ProgramNotFound
            .error("`docker` is not on the PATH, and minikube needs it")
            .help(install(world, Tool::Docker))
    })
}

/// The programs that the project's manifests are rendered by.
pub(super) fn renderers(world: &World, project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &project.sources {
        let (any, tool) = match source.kind {
            SourceKind::Path(_) => continue,
            SourceKind::Kustomize(_) => (&["kustomize", "kubectl", "minikube"][..], Tool::Kubectl),
            SourceKind::Chart(_) => (&["helm"][..], Tool::Helm),
        };
        if any.iter().all(|name| exec::find(world, name).is_none()) {
            let message =
                format!("`{}` is not on the PATH, and is needed to render this", any.join("` or `"));
            let help = install(world, tool);
            findings.push(Code::ProgramNotFound.error(message).at(source.place.clone()).help(help));
        }
    }
    findings
}

/// Whether Helm, where the project has a chart, is new enough; its version as a note if `verbose`.
pub(super) async fn helm(run: &Run, project: &Project, verbose: bool) -> Option<Finding> {
    let source = project.sources.iter().find(|source| matches!(source.kind, SourceKind::Chart(_)))?;
    let program = exec::find(&run.world, "helm")?;
    let update = "update it: https://helm.sh/docs/intro/install";
    let at = |finding: Finding| finding.at(source.place.clone()).help(update);
    match chart::version(run, &program).await {
        Ok(Some(version)) if version < chart::OLDEST => {
            let message =
                format!("Helm {version} is too old: {} is the oldest supported version", chart::OLDEST);
            Some(at(Code::ProgramTooOld.error(message)))
        }
        Ok(Some(version)) => verbose.then(|| {
            let message = format!("Helm {version} at `{}`", program.display());
            Code::ProgramFound.note(message)
        }),
        Ok(None) => Some(at(Code::ProgramVersionUnknown
            .warning(format!("`{}` prints no version that can be parsed", program.display())))),
        Err(error) if error.stopped => None,
        Err(error) => Some(at(
            Code::ProgramNotRunnable.error(format!("`{}` cannot be run: {error}", program.display()))
        )),
    }
}
