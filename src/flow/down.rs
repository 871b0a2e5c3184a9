//! `todo down`: takes away what `up` made, and keeps the data unless told otherwise.

use crate::cli;
use crate::cluster::helm;
use crate::cluster::helm::Where;
use crate::cluster::hook;
use crate::cluster::release;
use crate::cluster::release::Record;
use crate::cluster::remove;
use crate::cluster::remove::RemoveOptions;
use crate::cluster::remove::Removed;
use crate::cluster::rollout::Limits;
use crate::cluster::target::Target;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::hooks;
use crate::flow::hosts;
use crate::flow::reach;
use crate::flow::reach::Now;
use crate::flow::reach::Site;
use crate::image;
use crate::manifest::hook::Moment;
use crate::minikube;
use crate::project::Project;
use crate::run::Run;

/// Takes the project away; a cluster that does not run has nothing to take away, and is not started for it.
pub async fn down(run: &Run, project: &Project, flags: &cli::Down) -> Result<Answer> {
    if let Some(other) = project.elsewhere.as_ref().filter(|_| flags.stop || flags.delete) {
        let message = format!("the target `{}` is no minikube that could be stopped or deleted", other.name);
        return Err(Fault::message(Kind::Usage, message)
            .hint("leave `--stop` and `--delete` away; `--purge` deletes the project's volumes, too"));
    }
    if let Now::There(site) = reach::look(run, project).await? {
        // With the cluster goes everything in it.
        if !flags.delete {
            take_away(run, project, &site, flags).await?;
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

async fn take_away(run: &Run, project: &Project, site: &Site, flags: &cli::Down) -> Result<()> {
    let step = run.sink.step(Step::Remove);
    let target = site.target(run, project).await?;
    let mut record = release::read(run, &target).await?;
    let purge = flags.purge;
    let charts = !record.releases.is_empty();
    if charts {
        begin(run, &target, site, &mut record, flags).await?;
    }
    let options = RemoveOptions { purge };
    let mut removed = Removed::default();
    if charts {
        removed = remove::remove_but_grounds(run, &target, &options).await?;
        end(run, &target, record, flags).await?;
    }
    removed.removed.extend(remove::remove(run, &target, &options).await?.removed);
    if flags.purge {
        image::remove_all(run, &project.name, &site.destination).await?;
    }
    let outcome = if removed.removed.is_empty() { Outcome::Unchanged } else { Outcome::Done };
    step.finish(outcome, None);
    Ok(())
}

/// What charts do before their objects go; and what Helm has installed, Helm takes away.
async fn begin(
    run: &Run,
    target: &Target,
    site: &Site,
    record: &mut Record,
    flags: &cli::Down,
) -> Result<()> {
    if !flags.no_hooks {
        hooks::remember(run, target, record, &[Moment::PreDelete, Moment::PostDelete]).await?;
        hooks::recorded(run, target, record, Moment::PreDelete, &Limits::default()).await?;
    }
    for deployed in record.releases.values().filter(|deployed| deployed.helm.is_some()) {
        let at =
            Where { kubeconfig: &site.kubeconfig, context: &site.context, namespace: &deployed.namespace };
        helm::uninstall(run, at, &deployed.name).await?;
    }
    Ok(())
}

/// What charts do when their objects are gone; then goes what their hooks have left, and what was written down.
async fn end(run: &Run, target: &Target, mut record: Record, flags: &cli::Down) -> Result<()> {
    if !flags.no_hooks {
        hooks::recorded(run, target, &record, Moment::PostDelete, &Limits::default()).await?;
    }
    for deployed in record.releases.values() {
        hook::sweep(run, target, &deployed.left, flags.purge).await?;
    }
    record.releases.clear();
    release::write(run, target, &record).await
}
