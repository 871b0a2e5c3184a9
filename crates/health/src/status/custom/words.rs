//! One word of a status → what it means, whatever its spelling: `NotReady`, `NOT_READY` and `not ready` are one word.
//!
//! A word that is in no list means nothing here. An unknown status must not be called ready.

/// What a word of a status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It does what it is for.
    Good,
    /// It is on its way.
    Busy,
    /// It is paused.
    Paused,
    /// Something is wrong with it.
    Bad,
}

const BAD: &[&str] = &[
    "abort",
    "aborted",
    "broken",
    "canceled",
    "cancelled",
    "conflict",
    "conflicted",
    "conflicts",
    "crash",
    "crashed",
    "crashing",
    "critical",
    "dangling",
    "dead",
    "degraded",
    "denied",
    "down",
    "error",
    "errored",
    "erroneous",
    "errors",
    "evicted",
    "exceeded",
    "expired",
    "fail",
    "failed",
    "failing",
    "fails",
    "failure",
    "failures",
    "fallback",
    "faulted",
    "imbalanced",
    "inconclusive",
    "invalid",
    "irreconcilable",
    "lost",
    "mismatch",
    "misscheduled",
    "missing",
    "noncompliant",
    "outofsync",
    "red",
    "refused",
    "rejected",
    "revoked",
    "stalled",
    "timedout",
    "timeout",
    "unavailable",
    "unhealthy",
    "unreachable",
    "unready",
    "unresolved",
    "unsupported",
    "unsynced",
    "warn",
    "warning",
    "warnings",
    "blocked",
];

const BUSY: &[&str] = &[
    "detached",
    "disconnected",
    "inactive",
    "init",
    "initial",
    "inprogress",
    "new",
    "offline",
    "out",
    "partial",
    "partially",
    "pending",
    "preparing",
    "progress",
    "queued",
    "reconcile",
    "requested",
    "retry",
    "submitted",
    "unassigned",
    "unknown",
    "unset",
    "waiting",
    "yellow",
];

const PAUSED: &[&str] =
    &["disabled", "halted", "hibernated", "hibernating", "hibernation", "paused", "stopped", "suspended"];

const GOOD: &[&str] = &[
    "accepted",
    "active",
    "admitted",
    "applied",
    "approved",
    "attached",
    "available",
    "bootstrapped",
    "bound",
    "complete",
    "completed",
    "compliant",
    "configured",
    "connected",
    "created",
    "deployed",
    "done",
    "enabled",
    "established",
    "exported",
    "finished",
    "green",
    "healthy",
    "imported",
    "initialised",
    "initialized",
    "installed",
    "issued",
    "joined",
    "listening",
    "mounted",
    "normal",
    "ok",
    "online",
    "operational",
    "optimal",
    "passed",
    "programmed",
    "promoted",
    "provisioned",
    "reachable",
    "ready",
    "reconciled",
    "registered",
    "released",
    "resolved",
    "running",
    "satisfied",
    "scheduled",
    "served",
    "serving",
    "stable",
    "succeeded",
    "success",
    "successful",
    "synced",
    "synchronized",
    "up",
    "updated",
    "uptodate",
    "valid",
    "validated",
    "verified",
    "working",
];

/// The words of a name or a phrase, in lower case: `ClusterNotReady` has three.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter.is_ascii_alphabetic() {
            let next_is_lower = letters.peek().is_some_and(char::is_ascii_lowercase);
            let begins = !before.is_ascii_alphabetic()
                || (letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || next_is_lower));
            if begins {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.push(letter.to_ascii_lowercase());
            }
        }
        before = letter;
    }
    words
}

/// Whether one of the words means that the resource is paused.
pub(super) fn says_paused(text: &str) -> bool {
    split(text).iter().any(|word| PAUSED.contains(&word.as_str()))
}

/// The meaning of `text`, if it is known. Of a whole sentence only the first word counts, and only if it is a bad one.
pub(super) fn meaning(text: &str) -> Option<Meaning> {
    let words = split(text);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.len() > 6 {
        return words.first().filter(|word| BAD.contains(word)).map(|_| Meaning::Bad);
    }
    if words.concat() == "uptodate" {
        return Some(Meaning::Good);
    }
    for pair in words.windows(2) {
        if matches!(pair[0], "not" | "no" | "non" | "un") {
            if pair[1] == "compliant" {
                return Some(Meaning::Bad);
            }
            if GOOD.contains(&pair[1]) {
                return Some(Meaning::Busy);
            }
            if BAD.contains(&pair[1]) {
                return Some(Meaning::Good);
            }
        }
    }
    let any = |list: &[&str]| words.iter().any(|word| list.contains(word));
    let goes_on =
        |word: &&str| word.len() > 4 && word.ends_with("ing") && !GOOD.contains(word) && *word != "string";
    if any(BAD) {
        Some(Meaning::Bad)
    } else if any(PAUSED) {
        Some(Meaning::Paused)
    } else if any(BUSY) || words.iter().any(goes_on) {
        Some(Meaning::Busy)
    } else if any(GOOD) {
        Some(Meaning::Good)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Meaning;
    use super::Meaning::Bad;
    use super::Meaning::Busy;
    use super::Meaning::Good;
    use super::Meaning::Paused;
    use super::meaning;

    #[test]
    fn a_word_means_the_same_in_every_spelling() {
        let rows: [(&[&str], Option<Meaning>); 6] = [
            (&["Ready", "RUNNING", "up-to-date", "UpToDate", "Deployed", "Updated", "NoErrors"], Some(Good)),
            (&["NotReady", "not_ready", "NOT READY", "Unready", "Unavailable", "Rejected", "red"], None),
            (
                &[
                    "Upgrading",
                    "Reconciling",
                    "Pending",
                    "InProgress",
                    "Terminating",
                    "ClusterRollingUpgrading",
                ],
                Some(Busy),
            ),
            (&["Paused", "suspended", "Stopped"], Some(Paused)),
            (
                &[
                    "Failed",
                    "ReconcileFailed",
                    "Degraded",
                    "NonCompliant",
                    "ERROR, it cannot find the named thing of mine",
                ],
                Some(Bad),
            ),
            (&["", "Blue", "Seven", "a sentence of many words which nobody has in a list"], None),
        ];
        for (words, desired) in rows {
            for word in words {
                let is = meaning(word);
                match desired {
                    Some(_) => assert_eq!(is, desired, "{word}"),
                    None => assert!(is != Some(Good), "{word} is {is:?}"),
                }
            }
        }
    }
}
