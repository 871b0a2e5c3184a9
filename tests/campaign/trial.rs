//! One trial: a project, an undisturbed `up`, and another on a machine of its own on which things go wrong; then an `up` to
//! which nothing happens has to end as the first one did.

use super::chance::Chance;
use super::faults;
use super::normal;
use super::project;
use super::project::Made;
use super::project::SECRET;
use clap::Parser;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use todo::cli;
use todo::event::Event;
use todo::event::Sink;
use todo::fault::Fault;
use todo::flow;
use todo::project::Project;
use todo::project::check::load;
use todo::rehearsal::host::Host;
use todo::rehearsal::host::Settings;
use todo::rehearsal::scenario::Scenario;
use todo::run::Run;
use todo::signal::Asker;
use todo::signal::Cancel;
use todo::world::World;
use tokio::sync::mpsc;

/// Longer than anything may take, in the machine's own time: a lock is waited for for 15 minutes, nothing that moves no
/// more for five, and an engine that never answers is not waited for for an hour.
const LIMIT: Duration = Duration::from_secs(90 * 60);

/// The longest that a kubelet waits before it starts a container again, and some more.
const BACK_OFF: Duration = Duration::from_secs(6 * 60);

/// What a trial came to.
#[derive(Debug, Default, Clone)]
pub(crate) struct Report {
    pub(crate) runs: u64,
    pub(crate) faults: u64,
    pub(crate) kills: u64,
    /// How long the longest disturbed run took, in the machine's own time.
    pub(crate) longest: Duration,
}

/// What is done to the second machine.
#[derive(Debug, Clone)]
pub(crate) enum Harm {
    /// By chance.
    Any,
    /// `up` is killed at this effect.
    KillUp(u64),
    /// After an `up`, `down` is killed at this effect.
    KillDown(u64),
}

/// How a run ended.
enum Ended {
    Well,
    Badly(Fault),
    Killed,
    Hung,
}

/// The command, as `todo` itself reads it.
fn command(line: &str) -> cli::Command {
    cli::Cli::try_parse_from(std::iter::once("todo").chain(line.split(' '))).unwrap().command
}

/// A machine, and what is done on it.
struct Stage<'a> {
    host: Host,
    project: &'a Arc<Project>,
    /// Everything that was told.
    told: String,
    report: Report,
}

impl<'a> Stage<'a> {
    async fn new(project: &'a Arc<Project>, made: &Made, scenario: Scenario, seed: u64) -> Stage<'a> {
        let outside =
            World::fake("/", [("PATH", "/nowhere"), ("TOKEN", SECRET), ("USER", "me"), ("HOSTNAME", "here")]);
        let settings = Settings {
            profile: "minikube".to_owned(),
            seed,
            speed: None,
            scenario,
            start: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        let host = Host::open(&outside, settings).await.unwrap();
        host.pretend(project);
        for (collection, object) in foreign(made) {
            host.cluster().api().put(collection, object);
        }
        Stage { host, project, told: String::new(), report: Report::default() }
    }

    async fn run(&mut self, line: &str, die_after: Option<u64>) -> Ended {
        self.host.gate().rise();
        self.host.gate().die_after(die_after);
        let (run, _asker, mut events) = run(&self.host);
        let before = tokio::time::Instant::now();
        let command = command(line);
        let second = || {
            let (run, _asker, _) = run_aside(&self.host);
            let (project, command) = (self.project, &command);
            async move {
                let _ = doing(&run, project, command).await;
            }
        };
        let meanwhile = async {
            self.host.meanwhile(second).await;
            std::future::pending::<()>().await;
        };
        let mut ended = tokio::select! {
            biased;
            () = self.host.gate().killed() => Ended::Killed,
            done = tokio::time::timeout(LIMIT, doing(&run, self.project, &command)) => match done {
                Ok(Ok(())) => Ended::Well,
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
            // What is left of it finds that nobody listens to it.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        ended
    }

    /// Lets all of this go wrong from now on.
    fn disturb(&mut self, scenario: Scenario) {
        self.host.disturb(scenario);
    }

    /// A run to which nothing happens, and which has to end well.
    async fn well(&mut self, line: &str) -> Result<(), String> {
        self.host.disturb(Scenario::default());
        match self.run(line, None).await {
            Ended::Well => Ok(()),
            Ended::Badly(fault) => Err(format!(
                "an undisturbed `{line}` fails: {}\n{:#?}",
                fault.causes().join(": "),
                fault.findings
            )),
            Ended::Killed => Err(format!("an undisturbed `{line}` is killed")),
            Ended::Hung => Err(format!("an undisturbed `{line}` hangs\n{}", self.end_of_story())),
        }
    }

    fn end_of_story(&self) -> String {
        let lines: Vec<&str> = self.told.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// What there is, once what is ending has ended.
    async fn left(&self) -> BTreeMap<String, Value> {
        tokio::time::sleep(Duration::from_secs(60)).await;
        normal::all(self.host.left())
    }
}

fn run(host: &Host) -> (Run, Asker, mpsc::UnboundedReceiver<Event>) {
    let (sink, events) = Sink::new();
    let (asker, cancel) = Cancel::new();
    (Run { sink, cancel, world: Arc::new(host.world()), verbose: true }, asker, events)
}

fn run_aside(host: &Host) -> (Run, Asker, mpsc::UnboundedReceiver<Event>) {
    run(host)
}

async fn doing(run: &Run, project: &Arc<Project>, command: &cli::Command) -> Result<(), Fault> {
    match command {
        cli::Command::Up(flags) => Box::pin(flow::up::up(run, project, flags)).await.map(drop),
        cli::Command::Down(flags) => Box::pin(flow::down::down(run, project, flags)).await.map(drop),
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

fn differences(first: &BTreeMap<String, Value>, second: &BTreeMap<String, Value>) -> Vec<String> {
    let names = first.keys().chain(second.keys()).collect::<std::collections::BTreeSet<_>>();
    let mut found = Vec::new();
    for name in names {
        match (first.get(name), second.get(name)) {
            (Some(one), Some(other)) if one == other => {}
            (one, other) => found.push(format!(
                "{name}:\n    undisturbed: {}\n    disturbed:   {}",
                told(one, other),
                told(other, one)
            )),
        }
    }
    found
}

/// A value, or of one that is long the part in which it differs from the other.
fn told(one: Option<&Value>, other: Option<&Value>) -> String {
    let Some(one) = one else { return "nothing".to_owned() };
    let (one, other) = (one.to_string(), other.map(Value::to_string).unwrap_or_default());
    let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let begin = same.saturating_sub(80);
    String::from_utf8_lossy(&one.as_bytes()[begin..one.len().min(begin + 240)]).into_owned()
}

/// Runs the trial of `seed`.
///
/// # Errors
/// What is wrong, with the scenario.
pub(crate) async fn trial(folder: &Path, seed: u64, harm: Harm) -> Result<Report, String> {
    let mut chance = Chance::new(seed);
    let made = project::make(folder, &mut chance);
    let project =
        Arc::new(load(&folder.join("deploy.toml")).map_err(|fault| format!("{:?}", fault.findings))?);

    // Half of them: what is disturbed changes what is there already.
    let edited = chance.one_in(2);
    let mut calm = Stage::new(&project, &made, Scenario::default(), seed).await;
    if edited {
        calm.well("up").await?;
        project::edit(folder);
    }
    let before = calm.host.gate().effects();
    let _ = calm.host.gate().calls();
    calm.well("up").await?;
    let effects = calm.host.gate().effects() - before;
    let wanted = calm.left().await;
    calm.well("up").await?;
    let idle: Vec<String> = calm.host.gate().calls().split_off(usize::try_from(effects).unwrap());
    let touched: Vec<&String> = idle.iter().filter(|call| !call.contains(" leases ")).collect();
    if !touched.is_empty() {
        return Err(format!("a second `up` with nothing changed changes something: {touched:?}"));
    }

    let text = if matches!(harm, Harm::Any) { faults::scenario(&mut chance, effects) } else { String::new() };
    let explain = |why: String| format!("{why}\nharm: {harm:?}, the scenario:\n{text}");
    let scenario = Scenario::read(&text).map_err(|mistakes| format!("{mistakes:?}\n{text}"))?;
    let mut rough = Stage::new(&project, &made, Scenario::default(), seed).await;
    if edited {
        project::make(folder, &mut Chance::new(seed));
        rough.well("up").await?;
        project::edit(folder);
    }
    rough.disturb(scenario);
    let theirs = versions(&rough.host);
    let mut taken_down = matches!(harm, Harm::KillDown(_));
    match &harm {
        Harm::KillUp(at) => {
            rough.run("up", Some(*at)).await;
        }
        Harm::KillDown(at) => {
            rough.well("up").await.map_err(&explain)?;
            rough.run("down", Some(*at)).await;
        }
        Harm::Any => {
            for _ in 0..=chance.below(3) {
                let die = chance.one_in(2).then(|| 1 + chance.below(effects));
                let line = *chance.of(&["up", "up", "up", "down"]);
                taken_down |= line == "down";
                if let Ended::Hung = rough.run(line, die).await {
                    return Err(explain(format!("a disturbed `{line}` hangs\n{}", rough.end_of_story())));
                }
            }
        }
    }
    let volumes = rough.host.cluster().volumes();
    // A container that has crashed is judged by that until its next start: what waits for one is waited for.
    rough.host.disturb(Scenario::default());
    tokio::time::sleep(BACK_OFF).await;
    rough.well("up").await.map_err(&explain)?;
    let (mut wanted, mut left) = (wanted, rough.left().await);
    if edited && taken_down {
        // What was deployed before is not gone back to when it was taken away in between.
        let revision = |name: &String| name.contains("/todo.shop.v");
        wanted.retain(|name, _| !revision(name));
        left.retain(|name, _| !revision(name));
    }
    if text.contains("image-vanish") {
        // Images of before are not built again.
        wanted.retain(|name, _| !name.starts_with("image "));
        left.retain(|name, _| !name.starts_with("image "));
    }
    let differ = differences(&wanted, &left);
    if !differ.is_empty() {
        return Err(explain(format!("it does not end in the same state:\n{}", differ.join("\n"))));
    }
    let after = rough.host.cluster().volumes();
    if volumes.iter().any(|(claim, volume)| after.get(claim) != Some(volume)) {
        return Err(explain(format!("volumes were lost: {volumes:?} {after:?}")));
    }
    if theirs != versions(&rough.host) {
        return Err(explain(format!(
            "other people's objects were changed: {theirs:?} {:?}",
            versions(&rough.host)
        )));
    }
    for told in [&calm.told, &rough.told] {
        if told.contains(SECRET) {
            let line = told.lines().find(|line| line.contains(SECRET)).unwrap_or_default();
            return Err(explain(format!("a secret was told: {line}")));
        }
    }
    let faults = rough.host.gate().faults();
    let (calm, rough) = (calm.report, rough.report);
    Ok(Report { runs: calm.runs + rough.runs, faults, kills: rough.kills, longest: rough.longest })
}
