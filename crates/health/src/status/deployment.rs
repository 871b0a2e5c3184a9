//! Deployments.
//!
//! `ProgressDeadlineExceeded` is sticky: the controller leaves it standing when a broken template is applied again or an
//! old one is returned to, until pods become available (`kubernetes: pkg/controller/deployment/progress.go`), so it
//! counts only when it was written after our write.

use crate::live;
use crate::live::Condition;
use crate::status::Context;
use crate::status::Health;
use crate::status::HealthStatus;
use crate::status::PAUSED;
use crate::status::ready_of;
use crate::status::starting;
use jiff::SignedDuration;
use serde_json::Value;

const EXCEEDED: &str = "ProgressDeadlineExceeded";

pub(super) fn compute(object: &Value, context: Context<'_>) -> HealthStatus {
    let desired = live::number(object, "/spec/replicas").unwrap_or(1);
    let existing = live::count(object, "/status/replicas");
    let updated = live::count(object, "/status/updatedReplicas");
    let ready = live::count(object, "/status/readyReplicas");
    let available = live::count(object, "/status/availableReplicas");
    let of = |health_status: HealthStatus| health_status.replicas(ready.min(updated), desired);

    if live::flag(object, "/spec/paused") {
        return of(paused(context));
    }
    let satisfied = updated >= desired
        && existing <= updated
        && existing <= desired
        && available >= desired.max(updated)
        && ready >= desired;
    let progressing = live::condition(object, "Progressing");
    let rolled = !has_deadline(object)
        || progressing.is_some_and(|now| now.holds() && now.reason == "NewReplicaSetAvailable");
    if satisfied && live::holds(object, "Available") && rolled {
        return of(HealthStatus::ready("MinimumReplicasAvailable", ready_of(ready, desired)));
    }
    let missing = missing(desired, existing, updated, ready, available);
    match progressing {
        Some(now) if !satisfied && !now.holds() && now.reason == EXCEEDED => {
            if fresh(object, now, context) {
                return of(HealthStatus::failed(
                    EXCEEDED,
                    format!("{missing} when its progress deadline passed"),
                ));
            }
            of(HealthStatus::progressing("Updating", format!("{missing} (as before this run)")))
        }
        _ => of(HealthStatus::progressing("Updating", missing)),
    }
}

fn paused(context: Context<'_>) -> HealthStatus {
    match context.manifest {
        Some(manifest) if !live::flag(manifest, "/spec/paused") => {
            HealthStatus::failed(PAUSED, "another client paused it; the manifest does not ask for that")
        }
        _ => HealthStatus::new(Health::Paused, PAUSED, "paused: no pod changes until it is resumed"),
    }
}

/// The API server sets 600 where nothing is written; the largest number means none.
fn has_deadline(object: &Value) -> bool {
    live::number(object, "/spec/progressDeadlineSeconds").is_some_and(|seconds| seconds < i64::from(i32::MAX))
}

fn fresh(object: &Value, now: Condition<'_>, context: Context<'_>) -> bool {
    let Some(before) = context.before.and_then(|before| live::condition(before, "Progressing")) else {
        return true;
    };
    let deadline =
        SignedDuration::from_secs(live::number(object, "/spec/progressDeadlineSeconds").unwrap_or(600));
    before.reason != EXCEEDED
        || now.updated.max(now.changed) > before.updated.max(before.changed)
        || context.since.is_some_and(|since| since >= deadline)
}

fn missing(desired: i64, existing: i64, updated: i64, ready: i64, available: i64) -> String {
    let old = existing - updated;
    // Whichever pods are ready, no more of them than there are old ones can be old.
    let new_ready = (ready - old.max(0)).max(0);
    if updated < desired {
        format!("{updated} of {desired} pods updated")
    } else if old > 0 && new_ready < updated {
        format!("{new_ready} of {updated} new {} ready", if updated == 1 { "pod" } else { "pods" })
    } else if old > 0 {
        format!("{old} old {} still there", if old == 1 { "pod" } else { "pods" })
    } else if ready < desired || available < desired.max(updated) {
        starting(ready, available, desired)
    } else {
        "its controller is finishing the rollout".to_owned()
    }
}
