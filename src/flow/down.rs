//! `todo down`: takes away what `up` made, and keeps the data unless told otherwise.

use crate::cli;
use crate::cluster::remove;
use crate::cluster::remove::RemoveOptions;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::hosts;
use crate::flow::reach;
use crate::image;
use crate::minikube;
use crate::minikube::Node;
use crate::minikube::State;
use crate::project::Project;
use crate::run::Run;

/// Takes the project away; a cluster that does not run has nothing to take away, and is not started for it.
pub async fn down(run: &Run, project: &Project, flags: &cli::Down) -> Result<Answer> {
    if let State::Running(node) = minikube::look(run, &project.minikube).await? {
        // With the cluster goes everything in it.
        if !flags.delete {
            take_away(run, project, &node, flags).await?;
        }
    }
    hosts::gone(run, project, flags.hosts);
    if flags.stop || flags.delete {
        let step = run.sink.step(Step::Minikube);
        let profile = &project.minikube.profile;
        let ended = if flags.stop {
            minikube::stop(run, profile).await
        } else {
            minikube::delete(run, profile).await
        };
        step.finish(ended?, Some(format!("profile {profile}")));
    }
    Ok(Answer::Nothing)
}

async fn take_away(run: &Run, project: &Project, node: &Node, flags: &cli::Down) -> Result<()> {
    let step = run.sink.step(Step::Remove);
    let target = reach::target(run, project, node).await?;
    let removed = remove::remove(run, &target, &RemoveOptions { purge: flags.purge }).await?;
    if flags.purge {
        image::remove_all(run, &project.name, &reach::destination(node)).await?;
    }
    let outcome = if removed.removed.is_empty() { Outcome::Unchanged } else { Outcome::Done };
    step.finish(outcome, None);
    Ok(())
}
