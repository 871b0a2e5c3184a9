//! Jobs: pods that are to end well, so and so often, and how much failing is borne.

use crate::cluster::ctx::ControllerContext;
use crate::cluster::reading::count;
use crate::cluster::reading::holds;
use crate::cluster::reading::is_active;
use crate::cluster::reading::is_dying;
use crate::cluster::reading::is_ready;
use crate::cluster::reading::set_condition;
use crate::cluster::task::Controller;
use crate::cluster::task::Task;
use crate::cluster::template;
use crate::kinds;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

const SOURCE: &str = "job-controller";
const RETRY: Duration = Duration::from_secs(5);
/// After the first failure; doubled by each further one.
const BACK_OFF: Duration = Duration::from_secs(10);

/// Looks at one Job.
pub(super) fn reconcile(ctx: &mut ControllerContext<'_>, namespace: &str, name: &str) {
    let Some(mut job) = ctx.get(kinds::JOB, namespace, name) else { return };
    if is_dying(&job) {
        return;
    }
    if holds(&job, "Complete") || holds(&job, "Failed") {
        expire(ctx, &job);
        return;
    }
    if job["spec"]["suspend"] == true {
        let stamp = ctx.stamp();
        set_condition(&mut job, "Suspended", true, "JobSuspended", "Job suspended", &stamp);
        for pod in ctx.owned(kinds::POD, &job).iter().filter(|pod| is_active(pod)) {
            ctx.remove(pod);
        }
        ctx.keep(job);
        return;
    }
    if job["status"]["startTime"].is_null() {
        job["status"]["startTime"] = json!(ctx.stamp());
    }
    let pods = ctx.owned(kinds::POD, &job);
    let of = |phase: &str| pods.iter().filter(|pod| pod["status"]["phase"] == phase).count();
    let (done, lost) = (of("Succeeded"), of("Failed"));
    let active: Vec<&Value> = pods.iter().filter(|pod| is_active(pod)).collect();
    let restarts: u64 = active
        .iter()
        .flat_map(|pod| pod["status"]["containerStatuses"].as_array().into_iter().flatten())
        .filter_map(|status| status["restartCount"].as_u64())
        .sum();
    let number = |field: &str| usize::try_from(job["spec"][field].as_u64().unwrap_or(1)).unwrap_or(1);
    let (desired, at_once, limit) = (number("completions"), number("parallelism"), number("backoffLimit"));
    let failures = lost + usize::try_from(restarts).unwrap_or(0);
    let mut running = active.len();
    if failures > limit {
        fail(ctx, &mut job, &active, "BackoffLimitExceeded", "Job has reached the specified backoff limit");
        running = 0;
    } else if is_late(ctx, &job) {
        let why = "Job was active longer than specified deadline";
        fail(ctx, &mut job, &active, "DeadlineExceeded", why);
        running = 0;
    } else if done >= desired {
        let stamp = ctx.stamp();
        let why = "Reached expected number of succeeded pods";
        job["status"]["completionTime"] = json!(stamp);
        set_condition(&mut job, "SuccessCriteriaMet", true, "CompletionsReached", why, &stamp);
        set_condition(&mut job, "Complete", true, "CompletionsReached", why, &stamp);
        ctx.emit_event(&job, SOURCE, "Completed", "Job completed");
    } else {
        let room = at_once.min(desired - done).saturating_sub(running);
        if let Some(left) = backing_off(ctx, &pods, lost).filter(|_| room > 0) {
            ctx.again(left, Task::for_object(Controller::Job, &job));
        } else {
            running += start(ctx, &job, room);
        }
    }
    let ready = active.iter().filter(|pod| is_ready(pod)).count();
    let status = &mut job["status"];
    count(status, "active", running);
    count(status, "succeeded", done);
    count(status, "failed", lost + usize::from(failures > limit && lost == 0));
    count(status, "ready", if running == 0 { 0 } else { ready });
    ctx.keep(job);
}

fn start(ctx: &mut ControllerContext<'_>, job: &Value, room: usize) -> usize {
    for made in 0..room {
        let pod = template::pod(ctx, job, &job["spec"]["template"], None);
        if template::make(ctx, job, SOURCE, pod).is_err() {
            ctx.again(RETRY, Task::for_object(Controller::Job, job));
            return made;
        }
    }
    room
}

fn fail(ctx: &mut ControllerContext<'_>, job: &mut Value, active: &[&Value], reason: &str, message: &str) {
    let stamp = ctx.stamp();
    set_condition(job, "FailureTarget", true, reason, message, &stamp);
    set_condition(job, "Failed", true, reason, message, &stamp);
    ctx.warn(job, SOURCE, reason, message);
    for pod in active {
        ctx.remove(pod);
    }
}

/// How long until the next try after a failure.
fn backing_off(ctx: &ControllerContext<'_>, pods: &[Value], lost: usize) -> Option<Duration> {
    let ended = pods
        .iter()
        .filter(|pod| pod["status"]["phase"] == "Failed")
        .flat_map(|pod| pod["status"]["containerStatuses"].as_array().into_iter().flatten())
        .filter_map(|status| status["state"]["terminated"]["finishedAt"].as_str()?.parse::<Timestamp>().ok())
        .max()?;
    let doubled = BACK_OFF * 2_u32.saturating_pow(u32::try_from(lost.saturating_sub(1)).unwrap_or(6).min(6));
    let passed = ctx.now().duration_since(ended);
    let left = SignedDuration::try_from(doubled.min(Duration::from_secs(360))).unwrap_or_default() - passed;
    (left > SignedDuration::ZERO).then(|| left.unsigned_abs())
}

fn is_late(ctx: &mut ControllerContext<'_>, job: &Value) -> bool {
    let Some(limit) = job["spec"]["activeDeadlineSeconds"].as_i64() else { return false };
    let Some(since) = job["status"]["startTime"].as_str().and_then(|moment| moment.parse::<Timestamp>().ok())
    else {
        return false;
    };
    let left = SignedDuration::from_secs(limit) - ctx.now().duration_since(since);
    if left <= SignedDuration::ZERO {
        return true;
    }
    ctx.again(left.unsigned_abs(), Task::for_object(Controller::Job, job));
    false
}

/// Deletes a finished Job after its TTL.
fn expire(ctx: &mut ControllerContext<'_>, job: &Value) {
    let Some(seconds) = job["spec"]["ttlSecondsAfterFinished"].as_i64() else { return };
    let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
    let ended = conditions
        .filter(|condition| condition["type"] == "Complete" || condition["type"] == "Failed")
        .find_map(|condition| condition["lastTransitionTime"].as_str()?.parse::<Timestamp>().ok());
    let Some(ended) = ended else { return };
    let left = SignedDuration::from_secs(seconds) - ctx.now().duration_since(ended);
    if left <= SignedDuration::ZERO {
        ctx.remove(job);
    } else {
        ctx.again(left.unsigned_abs(), Task::for_object(Controller::Job, job));
    }
}
