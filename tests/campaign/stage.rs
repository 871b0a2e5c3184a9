//! A machine of the rehearsal with a project on it, and the runs that are made there.
//!
//! Not what is to come of them. A run that is killed leaves tasks behind that still believe in it: they are given a second
//! to find that nobody listens.

use super::normal;
use super::project::Made;
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
use todo::event::Sink;
use todo::fault::Fault;
use todo::flow;
use todo::flow::Answer;
use todo::project::Project;
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

/// A machine, and what is done on it.
pub(crate) struct Stage<'a> {
    pub(crate) host: Host,
    project: &'a Arc<Project>,
    /// Longer than this no run may take, in the machine's own time.
    pub(crate) limit: Duration,
    /// Everything that was told.
    told: String,
    theirs: BTreeMap<String, String>,
    pub(crate) report: Report,
}

impl<'a> Stage<'a> {
    pub(crate) async fn new(project: &'a Arc<Project>, made: &Made, seed: u64, limit: Duration) -> Stage<'a> {
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
        Stage { host, project, limit, told: String::new(), theirs, report: Report::default() }
    }

    /// Runs a command, and kills it at an effect if one is given.
    pub(crate) async fn run(&mut self, line: &str, die_after: Option<u64>) -> Ended {
        self.host.gate().rise();
        self.host.gate().die_after(die_after);
        let (run, _asker, mut events) = run(&self.host);
        let before = tokio::time::Instant::now();
        let command = command(line);
        let second = || {
            let (aside, _asker, _) = self::run(&self.host);
            let (project, command) = (self.project, &command);
            async move {
                let _ = doing(&aside, project, command).await;
            }
        };
        let meanwhile = async {
            self.host.meanwhile(second).await;
            std::future::pending::<()>().await;
        };
        let mut ended = tokio::select! {
            biased;
            () = self.host.gate().killed() => Ended::Killed,
            done = tokio::time::timeout(self.limit, doing(&run, self.project, &command)) => match done {
                Ok(Ok(answer)) => Ended::Well(answer),
                Ok(Err(fault)) => Ended::Badly(fault),
                Err(_) => Ended::Hung,
            },
            () = meanwhile => Ended::Hung,
        };
        if let Ended::Badly(fault) = &mut ended {
            let _ = writeln!(self.told, "{}", json!([fault.causes(), fault.findings, fault.hints]));
        }
        drop(run);
        while let Ok(Event { kind, .. }) = events.try_recv() {
            let _ = writeln!(self.told, "{}", serde_json::to_string(&kind).unwrap());
        }
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
        let lines: Vec<&str> = self.told.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// What there is, once what is ending has ended.
    pub(crate) async fn left(&self) -> BTreeMap<String, Value> {
        tokio::time::sleep(Duration::from_secs(60)).await;
        normal::all(self.host.left())
    }

    /// Whether other people's objects are as they were, and no secret was told.
    pub(crate) fn is_decent(&self) -> Result<(), String> {
        let now = versions(&self.host);
        if self.theirs != now {
            return Err(format!("other people's objects were changed: {:?} {now:?}", self.theirs));
        }
        match self.told.lines().find(|line| line.contains(SECRET)) {
            Some(line) => Err(format!("a secret was told: {line}")),
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
    (Run { sink, cancel, world: Arc::new(host.world()), verbose: true }, asker, events)
}

async fn doing(run: &Run, project: &Arc<Project>, command: &cli::Command) -> Result<Answer, Fault> {
    match command {
        cli::Command::Up(flags) => Box::pin(flow::up::up(run, project, flags)).await,
        cli::Command::Down(flags) => Box::pin(flow::down::down(run, project, flags)).await,
        _ => panic!("the campaign runs `up` and `down`"),
    }
}

/// What is other people's, in the project's namespace, too.
fn foreign(made: &Made) -> Vec<(&'static str, Value)> {
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

/// The versions of what is other people's.
fn versions(host: &Host) -> BTreeMap<String, String> {
    let all = host.cluster().api().all();
    all.into_iter().filter(|(name, _)| name.ends_with("/theirs")).collect()
}
