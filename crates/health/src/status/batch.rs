//! Jobs and CronJobs.

use crate::live;
use crate::status::Context;
use crate::status::Health;
use crate::status::HealthStatus;
use serde_json::Value;

pub(super) fn job(object: &Value, context: Context<'_>) -> HealthStatus {
    let desired = live::number(object, "/spec/completions").unwrap_or(1);
    let done = live::count(object, "/status/succeeded");
    let of = |health_status: HealthStatus| health_status.replicas(done, desired);
    if live::holds(object, "Complete") {
        return of(HealthStatus::ready("Complete", "it ran to its end"));
    }
    // FailureTarget comes first, while the last pods are still being stopped.
    for kind in ["Failed", "FailureTarget"] {
        if let Some(failed) = live::condition(object, kind).filter(live::Condition::holds) {
            return of(HealthStatus::failed(failed.reason, why(failed.reason, failed.message)));
        }
    }
    if live::flag(object, "/spec/suspend") {
        let asked = context.manifest.is_none_or(|manifest| live::flag(manifest, "/spec/suspend"));
        return of(if asked {
            HealthStatus::new(
                Health::Paused,
                "JobSuspended",
                "suspended: it does not run until it is resumed",
            )
        } else {
            HealthStatus::failed(
                "JobSuspended",
                "another client suspended it; the manifest does not ask for that",
            )
        });
    }
    if live::text(object, "/status/startTime").is_empty() {
        return of(HealthStatus::progressing("NotStarted", "it has not started"));
    }
    let active = live::count(object, "/status/active");
    let failures = live::count(object, "/status/failed");
    let failed = if failures > 0 { format!(", {failures} failed") } else { String::new() };
    of(HealthStatus::progressing(
        "Running",
        format!("{done} of {desired} completed, {active} running{failed}"),
    ))
}

fn why(reason: &str, message: &str) -> String {
    match reason {
        "BackoffLimitExceeded" => "its pods failed more often than `backoffLimit` allows".to_owned(),
        "DeadlineExceeded" => "it ran longer than `activeDeadlineSeconds` allows".to_owned(),
        "PodFailurePolicy" => format!("its `podFailurePolicy` ended it: {message}"),
        "MaxFailedIndexesExceeded" | "FailedIndexes" => format!("too many of its indexes failed: {message}"),
        _ if message.is_empty() => "it failed".to_owned(),
        _ => message.to_owned(),
    }
}

pub(super) fn cron_job(object: &Value) -> HealthStatus {
    if live::flag(object, "/spec/suspend") {
        return HealthStatus::new(
            Health::Paused,
            "Suspended",
            "suspended: it starts no Jobs until it is resumed",
        );
    }
    let health_status = HealthStatus::ready("Scheduled", "it runs when its time comes");
    let (started, succeeded) = (
        live::moment(object, "/status/lastScheduleTime"),
        live::moment(object, "/status/lastSuccessfulTime"),
    );
    // Written when a Job of it completes, after the time at which it was started.
    match (started, succeeded) {
        (Some(started), Some(succeeded))
            if succeeded < started && live::list(object, "/status/active").is_empty() =>
        {
            HealthStatus::progressing("LastRunFailed", format!("its run of {started} did not succeed"))
                .non_blocking()
        }
        _ => health_status,
    }
}
