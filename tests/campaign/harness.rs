//! A machine of the rehearsal with a project on it, and the runs that are made there.
//!
//! Not what is to come of them. A run that is killed leaves tasks behind that still believe in it: they are given a second
//! to find that their connections are closed.

use super::normal;
use super::project::RandomProject;
use super::project::SECRET;
use super::report::Report;
use clap::Parser;
use serde_json::Value;
use serde_json::json;
use simulator::host::Settings;
use simulator::scenario::Scenario;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use todo::cli;
use todo::event::Event;
use todo::event::EventKind;
use todo::event::Sink;
use todo::fault::Fault;
use todo::fault::FaultKind;
use todo::flow;
use todo::flow::Answer;
use todo::project::Project;
use todo::project::check;
use todo::rehearsal::Host;
use todo::run::Run;
use todo::signal::Cancel;
use todo::signal::CancelHandle;
use todo::world::World;
use tokio::sync::mpsc;

/// How a run ended.
pub(crate) enum Ended {
    /// With what it answers.
    Well(Answer),
    Badly(Fault),
    Killed,
    Hung,
}

/// The events of a run.
pub(crate) struct Heard {
    events: mpsc::UnboundedReceiver<Event>,
    log: String,
}

impl Heard {
    /// The next event; none if the run is over.
    pub(crate) async fn next(&mut self) -> Option<EventKind> {
        let event = self.events.recv().await?;
        self.add(&event);
        Some(event.kind)
    }

    fn rest(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.add(&event);
        }
    }

    fn add(&mut self, event: &Event) {
        let _ = writeln!(self.log, "{}", serde_json::to_string(&event.kind).unwrap());
    }
}

/// A machine, and its runs.
pub(crate) struct Harness<'a> {
    pub(crate) host: Host,
    project: &'a Arc<Project>,
    /// Longer than this no run may take, in the machine's own time.
    pub(crate) limit: Duration,
    /// All events.
    log: String,
    theirs: BTreeMap<String, String>,
    pub(crate) report: Report,
}

impl<'a> Harness<'a> {
    pub(crate) async fn new(
        project: &'a Arc<Project>,
        made: &RandomProject,
        seed: u64,
        limit: Duration,
    ) -> Harness<'a> {
        let outside =
            World::fake("/", [("PATH", "/nowhere"), ("TOKEN", SECRET), ("USER", "me"), ("HOSTNAME", "here")]);
        let settings = Settings {
            profile: "minikube".to_owned(),
            seed,
            speed: None,
            scenario: Scenario::default(),
            start: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        let host = Host::open(&outside, settings).await.unwrap();
        host.pretend(project);
        for (collection, object) in foreign(made) {
            host.cluster().api().put(collection, object);
        }
        let theirs = versions(&host);
        Harness { host, project, limit, log: String::new(), theirs, report: Report::default() }
    }

    /// Runs a command, and kills it at an effect if one is given.
    pub(crate) async fn run(&mut self, line: &str, die_after: Option<u64>) -> Ended {
        let (run, _asker, heard) = self.begin(die_after);
        let (command, before) = (command(line), tokio::time::Instant::now());
        let work = tokio::time::timeout(self.limit, doing(&run, self.project, &command));
        let ended = self.until(async { work.await.ok() }, &command).await;
        drop(run);
        self.end(ended, heard, before).await
    }

    /// Runs `todo watch` until `user` has done what it does, and returns whether the loop has followed.
    pub(crate) async fn watch(
        &mut self,
        die_after: Option<u64>,
        user: impl AsyncFnOnce(&mut Heard) -> bool,
    ) -> Ended {
        let (run, asker, mut heard) = self.begin(die_after);
        let before = tokio::time::Instant::now();
        let cli::Command::Watch(flags) = command("watch") else { panic!("`watch` is a command") };
        let again = || check::load_checked(&self.project.file);
        let work = async {
            let mut watch = Box::pin(flow::watch::watch(&run, Arc::clone(self.project), &flags, &again));
            tokio::select! {
                biased;
                answer = &mut watch => return Some(answer),
                followed = user(&mut heard) => if !followed {
                    return None;
                }
            }
            asker.cancel(FaultKind::Interrupted);
            Some(watch.await)
        };
        let ended = self.until(work, &command("up")).await;
        drop(run);
        self.end(ended, heard, before).await
    }

    fn begin(&self, die_after: Option<u64>) -> (Run, CancelHandle, Heard) {
        self.host.injector().rise();
        self.host.injector().die_after(die_after);
        let (run, asker, events) = run(&self.host);
        (run, asker, Heard { events, log: String::new() })
    }

    /// Until the work ends, which has no answer if it hangs, or is killed; `second` is what a second run does meanwhile.
    async fn until(
        &self,
        work: impl Future<Output = Option<Result<Answer, Fault>>>,
        second: &cli::Command,
    ) -> Ended {
        let second = || {
            let (aside, _asker, _) = self::run(&self.host);
            let project = self.project;
            async move {
                let _ = doing(&aside, project, second).await;
            }
        };
        let meanwhile = async {
            self.host.meanwhile(second).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = self.host.injector().killed() => Ended::Killed,
            done = work => match done {
                Some(Ok(answer)) => Ended::Well(answer),
                Some(Err(fault)) => Ended::Badly(fault),
                None => Ended::Hung,
            },
            () = meanwhile => Ended::Hung,
        }
    }

    async fn end(&mut self, ended: Ended, mut heard: Heard, before: tokio::time::Instant) -> Ended {
        if let Ended::Badly(fault) = &ended {
            let _ = writeln!(self.log, "{}", json!([fault.causes(), fault.findings, fault.hints]));
        }
        heard.rest();
        self.log.push_str(&heard.log);
        self.report.runs += 1;
        self.report.longest = self.report.longest.max(before.elapsed());
        if matches!(ended, Ended::Killed) {
            self.report.kills += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        ended
    }

    /// A run to which nothing happens, and which has to end well.
    pub(crate) async fn well(&mut self, line: &str) -> Result<(), String> {
        self.host.disturb(Scenario::default());
        match self.run(line, None).await {
            // The node's address can be reached, so nothing has to outlive the run.
            Ended::Well(Answer::Url(open)) if open.url.starts_with("http://127.0.0.1:") => Err(format!(
                "an undisturbed `{line}` ends with a forward: {}\n{}",
                open.url,
                self.end_of_story()
            )),
            Ended::Well(_) => Ok(()),
            Ended::Badly(fault) => Err(format!(
                "an undisturbed `{line}` fails: {}\n{:#?}",
                fault.causes().join(": "),
                fault.findings
            )),
            Ended::Killed => Err(format!("an undisturbed `{line}` is killed")),
            Ended::Hung => Err(format!("an undisturbed `{line}` hangs\n{}", self.end_of_story())),
        }
    }

    pub(crate) fn end_of_story(&self) -> String {
        let lines: Vec<&str> = self.log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// The state, once terminating objects are deleted.
    pub(crate) async fn left(&self) -> BTreeMap<String, Value> {
        tokio::time::sleep(Duration::from_secs(60)).await;
        normal::all(self.host.left())
    }

    /// Whether foreign objects are unchanged, and no secret was printed.
    pub(crate) fn is_decent(&self) -> Result<(), String> {
        let now = versions(&self.host);
        if self.theirs != now {
            return Err(format!("other people's objects were changed: {:?} {now:?}", self.theirs));
        }
        match self.log.lines().find(|line| line.contains(SECRET)) {
            Some(line) => Err(format!("a secret was log: {line}")),
            None => Ok(()),
        }
    }
}

/// The command, as `todo` itself reads it.
fn command(line: &str) -> cli::Command {
    cli::Cli::try_parse_from(std::iter::once("todo").chain(line.split(' '))).unwrap().command
}

fn run(host: &Host) -> (Run, CancelHandle, mpsc::UnboundedReceiver<Event>) {
    let (sink, events) = Sink::new();
    let (asker, cancel) = Cancel::new();
    (Run { verbose: true, ..Run::new(sink, cancel, host.world()) }, asker, events)
}

async fn doing(run: &Run, project: &Arc<Project>, command: &cli::Command) -> Result<Answer, Fault> {
    match command {
        cli::Command::Up(flags) => Box::pin(flow::up::up(run, project, flags)).await,
        cli::Command::Down(flags) => Box::pin(flow::down::down(run, project, flags)).await,
        _ => panic!("the campaign runs `up` and `down`"),
    }
}

/// What is other people's, in the project's namespace, too.
fn foreign(made: &RandomProject) -> Vec<(&'static str, Value)> {
    let mut foreign = vec![
        (
            "api/v1/namespaces",
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "theirs"}}),
        ),
        (
            "api/v1/configmaps",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "theirs"}, "data": {"a": "b"}}),
        ),
    ];
    if made.namespace == "default" {
        foreign.push((
            "api/v1/configmaps",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "default"}, "data": {"a": "b"}}),
        ));
    }
    foreign
}

/// The versions of foreign objects.
fn versions(host: &Host) -> BTreeMap<String, String> {
    let all = host.cluster().api().all();
    all.into_iter().filter(|(name, _)| name.ends_with("/theirs")).collect()
}
