//! The fixes of `todo doctor --fix`: only those that can be undone and need no elevated rights.
//!
//! Programs are not installed, files of others are not changed, and nothing is deleted that holds data: for those the
//! findings name the command.

use crate::cluster::Target;
use crate::cluster::lock;
use crate::cluster::lock::LockHolder;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::ask;
use crate::flow::reach;
use crate::minikube;
use crate::minikube::MinikubeState;
use crate::minikube::Pause;
use crate::project::Project;
use crate::run::Run;

/// Something that can be put right.
pub(super) enum Fix {
    /// The profile exists and does not run.
    Start { paused: bool },
    /// kubectl has no current context.
    Context(String),
    /// The run that holds the project's lock has ended without giving it back.
    Lock(Box<Target>, LockHolder),
}

/// All that can be put right now.
pub(super) async fn fixes(run: &Run, project: &Project) -> Vec<Fix> {
    let mut fixes = Vec::new();
    if project.elsewhere.is_none() {
        match minikube::inspect(run, &project.minikube).await {
            Ok(MinikubeState::Running(node)) => {
                fixes.extend(minikube::has_no_context(&run.world).then_some(Fix::Context(node.context)));
            }
            Ok(state) => fixes.extend(start(&state)),
            Err(_) => {}
        }
    }
    // The lock of an unreachable cluster cannot be read.
    if let Ok(target) = reach::running(run, project).await
        && let Ok(Some(owner)) = lock::abandoned(&target).await
    {
        fixes.push(Fix::Lock(Box::new(target), owner));
    }
    fixes
}

/// A broken profile is repaired by `up`, which knows what it needs.
fn start(state: &MinikubeState) -> Option<Fix> {
    match state {
        MinikubeState::Stopped => Some(Fix::Start { paused: false }),
        MinikubeState::Paused(Pause::Container | Pause::Kubernetes) => Some(Fix::Start { paused: true }),
        MinikubeState::Absent | MinikubeState::Running(_) | MinikubeState::Broken(_) => None,
    }
}

impl Fix {
    /// The problem, and its fix.
    pub(super) fn finding(&self, project: &Project) -> Finding {
        let profile = &project.minikube.profile;
        let (message, help) = match self {
            Fix::Start { paused: false } => (
                format!("the profile `{profile}` is stopped"),
                format!("start it: `minikube start -p {profile}`"),
            ),
            Fix::Start { paused: true } => (
                format!("the profile `{profile}` is paused"),
                format!("let it run: `minikube unpause -p {profile}`"),
            ),
            Fix::Context(context) => (
                "kubectl has no current context".to_owned(),
                format!("set it: `kubectl config use-context {context}`"),
            ),
            Fix::Lock(_, owner) => (
                format!("the project is locked by a run that has ended: {owner}"),
                "release the lock: `todo unlock`".to_owned(),
            ),
        };
        Code::FixAvailable.note(message).help(help)
    }

    /// The change that `apply` has made.
    fn done(&self, project: &Project) -> String {
        let profile = &project.minikube.profile;
        match self {
            Fix::Start { paused: false } => format!("started the profile `{profile}`"),
            Fix::Start { paused: true } => format!("unpaused the profile `{profile}`"),
            Fix::Context(context) => format!("set kubectl's current context to `{context}`"),
            Fix::Lock(_, owner) => format!("released the lock of {owner}"),
        }
    }

    /// Does it; returns whether there was still something to do.
    async fn apply(self, run: &Run, project: &Project) -> Result<bool> {
        match self {
            Fix::Start { .. } => {
                let step = run.sink.step(Step::Minikube);
                minikube::ensure(run, &project.minikube).await?;
                step.finish(Outcome::Done, None);
                Ok(true)
            }
            Fix::Context(context) => minikube::set_context(&run.world, &context),
            Fix::Lock(target, _) => lock::release_abandoned(&target).await,
        }
    }
}

/// Shows each fix, applies those that the user agrees to, and returns the changes, and the findings that remain.
pub(super) async fn fix(run: &Run, project: &Project, yes: bool) -> Result<(Vec<String>, Vec<Finding>)> {
    let (mut done, mut left) = (Vec::new(), Vec::new());
    for fix in fixes(run, project).await {
        let finding = fix.finding(project);
        if !yes && !run.world.can_ask() {
            left.push(finding);
            continue;
        }
        if yes {
            run.sink.warn(finding);
        } else if !ask::agree(run, &question(&finding)).await? {
            left.push(finding);
            continue;
        }
        let what = fix.done(project);
        match fix.apply(run, project).await {
            Ok(true) => done.push(what),
            Ok(false) => {}
            Err(fault) => left.push(
                fault
                    .code
                    .warning(format!("not fixed: {}", fault.causes().join(": ")))
                    .help(fault.hints.join("; ")),
            ),
        }
    }
    Ok((done, left))
}

/// The problem is part of the question: a warning is printed by another thread, and could appear after the prompt.
fn question(finding: &Finding) -> String {
    format!("{}\n{}?", finding.message, finding.help.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::Fix;
    use super::question;
    use super::start;
    use crate::event::Code;
    use crate::minikube::Break;
    use crate::minikube::MinikubeState;
    use crate::minikube::Pause;

    #[test]
    fn only_a_profile_that_rests_is_started() {
        let rests = |state| matches!(start(&state), Some(Fix::Start { .. }));
        assert!(
            rests(MinikubeState::Stopped)
                && rests(MinikubeState::Paused(Pause::Container))
                && rests(MinikubeState::Paused(Pause::Kubernetes))
        );
        assert!(!rests(MinikubeState::Absent), "a cluster is made by `up`");
        assert!(
            !rests(MinikubeState::Broken(Break::DiskFull))
                && !rests(MinikubeState::Broken(Break::Foreign("kim".to_owned())))
        );
    }

    #[test]
    fn a_question_says_what_is_wrong_and_what_would_be_done() {
        let finding = Code::FixAvailable.note("kubectl has no current context").help("set it: `kubectl`");
        assert_eq!(question(&finding), "kubectl has no current context\nset it: `kubectl`?");
    }
}
