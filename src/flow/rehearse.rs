//! `todo rehearse`: the real `up`, on a simulated machine in this process.
//!
//! What it cannot know is stated, and not guessed: whether a `RUN` succeeds, whether the application starts and
//! answers. It ends with the requirements of a real `up` that are missing here.

use crate::cli;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;
use crate::event::Sink;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::file;
use crate::flow::Answer;
use crate::flow::missing::missing;
use crate::flow::up;
use crate::manifest;
use crate::preflight;
use crate::project::Project;
use crate::project::Runtime;
use crate::rehearsal::Host;
use crate::rehearsal::scenario;
use crate::run::Run;
use simulator::host::Settings;
use simulator::scenario::Scenario;
use std::path::Path;
use std::sync::Arc;

/// Rehearses `up`. The runtime must have one thread, and its time be paused.
pub async fn rehearse(run: &Run, project: &Arc<Project>, flags: &cli::Rehearse) -> Result<Answer> {
    let scenario = flags.scenario.as_deref().map(|file| scenario(run, file)).transpose()?.unwrap_or_default();
    let (rehearsed, notes) = rehearsable(project);
    for note in notes {
        run.sink.warn(note);
    }
    let project = Arc::new(rehearsed);
    let settings = Settings {
        profile: project.minikube.profile.to_string(),
        seed: flags.seed,
        speed: flags.speed,
        scenario,
        start: run.world.clock.now(),
    };
    let host = Host::open(&run.world, settings)
        .await
        .or_fault(Code::RehearsalFailed, FaultKind::Internal, || "cannot set the rehearsal up".to_owned())
        .map_err(|fault| {
            fault.hint("check that this user can write to the temporary directory (`TMPDIR`)")
        })?;
    host.pretend(&project);
    let stage = Run { world: Arc::new(host.world()), ..run.clone() };
    let desired = up_of(flags);
    let second = || {
        let (stage, project, desired) = (Run { sink: Sink::new().0, ..stage.clone() }, &project, &desired);
        async move {
            let _ = Box::pin(up::up(&stage, project, desired)).await;
        }
    };
    let meanwhile = async {
        host.meanwhile(second).await;
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = Box::pin(up::up(&stage, &project, &desired)) => ended.map_err(begins_anew),
        () = host.injector().killed() => Err(killed()),
        () = meanwhile => Err(killed()),
    };
    drop(host);
    // From here on it is about the real world, and its time.
    simulator::runtime::real_time();
    ended?;
    run.sink.warn(unknown(&project));
    let besides = besides(run, &project).await;
    for finding in lacking(run, &project, besides).await {
        run.sink.warn(finding);
    }
    Ok(Answer::Nothing)
}

fn scenario(run: &Run, file: &Path) -> Result<Scenario> {
    let text = file::read_text(&run.world.absolute(file), file::TEXT)
        .or_fault(Code::FileUnreadable, FaultKind::Usage, || format!("cannot read `{}`", file.display()))
        .map_err(|fault| fault.hint("docs/rehearsal.md says what a scenario is"))?;
    scenario::parse(file, &text).map_err(|mistakes| {
        Code::ScenarioInvalid
            .fault(FaultKind::Usage, format!("`{}` is not a valid scenario", file.display()))
            .findings(mistakes)
    })
}

/// The flags of `up` that apply to an empty cluster that is discarded afterwards.
fn up_of(flags: &cli::Rehearse) -> cli::Up {
    cli::Up {
        apply: cli::Apply::default(),
        rollback: flags.rollback,
        wait: flags.wait.clone(),
        hosts: false,
        helm: cli::Helm::default(),
    }
}

/// The project without the parts that cannot be rehearsed, and findings about those.
fn rehearsable(project: &Project) -> (Project, Vec<Finding>) {
    let mut rehearsed = project.clone();
    let mut left_out: Vec<String> = Vec::new();
    if let Some(target) = rehearsed.elsewhere.take() {
        left_out.push(format!("the target `{}`: it is rehearsed on minikube", target.name));
    }
    let minikube = &mut rehearsed.minikube;
    if minikube.runtime != Runtime::Docker {
        minikube.runtime = Runtime::Docker;
        left_out.push("`runtime = \"containerd\"`: it is rehearsed with Docker".to_owned());
    }
    if minikube.nodes > 1 {
        left_out.push(format!("{} nodes: it is rehearsed with one", minikube.nodes));
        minikube.nodes = 1;
    }
    if minikube.driver.as_deref().is_some_and(|driver| driver != "docker") {
        left_out.push("`driver`: it is rehearsed with docker's".to_owned());
    }
    minikube.driver = None;
    if !rehearsed.checks.is_empty() {
        left_out.push(format!(
            "{} of the project's checks: what they connect to is not simulated",
            rehearsed.checks.len()
        ));
        rehearsed.checks.clear();
    }
    let notes = left_out.into_iter().map(|what| note(format!("not simulated: {what}"))).collect();
    (rehearsed, notes)
}

fn note(message: String) -> Finding {
    Code::RehearsalNote.note(message)
}

/// After an interruption a real run can be continued; a rehearsal keeps nothing.
pub(crate) fn begins_anew(fault: Fault) -> Fault {
    if !matches!(fault.kind, FaultKind::Interrupted | FaultKind::Terminated) {
        return fault;
    }
    Fault { hints: Vec::new(), ..fault }
        .hint("a rehearsal keeps nothing: `todo rehearse` starts from scratch")
}

fn killed() -> Fault {
    Code::Interrupted
        .fault(FaultKind::Interrupted, "the scenario killed the run")
        .hint("a real `todo up` would continue from here")
}

fn unknown(project: &Project) -> Finding {
    let images = if project.images.is_empty() {
        "whether the images can be pulled"
    } else {
        "whether the images build, and how large they are"
    };
    note(format!(
        "a rehearsal cannot know {images}, nor whether the application starts and answers: the answers were simulated"
    ))
}

/// What the project needs and `up` does not provide. Warnings that were already emitted are not emitted again.
async fn besides(run: &Run, project: &Arc<Project>) -> Vec<Finding> {
    let quiet = Run { sink: Sink::new().0, ..run.clone() };
    match manifest::load(&quiet, &project.root, &project.namespace, &project.sources).await {
        Ok(written) => missing(&quiet, project, &written.objects).await,
        Err(_) => Vec::new(),
    }
}

/// The errors with which a real `up` would end at once, as notes, after what it does not provide.
async fn lacking(run: &Run, project: &Project, besides: Vec<Finding>) -> Vec<Finding> {
    let findings = match preflight::preflight(run, project, None).await {
        Ok(checked) => checked.findings,
        Err(fault) => fault.findings,
    };
    let (errors, others): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    if errors.is_empty() && besides.is_empty() {
        return others
            .into_iter()
            .chain([note("nothing is missing here for a real `todo up`".to_owned())])
            .collect();
    }
    let lacks = |finding: Finding| {
        let message = format!("a real `todo up` would end at once: {}", finding.message);
        Finding { severity: Severity::Warning, message, ..finding }
    };
    let count = errors.len();
    let ends = (count > 0).then(|| {
        let prerequisites = if count == 1 { "prerequisite" } else { "prerequisites" };
        let message = format!("a real `todo up` would fail here, because of {count} missing {prerequisites}");
        Code::RehearsalPrerequisites.warning(message).help("see the warnings above")
    });
    besides.into_iter().chain(errors.into_iter().map(lacks)).chain(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::begins_anew;
    use crate::event::Code;
    use crate::fault::FaultKind;

    #[test]
    fn a_rehearsal_that_is_stopped_does_not_promise_that_up_goes_on_from_it() {
        let stopped = Code::Interrupted
            .fault(FaultKind::Interrupted, "interrupted")
            .hint("`todo up` goes on from there");
        assert_eq!(
            begins_anew(stopped).hints,
            ["a rehearsal keeps nothing: `todo rehearse` starts from scratch"]
        );
        let failed = Code::ImageBuildFailed
            .fault(FaultKind::Image, "no rule to make target")
            .hint("fix the Dockerfile");
        assert_eq!(begins_anew(failed).hints, ["fix the Dockerfile"]);
    }
}
