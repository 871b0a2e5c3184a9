//! Custom resources: what most operators mean by their status.
//!
//! No generic rule can be trusted: operators invent their own words. So everything in a status that is recognized is
//! collected, and the worst of it decides: a bad condition next to a good one is not ready. Only what its operator
//! calls final fails at once. A resource whose status has no recognized field is `unknown`, never `ready`: it is not
//! waited for, and a note reports that.

mod conditions;
mod fields;
mod known;
mod words;

use crate::live;
use crate::status::Context;
use crate::status::Health;
use crate::status::HealthStatus;
use crate::status::NO_SIGNAL;
use jiff::SignedDuration;
use serde_json::Value;
use words::Meaning;

/// Time that an operator has to write a first status to a resource that was just written. Resources that are only read,
/// such as settings, never get a status, so it is not long.
const FIRST_WORD: SignedDuration = SignedDuration::from_secs(5);

/// What one part of a status implies for the whole, from the weakest to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    /// A part of it is well, which implies nothing for the rest.
    Hint,
    Good,
    Busy,
    /// It is stale (older generation).
    Stale,
    Paused,
    Bad,
    Failed,
}

impl Strength {
    fn new(meaning: Meaning) -> Strength {
        match meaning {
            Meaning::Good => Strength::Good,
            Meaning::Busy => Strength::Busy,
            Meaning::Paused => Strength::Paused,
            Meaning::Bad => Strength::Bad,
        }
    }
}

#[derive(Debug)]
struct StatusHint {
    sign: Strength,
    reason: String,
    message: String,
}

impl StatusHint {
    fn new(sign: Strength, reason: impl Into<String>, message: impl Into<String>) -> StatusHint {
        StatusHint { sign, reason: reason.into(), message: message.into() }
    }
}

pub(super) fn compute(object: &Value, context: Context<'_>) -> HealthStatus {
    if let Some(health_status) = status(object) {
        return health_status;
    }
    let silent = object["status"].as_object().is_none_or(serde_json::Map::is_empty);
    if silent && known::is_settings(object) {
        return HealthStatus::ready("Exists", "it is there");
    }
    if silent && context.changed && context.since.is_some_and(|since| since < FIRST_WORD) {
        return HealthStatus::progressing(
            "NoStatusYet",
            format!("it has no status yet; waiting for its operator up to {} s", FIRST_WORD.as_secs()),
        );
    }
    let message = "it reports no readiness condition";
    HealthStatus::new(Health::Unknown, NO_SIGNAL, message).note(message)
}

/// The health that the status implies, if any of it is recognized.
pub(super) fn status(object: &Value) -> Option<HealthStatus> {
    let mut signals = known::signals(object);
    signals.extend(fields::signals(object));
    if known::is_only_read(object) {
        signals
            .iter_mut()
            .filter(|signal| signal.sign == Strength::Good)
            .for_each(|signal| signal.sign = Strength::Hint);
    }
    let worst = signals.iter().map(|signal| signal.sign).max();
    if is_paused(object) && worst != Some(Strength::Failed) {
        return Some(HealthStatus::new(
            Health::Paused,
            "Paused",
            "paused: nothing changes until it is resumed",
        ));
    }
    // Of equals the first, which is the most specific one.
    let signal = signals.into_iter().find(|signal| Some(signal.sign) == worst)?;
    let health = match signal.sign {
        Strength::Hint => return None,
        Strength::Good => Health::Ready,
        Strength::Busy | Strength::Stale | Strength::Bad => Health::Progressing,
        Strength::Paused => Health::Paused,
        Strength::Failed => Health::Failed,
    };
    Some(HealthStatus::new(health, signal.reason, signal.message))
}

/// Whether its spec or an annotation pauses it.
fn is_paused(object: &Value) -> bool {
    is_paused_by_annotation(object) || is_paused_by_spec(object)
}

/// `cluster.x-k8s.io/paused: "true"`, `kustomize.toolkit.fluxcd.io/reconcile: disabled`,
/// `cnpg.io/reconciliationLoop: disabled`. Cluster API's counts with an empty value, too.
fn is_paused_by_annotation(object: &Value) -> bool {
    let Some(annotations) = object["metadata"]["annotations"].as_object() else { return false };
    annotations.iter().filter_map(|(key, value)| Some((key.rsplit_once('/')?.1, value.as_str()?))).any(
        |(name, value)| match name {
            "paused" => value.is_empty() || value == "true",
            "reconcile" | "reconciliation" | "reconciliationLoop" => value == "disabled",
            _ => false,
        },
    )
}

fn is_paused_by_spec(object: &Value) -> bool {
    [
        "/spec/paused",
        "/spec/pause",
        "/spec/suspend",
        "/spec/suspended",
        "/spec/updateStrategy/paused",
        "/spec/updateStrategy/rollingUpdate/paused",
    ]
    .iter()
    .any(|at| live::flag(object, at))
}
