//! Trials in order: each call of an undisturbed run with each way in which it can go wrong, each effect with a kill and
//! with each thing that can happen meanwhile, each container with each trouble.
//!
//! Not at random: the trials follow from the record of the undisturbed run, so a new call is tried from its first day.

use super::harness::Ended;
use super::harness::Harness;
use super::normal;
use super::report::Report;
use super::undisturbed;
use super::undisturbed::Baseline;
use super::undisturbed::Disturbance;
use regex::Regex;
use simulator::scenario::Party;
use simulator::scenario::Pattern;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::Duration;
use todo::fault::FaultKind;
use todo::rehearsal::scenario;

/// The longest that a kubelet waits before it starts a container again, and some more.
pub(crate) const BACK_OFF: Duration = Duration::from_secs(6 * 60);

/// How a call goes wrong: a name, and the syntax of a scenario.
const WAYS: [(&str, &str); 9] = [
    ("fail", "\"fail\""),
    ("busy", "\"fail\"\ncode = 503"),
    ("hang", "\"hang\""),
    ("slow", "\"slow\"\nseconds = 40"),
    ("cut", "\"cut\""),
    ("half", "\"cut\"\nbytes = 40"),
    ("garbage", "\"garbage\""),
    ("close", "\"close\""),
    ("gone", "\"gone\""),
];

/// What can happen at any effect.
const EVENTS: [(&str, &str); 7] = [
    ("engine-restart", "\"engine-restart\""),
    ("node-stop", "\"node-stop\""),
    ("image-vanish", "\"image-vanish\""),
    ("clock-forward", "\"clock-jump\"\nby = 7200"),
    ("clock-back", "\"clock-jump\"\nby = -7200"),
    ("second-run", "\"second-run\""),
    ("delete", "\"delete\"\nobject = \"/apis/apps/v1/namespaces/NAMESPACE/deployments/front\""),
];

/// How much longer than in peace a run may take whose node stops.
const NAMED: Duration = Duration::from_secs(15);

/// Not pods that are never ready: without a liveness probe such a pod is not restarted, and `up` is not meant to.
const TROUBLES: [&str; 3] = ["crash", "evict", "out-of-memory"];

/// What differs from one machine to the next in the name of a call: digests, and the letters of pods.
static LETTERS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[0-9a-f]{12,}|(-[bcdfghjklmnpqrstvwxz2456789]{8,10})?-[bcdfghjklmnpqrstvwxz2456789]{5}\b")
        .unwrap()
});

/// The disturbance of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Blow {
    /// It is killed at this effect.
    Kill(u64),
    /// A call of this name goes wrong, after so many that go well.
    Call { way: &'static str, after: u64, of: Party, call: String },
    /// Something happens at this effect.
    Event { what: &'static str, effect: u64 },
    /// Containers of these pods have this trouble so many times.
    Pod { trouble: &'static str, times: u64, pods: String },
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blow::Kill(effect) => write!(f, "kill/{effect}"),
            Blow::Call { way, after, of, call } => write!(f, "{way}/{after}/{of} {call}"),
            Blow::Event { what, effect } => write!(f, "{what}/{effect}"),
            Blow::Pod { trouble, times, pods } => write!(f, "{trouble}/{times}/{pods}"),
        }
    }
}

impl Blow {
    /// The blow of that name.
    fn named(name: &str) -> Blow {
        let mut parts = name.splitn(3, '/');
        let mut part = || parts.next().unwrap_or_default();
        let (what, number, whom) = (part(), part().parse().unwrap(), part());
        if what == "kill" {
            return Blow::Kill(number);
        }
        if let Some((what, _)) = EVENTS.iter().find(|(name, _)| *name == what) {
            return Blow::Event { what, effect: number };
        }
        if let Some(trouble) = TROUBLES.iter().find(|name| **name == what) {
            return Blow::Pod { trouble, times: number, pods: whom.to_owned() };
        }
        let (way, _) =
            WAYS.iter().find(|(name, _)| *name == what).unwrap_or_else(|| panic!("no way is `{what}`"));
        let (of, call) = whom.split_once(' ').unwrap();
        let of =
            [Party::Engine, Party::Minikube, Party::Api].into_iter().find(|party| party.to_string() == of);
        Blow::Call { way, after: number, of: of.unwrap(), call: call.to_owned() }
    }

    /// The same in the words of a scenario, for a project in `namespace`.
    pub(crate) fn scenario(&self, namespace: &str) -> String {
        let words = |of: &[(&str, &'static str)], what: &str| {
            of.iter().find(|(name, _)| *name == what).map(|(_, words)| *words).unwrap_or_default()
        };
        match self {
            Blow::Kill(_) => String::new(),
            Blow::Call { way, after, of, call } => {
                let mut text = format!(
                    "[[fault]]\nof = \"{of}\"\ncall = \"{}\"\ndoes = {}\nafter = {after}\n",
                    call.replace('\\', "\\\\").replace('"', "\\\""),
                    words(&WAYS, way)
                );
                if *way == "hang" && may_last(*of, call) {
                    text.push_str("[[event]]\nseconds = 900\ndoes = \"kill\"\n");
                }
                text
            }
            Blow::Event { what, effect } => {
                let does = words(&EVENTS, what).replace("NAMESPACE", namespace);
                format!("[[event]]\neffect = {effect}\ndoes = {does}\n")
            }
            Blow::Pod { trouble, times, pods } => {
                format!("[[pod]]\nname = \"{pods}\"\ndoes = \"{trouble}\"\ntimes = {times}\n")
            }
        }
    }
}

/// A step of a build, and minikube, may take as long as they like: the user can kill the run.
fn may_last(of: Party, call: &str) -> bool {
    of == Party::Minikube || call.starts_with("STEP ")
}

/// Whether a call can go wrong in this way, and in none that has come before.
fn is_apt(way: &str, of: Party, call: &str) -> bool {
    match way {
        "busy" => of != Party::Minikube && !call.starts_with("STEP "),
        "half" | "close" | "cut" | "garbage" if call.starts_with("STEP ") => {
            of == Party::Minikube && way == "cut"
        }
        // minikube has no connection, and its output arrives by the line.
        "half" | "close" => of != Party::Minikube,
        "gone" => of == Party::Api && (call.starts_with("list ") || call.starts_with("watch ")),
        _ => true,
    }
}

/// Each call of a run with each way in which it can go wrong.
pub(crate) fn faults(calm: &Baseline) -> Vec<Blow> {
    let mut blows = Vec::new();
    for (index, (of, asked)) in calm.calls.iter().enumerate() {
        // A build of an engine, or an effect of minikube, is not a call.
        let made = asked.split(' ').next().is_some_and(|word| {
            ["BUILT", "WROTE", "MADE", "STARTED", "BOOTED", "STOPPED", "DELETED", "ENABLED"].contains(&word)
        });
        if made && *of != Party::Api {
            continue;
        }
        let name = LETTERS.replace_all(asked, "*").into_owned();
        let pattern = Pattern::from(name.as_str());
        let before =
            calm.calls[..index].iter().filter(|(party, before)| party == of && pattern.matches(before));
        let after = before.count() as u64;
        for (way, _) in WAYS.iter().filter(|(way, _)| is_apt(way, *of, &name)) {
            blows.push(Blow::Call { way, after, of: *of, call: name.clone() });
        }
    }
    blows
}

/// A kill at each effect of a run.
pub(crate) fn kills(calm: &Baseline) -> Vec<Blow> {
    (1..=calm.effects).map(Blow::Kill).collect()
}

/// Each thing that can happen at each effect of a run, and each trouble of the containers of each workload, once and
/// several times.
pub(crate) fn happenings(calm: &Baseline) -> Vec<Blow> {
    let at = |effect| EVENTS.iter().map(move |(what, _)| Blow::Event { what, effect });
    let mut blows: Vec<Blow> = (0..=calm.effects).flat_map(at).collect();
    let of = ["Deployment ", "StatefulSet ", "Job "];
    let names = calm.desired.keys().filter_map(|name| of.iter().find_map(|kind| name.strip_prefix(kind)));
    for name in names {
        let pods = format!("{}-*", name.rsplit('/').next().unwrap_or(name));
        for trouble in TROUBLES {
            blows.extend([1, 3].map(|times| Blow::Pod { trouble, times, pods: pods.clone() }));
        }
    }
    blows
}

/// A blow to the run of a course.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) seed: u64,
    pub(crate) course: Disturbance,
    pub(crate) blow: Blow,
    pub(crate) baseline: Arc<Baseline>,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.seed, self.course, self.blow)
    }
}

/// Whether a failed run names the node as its cause.
fn is_named(ended: &Ended) -> Result<(), String> {
    match ended {
        Ended::Badly(fault) if fault.kind != FaultKind::Minikube => Err(fault.causes().join(": ")),
        _ => Ok(()),
    }
}

/// Takes the name of a trial apart: its seed, its course and its blow.
pub(crate) fn named(name: &str) -> (u64, Disturbance, Blow) {
    let mut parts = name.splitn(3, '/');
    let mut part = || parts.next().unwrap_or_default();
    (part().parse().unwrap(), Disturbance::named(part()), Blow::named(part()))
}

impl Order {
    /// Runs the trial.
    ///
    /// # Errors
    /// The problem, with the scenario.
    pub(crate) async fn run(&self, folder: &Path) -> Result<Report, String> {
        let text = self.blow.scenario(self.baseline.namespace);
        self.judged(folder, &text).await.map_err(|why| format!("{why}\nthe scenario:\n{text}"))
    }

    async fn judged(&self, folder: &Path, text: &str) -> Result<Report, String> {
        let Order { seed, course, blow, baseline: calm } = self;
        let (project, made) = undisturbed::project(folder, *seed);
        let scenario =
            scenario::parse(Path::new("order.toml"), text).map_err(|mistakes| format!("{mistakes:?}"))?;
        let mut harness = Harness::new(&project, &made, *seed, undisturbed::LIMIT).await;
        course.lead(&mut harness, folder).await?;
        harness.host.disturb(scenario);
        let line = course.line();
        let kill = if let Blow::Kill(effect) = blow { Some(*effect) } else { None };
        let began = tokio::time::Instant::now();
        let ended = harness.run(line, kill).await;
        let took = began.elapsed();
        if let Ended::Hung = ended {
            return Err(format!("the disturbed `{line}` hangs\n{}", harness.end_of_story()));
        }
        let volumes = harness.host.cluster().volumes();
        match blow {
            Blow::Kill(_) => {}
            Blow::Call { way, .. } => {
                if let Ended::Well(_) = ended {
                    let mut left = harness.left().await;
                    // An abandoned lock is not waited for for longer than its TTL.
                    left.retain(|name, _| *way != "hang" || !name.starts_with("lock "));
                    alike(&calm.after, left, blow).map_err(|why| {
                        format!("the disturbed `{line}` says that all is well, and it is not:\n{why}")
                    })?;
                }
            }
            Blow::Event { what: "node-stop", .. } => {
                is_named(&ended)
                    .map_err(|why| format!("`{line}` does not name the node that has stopped: {why}"))?;
                if *course != Disturbance::First && took > calm.took + NAMED {
                    return Err(format!("it takes {took:?} to name the node that has stopped"));
                }
                if course.takes_down() {
                    // The objects of a stopped cluster stay until it runs.
                    harness.well("up").await?;
                }
            }
            // A container that has crashed is judged by that until its next start.
            Blow::Event { .. } | Blow::Pod { .. } => tokio::time::sleep(BACK_OFF).await,
        }
        if course.takes_down() {
            harness.well(line).await?;
            alike(&calm.after, harness.left().await, blow)
                .map_err(|why| format!("`{line}` leaves something else:\n{why}"))?;
        }
        harness.well("up").await?;
        alike(&calm.desired, harness.left().await, blow)
            .map_err(|why| format!("it does not end in the same state:\n{why}"))?;
        let after = harness.host.cluster().volumes();
        if *course != Disturbance::Purge
            && volumes.iter().any(|(claim, volume)| after.get(claim) != Some(volume))
        {
            return Err(format!("volumes were lost: {volumes:?} {after:?}"));
        }
        harness.is_decent()?;
        let faults = harness.host.injector().faults();
        Ok(Report { trials: 1, faults, ..harness.report })
    }
}

/// Whether two machines are alike.
fn alike(desired: &normal::Left, mut left: normal::Left, blow: &Blow) -> Result<(), String> {
    let mut desired = desired.clone();
    if let Blow::Event { what: "image-vanish", .. } = blow {
        // Images of before are not built again.
        desired.retain(|name, _| !name.starts_with("image "));
        left.retain(|name, _| !name.starts_with("image "));
    }
    normal::same(&desired, &left)
}
