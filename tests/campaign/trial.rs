//! One trial: a project, an undisturbed `up`, and another on a machine of its own on which things go wrong; then an `up` to
//! which nothing happens has to end as the first one did.

use super::faults;
use super::harness::Ended;
use super::harness::Harness;
use super::looped;
use super::looped::Looped;
use super::normal;
use super::order;
use super::order::BACK_OFF;
use super::order::Order;
use super::project;
use super::random::Rng;
use super::report::Report;
use super::undisturbed;
use super::undisturbed::Baseline;
use simulator::scenario::Scenario;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use todo::rehearsal::scenario;

/// Longer than anything may take into which several things go wrong: several calls in a row may each be waited for.
pub(crate) const LIMIT: Duration = Duration::from_secs(90 * 60);

/// A trial. Its name is enough to repeat it.
#[derive(Clone)]
pub(crate) enum Trial {
    /// Everything at random, under a seed.
    Chance(u64),
    /// One thing to one run.
    Order(Order),
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trial::Chance(seed) => write!(f, "{seed}"),
            Trial::Order(order) => write!(f, "{order}"),
        }
    }
}

/// Runs something on a runtime and in a directory of its own, on a clock that jumps.
fn apart<T>(work: impl AsyncFnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let done = runtime.block_on(work(folder.path()));
    runtime.shutdown_background();
    done
}

/// The course of a project to which nothing happens.
pub(crate) fn baseline(seed: u64, course: undisturbed::Disturbance) -> Arc<Baseline> {
    let calm = apart(async |folder| Baseline::run(folder, seed, course).await);
    Arc::new(calm.unwrap_or_else(|why| panic!("{seed}/{course}: {why}")))
}

impl Trial {
    /// The trial of that name.
    pub(crate) fn named(name: &str) -> Trial {
        if let Ok(seed) = name.parse() {
            return Trial::Chance(seed);
        }
        let (seed, course, blow) = order::named(name);
        Trial::Order(Order { seed, course, blow, baseline: baseline(seed, course) })
    }

    /// Its faults, where they are not random: the text of a scenario.
    pub(crate) fn scenario(&self) -> String {
        match self {
            Trial::Chance(_) => String::new(),
            Trial::Order(order) => order.blow.scenario(order.baseline.namespace),
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// The problem, with the scenario.
    pub(crate) fn run(&self) -> Result<Report, String> {
        match self {
            Trial::Chance(seed) => apart(async |folder| by_chance(folder, *seed).await),
            Trial::Order(order) => apart(async |folder| order.run(folder).await),
        }
    }
}

/// So many rollouts of one replica behind a NodePort, to which nothing happens: each ends with the node's URL.
///
/// # Errors
/// The problem, with the number of the rollout.
pub(crate) fn rollouts(seed: u64, count: u32) -> Result<Report, String> {
    apart(async |folder| {
        let made = project::make(folder, &mut Rng::new(seed));
        project::leave_one_replica(folder);
        let project = undisturbed::read(folder);
        let mut harness = Harness::new(&project, &made, seed, LIMIT).await;
        harness.well("up").await?;
        for number in 1..=count {
            project::revise(folder, number);
            harness.well("up").await.map_err(|why| format!("rollout {number}: {why}"))?;
        }
        Ok(harness.report)
    })
}

/// A loop, under a seed.
///
/// # Errors
/// The problem, with the scenario.
pub(crate) fn looped(seed: u64) -> Result<Looped, String> {
    apart(async |folder| looped::looped(folder, seed).await)
}

async fn by_chance(folder: &Path, seed: u64) -> Result<Report, String> {
    let mut chance = Rng::new(seed);
    let made = project::make(folder, &mut chance);
    let project = undisturbed::read(folder);

    // Half of them: the disturbed run changes an existing deployment.
    let edited = chance.one_in(2);
    let mut calm = Harness::new(&project, &made, seed, LIMIT).await;
    if edited {
        calm.well("up").await?;
        project::edit(folder);
    }
    let before = calm.host.injector().effects();
    let _ = calm.host.injector().calls();
    calm.well("up").await?;
    let effects = calm.host.injector().effects() - before;
    let mut desired = calm.left().await;
    calm.well("up").await?;
    let idle: Vec<String> = calm.host.injector().calls().split_off(usize::try_from(effects).unwrap());
    let touched: Vec<&String> = idle.iter().filter(|call| !call.contains(" leases ")).collect();
    if !touched.is_empty() {
        return Err(format!("a second `up` with nothing changed changes something: {touched:?}"));
    }
    calm.is_decent()?;

    let text = faults::scenario(&mut chance, effects);
    let explain = |why: String| format!("{why}\nthe scenario:\n{text}");
    let scenario = scenario::parse(Path::new("trial.toml"), &text)
        .map_err(|mistakes| format!("{mistakes:?}\n{text}"))?;
    let mut rough = Harness::new(&project, &made, seed, LIMIT).await;
    if edited {
        project::make(folder, &mut Rng::new(seed));
        rough.well("up").await?;
        project::edit(folder);
    }
    rough.host.disturb(scenario);
    let mut taken_down = false;
    for _ in 0..=chance.below(3) {
        let die = chance.one_in(2).then(|| 1 + chance.below(effects));
        let line = *chance.pick(&["up", "up", "up", "down"]);
        taken_down |= line == "down";
        if let Ended::Hung = rough.run(line, die).await {
            return Err(explain(format!("a disturbed `{line}` hangs\n{}", rough.end_of_story())));
        }
    }
    let volumes = rough.host.cluster().volumes();
    // A container that has crashed is judged by that until its next start: what waits for one is waited for.
    rough.host.disturb(Scenario::default());
    tokio::time::sleep(BACK_OFF).await;
    rough.well("up").await.map_err(&explain)?;
    let mut left = rough.left().await;
    if edited && taken_down {
        // What was deployed before is not gone back to when it was taken away in between.
        let revision = |name: &String| name.contains("/todo.shop.v");
        desired.retain(|name, _| !revision(name));
        left.retain(|name, _| !revision(name));
    }
    if text.contains("image-vanish") {
        // Images of before are not built again.
        desired.retain(|name, _| !name.starts_with("image "));
        left.retain(|name, _| !name.starts_with("image "));
    }
    normal::same(&desired, &left)
        .map_err(|why| explain(format!("it does not end in the same state:\n{why}")))?;
    let after = rough.host.cluster().volumes();
    if volumes.iter().any(|(claim, volume)| after.get(claim) != Some(volume)) {
        return Err(explain(format!("volumes were lost: {volumes:?} {after:?}")));
    }
    rough.is_decent().map_err(&explain)?;
    let faults = rough.host.injector().faults();
    Ok(Report { trials: 1, runs: calm.report.runs + rough.report.runs, faults, ..rough.report })
}
