//! The conditions of a custom resource → what each of them implies for its health.
//!
//! A condition is named for what it means when it is True, so its name shows whether True is good or bad: `Ready` and
//! `AllReplicasReady`, `Degraded` and `ReconcileFailed`, `Reconciling`. A condition whose name is in no list is
//! ignored.

use super::StatusHint;
use super::Strength;
use super::words;
use super::words::Meaning;
use crate::live;
use crate::live::Condition;
use serde_json::Value;

/// Conditions that describe the whole resource, the most specific first. Where one of them is True, conditions of its
/// parts that are not True are ignored: a part may be unused.
const WHOLE: [&str; 10] = [
    "Ready",
    "Available",
    "Healthy",
    "Succeeded",
    "Complete",
    "Completed",
    "Established",
    "Programmed",
    "Finished",
    "Operational",
];

/// Conditions that speak of one side of the resource, of which each has to be True.
const EACH: [&str; 12] = [
    "Accepted",
    "ResolvedRefs",
    "Admitted",
    "Valid",
    "Reconciled",
    "Applied",
    "Installed",
    "Bound",
    "Compliant",
    "Released",
    "Promoted",
    "Synced",
];

/// Conditions of resources being deleted, which may be healthy until then.
const LEAVING: [&str; 6] = ["Deleting", "Disrupting", "Draining", "Evicting", "Terminating", "Uninstalling"];

/// What every condition of the list implies, `Ready` first.
pub(super) fn signals(conditions: &[Value], generation: Option<i64>) -> Vec<StatusHint> {
    read_all(conditions, generation, false)
}

/// The same of a pod or another single part, of which every condition has to hold.
pub(super) fn signals_of_part(conditions: &[Value], generation: Option<i64>) -> Vec<StatusHint> {
    read_all(conditions, generation, true)
}

fn read_all(conditions: &[Value], generation: Option<i64>, part: bool) -> Vec<StatusHint> {
    let mut sorted: Vec<(&str, Option<Condition<'_>>)> =
        conditions.iter().map(|entry| (kind(entry), parse(entry))).collect();
    sorted.sort_by_key(|(kind, _)| rank(kind));
    let whole = !part
        && sorted.iter().any(|(kind, condition)| {
            WHOLE.contains(kind)
                && condition.as_ref().is_some_and(|item| item.holds() && !is_stale(item, generation))
        });
    let has_ready = sorted.iter().any(|(kind, _)| *kind == "Ready");
    sorted
        .into_iter()
        .filter_map(|(kind, condition)| match condition {
            Some(condition) => one(kind, &condition, generation, whole, has_ready),
            // Some controllers write only the name of the state that it is in.
            None => words::meaning(kind).map(|meaning| {
                StatusHint::new(Strength::new(meaning), kind, format!("its condition is `{kind}`"))
            }),
        })
        .collect()
}

/// The type without its domain: `platform.example.com/resources-ready`.
fn kind(entry: &Value) -> &str {
    let kind = live::text(entry, "/type");
    kind.rsplit_once('/').map_or(kind, |(_, kind)| kind)
}

fn parse(entry: &Value) -> Option<Condition<'_>> {
    entry.get("status").map(|_| live::read_condition(entry))
}

fn rank(kind: &str) -> usize {
    let all = WHOLE.iter().chain(&EACH);
    all.clone().position(|known| *known == kind).unwrap_or(WHOLE.len() + EACH.len())
}

fn is_stale(condition: &Condition<'_>, generation: Option<i64>) -> bool {
    condition.generation.is_some() && condition.generation < generation
}

fn one(
    kind: &str,
    condition: &Condition<'_>,
    generation: Option<i64>,
    whole: bool,
    has_ready: bool,
) -> Option<StatusHint> {
    let sign = sign(kind, condition, generation, whole, has_ready)?;
    let reason = if condition.reason.is_empty() { kind } else { condition.reason };
    if sign == Strength::Stale {
        let message = format!("its condition `{kind}` is stale (older generation)");
        return Some(StatusHint::new(Strength::Busy, "GenerationNotObserved", message));
    }
    let message = if condition.message.is_empty() {
        format!("its condition `{kind}` is {}", condition.status)
    } else {
        condition.message.to_owned()
    };
    Some(StatusHint::new(sign, reason, message))
}

fn sign(
    kind: &str,
    condition: &Condition<'_>,
    generation: Option<i64>,
    whole: bool,
    has_ready: bool,
) -> Option<Strength> {
    let holds = condition.holds();
    let stale = is_stale(condition, generation);
    let not_yet =
        if words::meaning(condition.reason) == Some(Meaning::Bad) { Strength::Bad } else { Strength::Busy };
    match kind {
        "Stalled" | "Failed" => return (holds && !stale).then_some(Strength::Failed),
        "Paused" | "Suspended" | "Stopped" | "Hibernated" => return holds.then_some(Strength::Paused),
        _ if LEAVING.contains(&kind) => return holds.then_some(Strength::Busy),
        "Reconciling" => return holds.then_some(Strength::Busy),
        // A note of the controller next to a good condition, not a state.
        "Warning" => return None,
        // Operators made with Ansible are `Running` while they work, and report by the reason that they are done
        // (`ansible-operator-plugins: internal/ansible/controller/status`).
        "Running" if holds && condition.reason == "Running" && reconciles(condition.message) => {
            return Some(Strength::Busy);
        }
        "Progressing" => return progressing(condition, has_ready, not_yet),
        _ if !holds && words::says_paused(condition.reason) => return Some(Strength::Paused),
        _ => {}
    }
    if WHOLE.contains(&kind) || EACH.contains(&kind) {
        return Some(match kind {
            _ if stale => Strength::Stale,
            "Succeeded" | "Complete" | "Completed" | "Finished"
                if holds && words::meaning(condition.reason) == Some(Meaning::Bad) =>
            {
                Strength::Failed
            }
            "Synced" if holds => Strength::Hint,
            _ if holds => Strength::Good,
            // Of a run: False is final, Unknown is under way (Tekton, Knative).
            "Succeeded" if condition.status == "False" => Strength::Failed,
            _ => not_yet,
        });
    }
    match words::meaning(kind)? {
        Meaning::Bad => holds.then_some(Strength::Bad),
        Meaning::Paused => holds.then_some(Strength::Paused),
        Meaning::Busy => (holds && !whole).then_some(Strength::Busy),
        Meaning::Good if stale => None,
        Meaning::Good if holds => Some(Strength::Hint),
        Meaning::Good => (not_yet == Strength::Bad || !whole).then_some(not_yet),
    }
}

fn reconciles(message: &str) -> bool {
    words::split(message).iter().any(|word| matches!(word.as_str(), "reconciling" | "reconciliation"))
}

/// `Progressing` is True after a rollout, too, and its reason then shows that it is over: `NewReplicaSetAvailable`.
/// That a ReplicaSet was found, created or updated is its reason during the rollout (`kubernetes:
/// pkg/controller/deployment/util`).
fn progressing(condition: &Condition<'_>, has_ready: bool, not_yet: Strength) -> Option<Strength> {
    let is_rolling = ["Updated", "Created"].iter().any(|end| condition.reason.ends_with(end));
    if condition.holds() {
        let is_over = words::meaning(condition.reason) == Some(Meaning::Good) && !is_rolling
            || ["Available", "Complete", "AsExpected"].iter().any(|end| condition.reason.ends_with(end));
        return (!is_over && !has_ready).then_some(Strength::Busy);
    }
    if words::says_paused(condition.reason) {
        return Some(Strength::Paused);
    }
    // Unknown: the rollout has not begun. False also occurs once it is done.
    if condition.status == "Unknown" && !has_ready {
        return Some(not_yet);
    }
    (not_yet == Strength::Bad).then_some(Strength::Bad)
}
