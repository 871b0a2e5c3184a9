//! Custom resources: what most operators mean by their conditions.
//!
//! No generic rule can be trusted: operators invent their own words. So the raw condition is shown, only `Stalled` and
//! `Failed` fail at once, and a resource without any signal counts as there.

use crate::cluster::health::Judgement;
use crate::cluster::health::Known;
use crate::cluster::live;
use crate::cluster::live::Condition;
use jiff::SignedDuration;
use serde_json::Value;

/// The conditions that mean "it does what it is for", the first one present decides.
const GOOD: [&str; 8] =
    ["Ready", "Available", "Healthy", "Succeeded", "Complete", "Established", "Programmed", "Accepted"];

/// So long an operator has to say its first word on a resource that was just written. Resources that are only read,
/// such as settings, never get a word, so it is not long.
const FIRST_WORD: SignedDuration = SignedDuration::from_secs(5);

pub(super) fn judge(object: &Value, known: Known<'_>) -> Judgement {
    let wanted = live::number(object, "/metadata/generation");
    let stale = |condition: &Condition<'_>| condition.generation.is_some() && condition.generation < wanted;
    let said = |condition: &Condition<'_>, kind: &str| {
        let reason = if condition.reason.is_empty() { kind } else { condition.reason };
        let message = if condition.message.is_empty() {
            format!("its condition `{kind}` is {}", condition.status)
        } else {
            condition.message.to_owned()
        };
        (reason.to_owned(), message)
    };
    for kind in ["Stalled", "Failed"] {
        if let Some(bad) = live::condition(object, kind).filter(|bad| bad.holds() && !stale(bad)) {
            let (reason, message) = said(&bad, kind);
            return Judgement::failed(reason, message);
        }
    }
    let good = GOOD.iter().find_map(|kind| Some((kind, live::condition(object, kind)?)));
    if let Some((kind, condition)) = good {
        let (reason, message) = said(&condition, kind);
        return match condition.status {
            _ if stale(&condition) => Judgement::progressing(
                "GenerationNotObserved",
                format!("its condition `{kind}` speaks of an older generation"),
            ),
            "True" if live::holds(object, "Reconciling") => Judgement::progressing("Reconciling", message),
            "True" => Judgement::ready(reason, message),
            _ => Judgement::progressing(reason, message),
        };
    }
    for kind in ["Reconciling", "Progressing"] {
        if let Some(busy) = live::condition(object, kind).filter(Condition::holds) {
            let (reason, message) = said(&busy, kind);
            return Judgement::progressing(reason, message);
        }
    }
    word(object).unwrap_or_else(|| {
        let silent = object["status"].as_object().is_none_or(serde_json::Map::is_empty);
        if silent && known.changed && known.since.is_some_and(|since| since < FIRST_WORD) {
            return Judgement::progressing(
                "NoStatusYet",
                format!("it has no status yet; its operator is given {} s", FIRST_WORD.as_secs()),
            );
        }
        Judgement::ready("NoSignal", "it is there").note("it does not tell whether it is ready")
    })
}

/// A word of status, for resources without conditions.
fn word(object: &Value) -> Option<Judgement> {
    let word = ["phase", "state", "health", "healthState"]
        .iter()
        .filter_map(|field| object["status"][*field].as_str())
        .find(|word| !word.is_empty())?;
    let lower = word.to_ascii_lowercase();
    let message = format!("its status is `{word}`");
    let is = |words: &[&str]| words.iter().any(|known| lower.starts_with(known));
    Some(match () {
        () if ["fail", "error", "degraded", "invalid", "unhealthy", "lost"]
            .iter()
            .any(|bad| lower.contains(bad)) =>
        {
            Judgement::progressing(word, message)
        }
        () if is(&["ready", "running", "healthy", "active", "available", "succeeded", "bound", "synced"]) => {
            Judgement::ready(word, message)
        }
        () if is(&["pend", "progress", "creat", "updat", "provision", "init", "wait", "deploy"]) => {
            Judgement::progressing(word, message)
        }
        () => return None,
    })
}
