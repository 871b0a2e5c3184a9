//! Watching until everything is healthy, terminal or out of time.
//!
//! The driver of the [`tracker`](crate::cluster::tracker): it passes the objects and the time to it, reports its
//! results, and fetches the logs and figures that it requests. It never concludes anything itself.
//!
//! If nothing was written and everything is healthy already, only the pods are listed: the comparison has just read
//! everything else, but a workload's status may lag behind its pods, and does not include their restarts.

mod evidence;
mod items;
pub(crate) mod outcome;
mod settled;
#[cfg(test)]
mod tests;
pub(crate) mod watches;

pub use crate::cluster::tracker::limits::Limits;

use crate::cluster::applied::AppliedObject;
use crate::cluster::applied::waits;
use crate::cluster::rollout::outcome::RolloutOutcome;
use crate::cluster::rollout::outcome::known;
use crate::cluster::rollout::outcome::tracker_of;
use crate::cluster::rollout::outcome::warnings;
use crate::cluster::target::Target;
use crate::cluster::tracker::NextStep;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Severity;
use crate::event::Step;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::run::Run;
use evidence::Evidence;
use items::Items;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;
use watches::Watches;

/// The interval for checking graces when nothing happens.
const TICK: Duration = Duration::from_millis(500);
/// Updates that arrive within this time are processed together.
const BREATH: Duration = Duration::from_millis(40);

/// Waits until all of `objects` are healthy. `before_watching` runs first, unless nothing was written and everything
/// is healthy already.
///
/// # Errors
/// A [`FaultKind::Rollout`] fault has one finding for each broken object.
pub async fn rollout(
    run: &Run,
    target: &Target,
    objects: &[AppliedObject],
    limits: &Limits,
    before_watching: impl Future<Output = ()>,
) -> Result<RolloutOutcome> {
    let step = run.sink.step(Step::Rollout);
    let unchanged = objects.iter().all(|object| object.outcome == Outcome::Unchanged);
    if unchanged && let Some(rolled) = Box::pin(settled::inspect(target, objects, limits)).await? {
        for finding in &rolled.warnings {
            run.sink.warn(finding.clone());
        }
        step.finish(Outcome::Unchanged, None);
        return Ok(rolled);
    }
    before_watching.await;
    let rolled = Box::pin(watch(run, target, objects, limits)).await?;
    step.finish(Outcome::Done, None);
    Ok(rolled)
}

/// As [`rollout`], for a wait within another step.
pub(crate) async fn healthy(
    run: &Run,
    target: &Target,
    objects: &[AppliedObject],
    limits: &Limits,
) -> Result<()> {
    Box::pin(watch(run, target, objects, limits)).await.map(drop)
}

/// As [`rollout`], as a part of another step.
pub(crate) async fn watch(
    run: &Run,
    target: &Target,
    objects: &[AppliedObject],
    limits: &Limits,
) -> Result<RolloutOutcome> {
    let mut snapshot = known(objects);
    let mut watches = Watches::start(target, objects, &mut snapshot);
    let mut evidence = Evidence::new(target);
    let mut items = Items::start(&run.sink, objects);
    let (epoch, began) = (run.world.clock.now(), Instant::now());
    let clock = || epoch.checked_add(began.elapsed()).unwrap_or(Timestamp::MAX);
    let mut tracker = tracker_of(target, objects, limits, clock());
    loop {
        tokio::select! {
            more = watches.next(&mut snapshot, BREATH) => match more {
                watches::WatchEvent::Update => {}
                watches::WatchEvent::Problem(why) => items.problem(&why),
                watches::WatchEvent::Forbidden(what) => run.sink.warn(forbidden(&what)),
            },
            answer = evidence.next() => answer.add_to(&mut tracker, &mut snapshot),
            () = tokio::time::sleep(TICK) => {}
        }
        let now = clock();
        let healths = tracker.observe(now, &snapshot);
        items.update(&healths, &tracker);
        evidence.fetch(tracker.needs());
        match tracker.decide(now) {
            NextStep::Wait => {}
            NextStep::Healthy => {
                let warnings = warnings(&tracker, objects, &snapshot);
                for finding in &warnings {
                    run.sink.warn(finding.clone());
                }
                return Ok(RolloutOutcome { healths, warnings });
            }
            NextStep::Broken => {
                evidence.finish(&mut tracker, &mut snapshot).await;
                tracker.observe(clock(), &snapshot);
                let findings = tracker.findings(&snapshot);
                items.close(&tracker.observe(clock(), &snapshot));
                return Err(broken(findings, objects));
            }
            stop => {
                let mut findings = tracker.unfinished(&snapshot);
                Evidence::add_logs(&target.client, &mut findings, &tracker.unready_pods(&snapshot)).await;
                items.close(&healths);
                return Err(too_long(stop, findings, limits));
            }
        }
    }
}

fn forbidden(what: &str) -> Finding {
    Code::PermissionDenied
        .warning(format!("this user is not allowed to watch {what}: they are polled every 2 s, or skipped"))
        .help(format!("grant the verbs `list` and `watch` on {what} to see why a pod does not start"))
}

fn broken(findings: Vec<Finding>, objects: &[AppliedObject]) -> Fault {
    let subjects: std::collections::BTreeSet<&str> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .filter_map(|finding| finding.subject.as_deref())
        .collect();
    let all = objects.iter().filter(|object| waits(object)).count();
    let names: Vec<&str> = subjects.into_iter().collect();
    let message = match names.as_slice() {
        [one] => format!("{one} failed to become healthy"),
        many => format!("{} of {all} objects failed to become healthy", many.len()),
    };
    Code::NotHealthy.fault(FaultKind::Rollout, message).findings(findings)
}

fn too_long(stop: NextStep, findings: Vec<Finding>, limits: &Limits) -> Fault {
    let message = if stop == NextStep::Stalled {
        format!("nothing has changed for {}", show(limits.no_progress))
    } else {
        format!("the rollout takes longer than {}", show(limits.total))
    };
    Code::RolloutTimeout
        .fault(FaultKind::Rollout, message)
        .findings(findings)
        .hint("run `todo up` again to go on waiting: what is healthy is not changed")
}

fn show(limit: Duration) -> String {
    match limit.as_secs() {
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
