//! One round of the loop: files copied into the running containers where that is enough, else the pipeline of `up`.
//!
//! The connections to the API server and to the engines are kept from one round to the next. Copying uses them
//! without checking the machine and minikube; if it fails, the pipeline repeats the work and checks both.

use crate::cli;
use crate::cluster::Target;
use crate::cluster::lock;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;
use crate::event::Step;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::alive::while_up;
use crate::flow::check;
use crate::flow::connected::Connected;
use crate::flow::load::Planned;
use crate::flow::load::gathered;
use crate::flow::reach::ClusterHandle;
use crate::flow::redaction;
use crate::flow::sync::Lacking;
use crate::flow::sync::Syncing;
use crate::flow::sync::Tried;
use crate::flow::sync::Unsynced;
use crate::flow::up;
use crate::flow::watch::keys::Controls;
use crate::image::surveyed::Surveyed;
use crate::image::sync::rules;
use crate::manifest::Object;
use crate::project::Project;
use crate::run::Run;
use crate::watch::Changes;
use crate::watch::Watching;
use std::sync::Arc;

/// The result of a round that did not fail.
pub(super) enum Round {
    /// The project is up.
    Up(Answer),
    /// The changed files were copied into the running containers.
    Synced,
    /// A file changed before anything was written.
    Superseded,
}

/// The state kept from one round to the next.
pub(super) struct Rounds<'a> {
    controls: &'a Controls,
    syncing: Syncing,
    /// The cluster, if the last round has ended well.
    connected: Option<(ClusterHandle, Target)>,
    /// The warnings of the last round about the project's files.
    warnings: Vec<Finding>,
    /// Whether pods may not be watched.
    is_unwatched: bool,
}

/// How a round notices that files change while it works.
pub(super) struct Noticing<'a> {
    pub(super) watching: &'a mut Watching,
    /// The changes for the next round.
    pub(super) later: &'a mut Changes,
    /// Whether a change may end the round before it has written anything.
    pub(super) may_end: bool,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(controls: &'a Controls) -> Rounds<'a> {
        Rounds {
            controls,
            syncing: Syncing::default(),
            connected: None,
            warnings: Vec::new(),
            is_unwatched: false,
        }
    }

    /// Discards the state of the deployment: the next round runs the pipeline.
    pub(super) fn forget(&mut self) {
        self.syncing.forget();
        self.connected = None;
    }

    /// Returns when a container runs without the files that were copied into the others, or that cannot be known.
    pub(super) async fn lacking(&self) -> Lacking {
        match &self.connected {
            Some((_, target)) if !self.is_unwatched => self.syncing.lacking(target).await,
            _ => std::future::pending().await,
        }
    }

    /// Reports once that pods cannot be watched.
    pub(super) fn unwatched(&mut self, run: &Run, why: String) {
        self.is_unwatched = true;
        let what = "pods cannot be watched: a container that restarts gets the copied files only with the next change";
        let help = "allow `watch` on `pods` to the user of the kubeconfig";
        run.sink.warn(Code::PodsNotWatched.warning(what).evidence([why]).help(help));
    }

    /// The images whose containers have newer files.
    pub(super) fn newer(&self) -> impl Iterator<Item = Finding> {
        self.syncing.newer().map(|name| {
            Code::FilesNewer
                .note("its containers run with files that are newer than it")
                .about(format!("image {name}"))
                .help("`todo up` replaces their pods by ones of the real image; `todo watch --build-on-exit` does so at its end")
        })
    }

    /// Copies files again into containers that were restarted; whether that was possible.
    pub(super) async fn again(&mut self, run: &Run, project: &Arc<Project>) -> Result<bool> {
        self.copy(run, project, None).await
    }

    /// The pipeline, or less where that is enough.
    pub(super) async fn round(
        &mut self,
        run: &Run,
        project: &Arc<Project>,
        flags: &cli::Up,
        mut noticing: Noticing<'_>,
    ) -> Result<Round> {
        // The values of an env file may be new.
        redaction::project(run, project);
        let Some((planned, mut warnings)) = noticing.unless_changed(gathered(run, project)).await? else {
            return Ok(Round::Superseded);
        };
        warnings.extend(planned.images.iter().flat_map(unused));
        for warning in warnings.iter().filter(|warning| !self.warnings.contains(warning)) {
            run.sink.warn(warning.clone());
        }
        self.warnings = warnings;
        if self.copy(run, project, Some(&planned)).await? {
            if let Some((cluster, target)) = &self.connected {
                let checks = check::changed(run, project, cluster, &planned.plan.objects);
                while_up(run, project, target, Box::pin(checks)).await?;
            }
            return Ok(Round::Synced);
        }
        let possible = async {
            let step = run.sink.step(Step::Preflight);
            up::possible(run, project, &planned.plan, step).await
        };
        if noticing.unless_changed(Box::pin(possible)).await?.is_none() {
            return Ok(Round::Superseded);
        }
        // A cluster that starts or is repaired is not disturbed.
        let (cluster, started) = up::cluster(run, project, &planned.plan.objects).await?;
        let to = Connected::to(run, project, cluster).await?;
        let ids = planned.plan.objects.iter().map(Object::id).collect();
        self.controls.logs.deployed(&to.target, ids);
        let (syncing, controls) = (&mut self.syncing, self.controls);
        let deploy = async {
            let (objects, surveyed) = (planned.plan.clone(), planned.images.clone());
            let work = Box::pin(up::build::build(&to, planned, flags, started));
            let Some(built) = noticing.unless_changed(work).await? else {
                return Ok(Round::Superseded);
            };
            let images = built.images.clone();
            let healthy = lock::scope(run, &to.target, async {
                let written = Box::pin(up::write::write(&to, built, flags)).await?;
                Box::pin(up::wait::wait(&to, written, flags)).await
            });
            let answer = up::verify::verify(&to, healthy.await?, flags).await?;
            *controls.url.borrow_mut() = answer.url().map(str::to_owned);
            let checks = check::changed(run, project, &to.cluster, &objects.objects).await;
            syncing.deployed(objects, surveyed, &images);
            checks.map(|()| Round::Up(answer))
        };
        let round = while_up(run, project, &to.target, Box::pin(deploy)).await?;
        self.connected = Some((to.cluster, to.target));
        Ok(round)
    }

    /// Copies the changed files, or without `planned` those of earlier rounds; returns whether nothing else had
    /// changed.
    async fn copy(&mut self, run: &Run, project: &Arc<Project>, planned: Option<&Planned>) -> Result<bool> {
        let Some((cluster, target)) = self.connected.take() else { return Ok(false) };
        let to = Connected { run, project, cluster, target };
        let copying = async {
            match planned {
                Some(planned) => self.syncing.round(&to, planned).await,
                None => self.syncing.again(&to).await,
            }
        };
        match while_up(run, project, &to.target, Box::pin(copying)).await {
            Ok(Tried::Done) => {
                self.connected = Some((to.cluster, to.target));
                return Ok(true);
            }
            Ok(Tried::Build(None)) => {}
            Ok(Tried::Build(Some(Unsynced { image, why, output }))) => {
                run.sink.warn(not_copied(&why).about(format!("image {image}")).evidence(output));
            }
            Err(fault) if matches!(fault.kind, FaultKind::Interrupted | FaultKind::Locked) => {
                return Err(fault);
            }
            // Whatever it was, the pipeline meets it again if it lasts.
            Err(fault) => run.sink.warn(not_copied(&fault.causes().join(": "))),
        }
        Ok(false)
    }
}

impl Noticing<'_> {
    /// Does `work`, unless a file changes and the work may be aborted; a file with its former content has not
    /// changed.
    async fn unless_changed<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<Option<T>> {
        let mut work = std::pin::pin!(work);
        loop {
            if self.may_end && !self.later.is_empty() {
                return Ok(None);
            }
            tokio::select! {
                biased;
                done = &mut work => return done.map(Some),
                changes = self.watching.changed() => self.later.merge(changes),
            }
        }
    }
}

/// Rules that are about no file.
fn unused(image: &Surveyed) -> impl Iterator<Item = Finding> {
    rules::unused(image).into_iter().map(move |from| {
        let why = format!("no file of its context matches `from = \"{from}\"` of a `sync` rule");
        Code::SyncRuleUnused
            .warning(why)
            .about(format!("image {}", image.image.name))
            .help("patterns are relative to the context")
    })
}

/// Images are built, although files of a context changed and nothing else.
fn not_copied(why: &str) -> Finding {
    let finding = Code::FilesNotSynced.warning(format!("built instead of copying files, because {why}"));
    Finding { severity: Severity::Note, ..finding }
}

#[cfg(test)]
mod tests {
    use super::Noticing;
    use crate::watch::Changes;
    use crate::watch::Root;
    use crate::watch::Watching;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn work_is_given_up_for_a_change_unless_it_may_not_be() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        let mut watching = Watching::start().unwrap();
        watching.snapshot(vec![Root::file(&file)]).await;

        let mut later = Changes::default();
        let mut noticing = Noticing { watching: &mut watching, later: &mut later, may_end: true };
        let done = noticing.unless_changed(async { Ok(1) }).await.unwrap();
        assert_eq!((done, noticing.later.is_empty()), (Some(1), true));

        std::fs::write(&file, "1").unwrap();
        let forever = std::future::pending::<crate::fault::Result<u8>>();
        assert_eq!(noticing.unless_changed(forever).await.unwrap(), None);
        assert!(!noticing.later.is_empty(), "the next round is told of it");

        noticing.may_end = false;
        let (end, ended) = oneshot::channel();
        let work = async { Ok(ended.await.unwrap()) };
        let mut work = std::pin::pin!(noticing.unless_changed(work));
        assert!(futures::poll!(&mut work).is_pending(), "a change is known already");
        end.send(2).unwrap();
        assert_eq!(work.await.unwrap(), Some(2));
    }
}
