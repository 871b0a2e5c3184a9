//! Watching until everything is healthy, terminal or out of time.
//!
//! The shell round the [`judge`](crate::cluster::judge): it brings the objects and the clock, tells what the judge says,
//! and fetches the logs and numbers that it asks for. It never concludes anything itself.
//!
//! If nothing was written and everything is healthy already, only the pods are listed: the comparison has just read
//! everything else, but what a workload says of its pods may be a moment old, and says nothing of their restarts.

mod evidence;
mod feed;
mod items;
mod settled;
#[cfg(test)]
mod tests;

pub use crate::cluster::judge::limits::Limits;

use crate::cluster::apply::AppliedObject;
use crate::cluster::blame;
use crate::cluster::health::Verdict;
use crate::cluster::health::at_once;
use crate::cluster::judge::Decision;
use crate::cluster::judge::Judge;
use crate::cluster::judge::Subject;
use crate::cluster::live;
use crate::cluster::snapshot::Snapshot;
use crate::cluster::target::Target;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Severity;
use crate::event::Step;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::fault::Result;
use crate::manifest::pods;
use crate::manifest::pods::PodTemplate;
use crate::run::Run;
use evidence::Evidence;
use feed::Feed;
use items::Items;
use jiff::Timestamp;
use kube::api::ListParams;
use kube::core::ApiResource;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// How often graces are looked at when nothing happens.
const TICK: Duration = Duration::from_millis(500);
/// Updates that come within this time are looked at together.
const BREATH: Duration = Duration::from_millis(40);

/// Everything is healthy.
#[derive(Debug)]
pub struct Rolled {
    /// Each object, in the order of application.
    pub verdicts: Vec<Verdict>,
    /// What is worth knowing nevertheless; told as events already.
    pub warnings: Vec<Finding>,
}

/// Waits until all of `objects` are healthy. `before_watching` is done first, unless nothing was written and everything is
/// healthy already.
///
/// # Errors
/// A [`Kind::Rollout`] fault has one finding for each broken object.
pub async fn rollout(
    run: &Run,
    target: &Target,
    objects: &[AppliedObject],
    limits: &Limits,
    before_watching: impl Future<Output = ()>,
) -> Result<Rolled> {
    let step = run.sink.step(Step::Rollout);
    let unchanged = objects.iter().all(|object| object.outcome == Outcome::Unchanged);
    if unchanged
        && let Some(rolled) = run.or_stopped(Box::pin(settled::look(target, objects, limits))).await?
    {
        for finding in &rolled.warnings {
            run.sink.warn(finding.clone());
        }
        step.finish(Outcome::Unchanged, None);
        return Ok(rolled);
    }
    before_watching.await;
    let rolled = run.or_stopped(Box::pin(watch(run, target, objects, limits))).await?;
    step.finish(Outcome::Done, None);
    Ok(rolled)
}

/// As [`rollout`], for what is waited for within another step.
pub(crate) async fn healthy(
    run: &Run,
    target: &Target,
    objects: &[AppliedObject],
    limits: &Limits,
) -> Result<()> {
    run.or_stopped(Box::pin(watch(run, target, objects, limits))).await.map(drop)
}

/// One list, as JSON.
pub(crate) async fn read(
    target: &Target,
    resource: &ApiResource,
    namespace: Option<&str>,
) -> std::result::Result<Vec<Value>, kube::Error> {
    let answer = feed::api(&target.client, resource, namespace).list(&ListParams::default()).await?;
    Ok(answer.items.into_iter().map(|object| feed::plain(object, resource)).collect())
}

/// Whether the object has anything to wait for. A Service without a load balancer is there as soon as it is written.
fn waits(object: &AppliedObject) -> bool {
    if !live::annotation(&object.object.value, crate::cluster::health::expression::ANNOTATION).is_empty() {
        return true;
    }
    let service = object.id.group.is_empty() && object.id.kind == "Service";
    if service {
        return live::text(&object.object.value, "/spec/type") == "LoadBalancer";
    }
    !at_once(&object.id.group, &object.id.kind)
}

fn judge_of(objects: &[AppliedObject], limits: &Limits, now: Timestamp) -> Judge {
    let subjects = objects.iter().map(|object| Subject {
        id: object.id.clone(),
        generation: object.generation,
        changed: object.outcome != Outcome::Unchanged,
        object: object.object.clone(),
        before: object.before.clone(),
    });
    Judge::new(subjects.collect(), *limits, now)
}

/// What is known before the cluster has said anything: objects that are there as soon as they are written.
fn known(objects: &[AppliedObject]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for object in objects.iter().filter(|object| !waits(object)) {
        snapshot.know(object.id.clone(), object.after.clone());
    }
    snapshot
}

/// As [`rollout`], as a part of another step.
pub(crate) async fn watch(
    run: &Run,
    target: &Target,
    objects: &[AppliedObject],
    limits: &Limits,
) -> Result<Rolled> {
    let mut snapshot = known(objects);
    let mut feed = Feed::start(target, objects, &mut snapshot);
    let mut evidence = Evidence::new(target);
    let mut items = Items::open(&run.sink, objects);
    let (epoch, began) = (run.world.clock.now(), Instant::now());
    let clock = || epoch.checked_add(began.elapsed()).unwrap_or(Timestamp::MAX);
    let mut judge = judge_of(objects, limits, clock());
    loop {
        tokio::select! {
            more = feed.next(&mut snapshot, BREATH) => match more {
                feed::News::Update => {}
                feed::News::Problem(why) => items.problem(&why),
                feed::News::Forbidden(what) => run.sink.warn(forbidden(&what)),
            },
            answer = evidence.next() => answer.tell(&mut judge, &mut snapshot),
            () = tokio::time::sleep(TICK) => {}
        }
        let now = clock();
        let verdicts = judge.observe(now, &snapshot);
        items.tell(&verdicts, &judge);
        evidence.fetch(judge.needs());
        match judge.decide(now) {
            Decision::Wait => {}
            Decision::Healthy => {
                let warnings = warnings(&judge, objects, &snapshot);
                for finding in &warnings {
                    run.sink.warn(finding.clone());
                }
                return Ok(Rolled { verdicts, warnings });
            }
            Decision::Broken => {
                evidence.finish(&mut judge, &mut snapshot).await;
                judge.observe(clock(), &snapshot);
                let findings = judge.findings(&snapshot);
                items.close(&judge.observe(clock(), &snapshot));
                return Err(broken(findings, objects));
            }
            stop => {
                let mut findings = judge.unfinished(&snapshot);
                Evidence::add_logs(&target.client, &mut findings, &judge.unready_pods(&snapshot)).await;
                items.close(&verdicts);
                return Err(too_long(stop, findings, limits));
            }
        }
    }
}

fn warnings(judge: &Judge, objects: &[AppliedObject], snapshot: &Snapshot) -> Vec<Finding> {
    // A Service for which no template is written was told of before anything was.
    let templates: Vec<PodTemplate<'_>> =
        objects.iter().filter_map(|object| pods::template(&object.object.value)).collect();
    let chosen = |service: &AppliedObject| {
        let selector = service.object.value["spec"]["selector"].as_object();
        selector.is_some_and(|selector| {
            templates.iter().any(|template| pods::selects(selector, template.labels()))
        })
    };
    let services = objects.iter().filter(|object| object.id.kind == "Service" && object.id.group.is_empty());
    let selector_mismatch = services.filter(|service| chosen(service)).filter_map(|object| {
        let service = snapshot.get(&object.id).unwrap_or(&object.object.value);
        blame::service::selector_mismatch(service, &object.object, snapshot)
    });
    judge.notes().into_iter().chain(selector_mismatch).collect()
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
    Code::NotHealthy.fault(Kind::Rollout, message).findings(findings)
}

fn too_long(stop: Decision, findings: Vec<Finding>, limits: &Limits) -> Fault {
    let message = if stop == Decision::Stalled {
        format!("nothing has changed for {}", show(limits.no_progress))
    } else {
        format!("the rollout takes longer than {}", show(limits.total))
    };
    Code::RolloutTimeout
        .fault(Kind::Rollout, message)
        .findings(findings)
        .hint("run `todo up` again to go on waiting: what is healthy stays as it is")
}

fn show(limit: Duration) -> String {
    match limit.as_secs() {
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
