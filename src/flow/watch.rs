//! `todo watch`: brings the project up, then again after each change of one of its files.
//!
//! A round is the pipeline of `up`. Its inputs are watched from before they are read, so a change during a round is
//! never lost: until something is written, the round is aborted and another begins; after that it is the next round.
//! Rounds follow one another, and a failed round does not end the loop. A round whose changes can be copied into the
//! running containers ends with that.

mod inputs;
mod keys;
mod logs;
mod restarts;
mod round;

use crate::cli;
use crate::event::Code;
use crate::event::EventKind;
use crate::event::Finding;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::down;
use crate::flow::load;
use crate::flow::redaction;
use crate::flow::sync::Lacking;
use crate::flow::up;
use crate::project::Project;
use crate::project::check::CheckedProject;
use crate::relative::relative;
use crate::run::Run;
use crate::signal::Cancel;
use crate::watch::Changes;
use crate::watch::Snapshot;
use crate::watch::Watching;
use inputs::inputs;
use keys::Controls;
use restarts::Restarts;
use round::Noticing;
use round::Round;
use round::Rounds;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use tokio::time::Instant;

/// Watches until the user stops it, which is not a failure. `read` reads deploy.toml again.
pub async fn watch(
    run: &Run,
    project: Arc<Project>,
    flags: &cli::Watch,
    read: &dyn Fn() -> Result<CheckedProject>,
) -> Result<Answer> {
    // The loop has a run of its own, which ends with this one; the steps after the loop are still done.
    let _shield = run.cancel.shield();
    let watching = Watching::start().or_fault(Code::InternalError, FaultKind::Internal, || {
        "cannot start the thread that watches files".to_owned()
    })?;
    let up = cli::Up {
        apply: flags.apply,
        rollback: false,
        wait: flags.wait.clone(),
        hosts: false,
        helm: flags.helm,
    };
    let controls = Controls::new(run, flags.logs);
    let own = controls.run();
    let mut watch = Watch {
        run: &own,
        controls: &controls,
        project,
        up,
        watching,
        files: 0,
        restarts: Restarts::default(),
        rounds: Rounds::new(&controls),
    };
    let rounds = Box::pin(watch.rounds(read));
    let Err(stopped) = tokio::select! {
        ended = own.or_stopped(rounds) => ended,
        never = controls.obey(&run.cancel) => match never {},
    };
    if stopped.kind != FaultKind::Interrupted {
        return Err(stopped);
    }
    if flags.down {
        // The second Ctrl-C ends the process.
        let run = Run { cancel: Cancel::new().1, ..run.clone() };
        return down::down(&run, &watch.project, &cli::Down::default()).await;
    }
    if flags.build_on_exit {
        let run = Run { cancel: Cancel::new().1, ..run.clone() };
        return Box::pin(up::up(&run, &watch.project, &watch.up)).await;
    }
    for finding in watch.rounds.newer() {
        run.sink.warn(finding);
    }
    Ok(Answer::Nothing)
}

struct Watch<'a> {
    run: &'a Run,
    controls: &'a Controls,
    /// The last deploy.toml that could be read.
    project: Arc<Project>,
    up: cli::Up,
    watching: Watching,
    files: usize,
    restarts: Restarts,
    rounds: Rounds<'a>,
}

/// What ends the wait between two rounds, or interrupts it.
enum Woken {
    Changed(Changes),
    /// The user requested a round.
    Asked,
    /// A container runs without the files that were copied.
    Lacking(Lacking),
}

impl Watch<'_> {
    /// Rounds until the user stops the run.
    async fn rounds(&mut self, read: &dyn Fn() -> Result<CheckedProject>) -> Result<Infallible> {
        let mut changes = Changes::default();
        // deploy.toml was read before anything was watched.
        let mut is_first = true;
        loop {
            let began = Instant::now();
            changes.merge(self.snapshot().await);
            self.run.sink.emit(EventKind::RoundStarted { changed: self.names(&changes) });
            let is_stale = is_first || changed(&changes, &self.project.file);
            is_first = false;
            let loaded = if is_stale { self.reload(read, &mut changes).await } else { Ok(()) };
            let mut later = Changes::default();
            let ended = match loaded {
                Ok(()) => Box::pin(self.round(&mut later)).await,
                Err(fault) if changes.paths().count() <= 1 || self.is_of_others(&fault) => Err(fault),
                Err(fault) => {
                    // Other changes are deployed with the last readable deploy.toml.
                    self.failed(began, &fault);
                    Box::pin(self.round(&mut later)).await
                }
            };
            if let Some(stopped) = self.run.stopped() {
                return Err(stopped);
            }
            self.controls.logs.follow();
            match ended {
                Ok(Round::Superseded) => {
                    self.run.sink.emit(EventKind::RoundSuperseded { took_ms: millis(began) });
                    self.restarts.add(Instant::now());
                    if !self.restarts.are_allowed(Instant::now()) {
                        self.run.sink.warn(restart_loop(&self.names(&later)));
                    }
                    changes.merge(later);
                    continue;
                }
                Ok(Round::Up(answer)) => {
                    let (files, url) = (self.files, answer.url().map(str::to_owned));
                    self.run.sink.emit(EventKind::RoundFinished { took_ms: millis(began), files, url });
                }
                Ok(Round::Synced) => {
                    let files = self.files;
                    self.run.sink.emit(EventKind::RoundFinished { took_ms: millis(began), files, url: None });
                }
                Err(fault) => self.failed(began, &fault),
            }
            changes = later;
            if changes.is_empty() {
                changes = self.idle().await?;
            }
        }
    }

    /// Waits for the cause of a round, and meanwhile copies files again into containers that were restarted. Returns
    /// the changes; none, if that did not succeed or the user requested a round. An error, if the user stops the run
    /// before.
    async fn idle(&mut self) -> Result<Changes> {
        loop {
            let Watch { watching, controls, rounds, .. } = self;
            let woken = tokio::select! {
                biased;
                changes = watching.changed() => Woken::Changed(changes),
                () = controls.again.notified() => Woken::Asked,
                lacking = rounds.lacking() => Woken::Lacking(lacking),
            };
            match woken {
                Woken::Changed(changes) => return Ok(changes),
                Woken::Asked => {
                    // A round of the pipeline, which replaces pods with copied files, too.
                    self.rounds.forget();
                    return Ok(Changes::default());
                }
                Woken::Lacking(Lacking::Container) => {}
                Woken::Lacking(Lacking::Unwatched(why)) => {
                    self.rounds.unwatched(self.run, why);
                    continue;
                }
            }
            if !self.rounds.again(self.run, &self.project).await? {
                return Ok(Changes::default());
            }
        }
    }

    /// Watches the current inputs of the project. Returns the changes up to then.
    async fn snapshot(&mut self) -> Changes {
        let (Snapshot { files, findings }, changes) = self.watching.snapshot(inputs(&self.project)).await;
        self.files = files;
        for finding in findings {
            self.run.sink.warn(finding);
        }
        changes
    }

    /// Reads deploy.toml, and watches the files that it names. If it has mistakes, the last one stays, and the fault
    /// has those of all other files, too.
    async fn reload(
        &mut self,
        read: &dyn Fn() -> Result<CheckedProject>,
        changes: &mut Changes,
    ) -> Result<()> {
        let stays = |fault: Fault| {
            fault.hint("what is deployed is not changed; save deploy.toml again when it is corrected")
        };
        loop {
            let checked = read().map_err(stays)?;
            if !checked.mistakes.is_empty() {
                redaction::project(self.run, &checked.project);
                return Err(stays(load::invalid(self.run, checked).await));
            }
            self.project = Arc::new(checked.project);
            self.rounds.forget();
            let more = self.snapshot().await;
            let is_stale = changed(&more, &self.project.file);
            changes.merge(more);
            if !is_stale {
                return Ok(());
            }
        }
    }

    /// Whether the fault is about files other than deploy.toml: then a round with the last deploy.toml would report
    /// them again.
    fn is_of_others(&self, fault: &Fault) -> bool {
        let mut places = fault.findings.iter().filter_map(|finding| finding.place.as_ref());
        places.any(|place| place.file.file_name() != self.project.file.file_name())
    }

    async fn round(&mut self, later: &mut Changes) -> Result<Round> {
        let Watch { run, project, up, watching, restarts, rounds, .. } = self;
        let may_end = restarts.are_allowed(Instant::now());
        rounds.round(run, project, up, Noticing { watching, later, may_end }).await
    }

    fn failed(&self, began: Instant, fault: &Fault) {
        self.run.sink.emit(EventKind::RoundFailed {
            took_ms: millis(began),
            files: self.files,
            kind: fault.kind,
            reason: fault.code,
            causes: fault.causes(),
            findings: fault.findings.clone(),
            hints: fault.hints.clone(),
        });
    }

    /// The changed paths as shown to the user.
    fn names(&self, changes: &Changes) -> Vec<String> {
        let root = self.project.root.canonicalize().unwrap_or_else(|_| self.project.root.clone());
        changes.paths().map(|path| relative(&root, path).display().to_string()).collect()
    }
}

/// Files change so often that no round would ever be finished.
fn restart_loop(names: &[String]) -> Finding {
    let first = names.first().map_or("a file", String::as_str);
    Code::FileChanging
        .warning(format!(
            "`{first}` keeps changing: the next run is finished with the files as they are then"
        ))
        .help("stop what writes to it, or add it to .dockerignore if no image needs it")
}

/// Whether the file at `path` is among the changes.
fn changed(changes: &Changes, path: &Path) -> bool {
    let name = path.file_name();
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    changes.paths().any(|path| path.file_name() == name && path.parent() == folder.as_deref())
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
