//! Secret values blotted out of what is told.
//!
//! Not what keeps our own texts clean: `project::secret::Secret` cannot be printed. But programs print what they were
//! given (a crash with its database URL, a hook with its password), and their lines are our evidence. Whatever they
//! repeat has gone through one sink, so it is hidden there.

use crate::event::EventKind;
use crate::event::Finding;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

/// What stands where a value was.
const MARK: &str = "***";

/// Shorter than this, hiding a value would tear words apart and tell more than it hides.
const SHORTEST: usize = 4;

/// Our own sentences name things; below this length a value is more likely such a name.
const SHORTEST_IN_SENTENCES: usize = 8;

/// The values that are not to be shown, longest first: one that is part of another must not leave the rest of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Veil {
    values: Arc<RwLock<Vec<String>>>,
}

impl Veil {
    /// Hides a value from now on: every line of it, and what Kubernetes makes of it.
    pub(super) fn hide(&self, value: &[u8]) {
        let mut new = vec![STANDARD.encode(value)];
        if let Ok(text) = std::str::from_utf8(value) {
            new.extend(text.lines().map(|line| line.trim().to_owned()));
        }
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        new.retain(|value| value.len() >= SHORTEST && !is_plain(value) && !values.contains(value));
        if !new.is_empty() {
            values.append(&mut new);
            values.sort_by_key(|value| Reverse(value.len()));
        }
    }

    /// Covers what an event would show.
    pub(super) fn cover(&self, kind: &mut EventKind) {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        if values.is_empty() {
            return;
        }
        let said = |text: &mut String| blot(text, values.iter());
        let ours = |text: &mut String| {
            blot(text, values.iter().filter(|value| value.len() >= SHORTEST_IN_SENTENCES));
        };
        let finding = |finding: &mut Finding| {
            finding.evidence.iter_mut().for_each(said);
            ours(&mut finding.message);
            finding.mend.as_mut().map(ours);
        };
        match kind {
            EventKind::Log { line, .. } => said(line),
            EventKind::Progress { doing, .. } => said(doing),
            EventKind::Waiting { why, .. } => ours(why),
            EventKind::Warned { finding: warned } => finding(warned),
            EventKind::ItemFinished { detail: Some(detail), .. }
            | EventKind::StepFinished { detail: Some(detail), .. } => ours(detail),
            EventKind::RunFailed { causes, findings, hints, .. } => {
                causes.iter_mut().chain(hints).for_each(ours);
                findings.iter_mut().for_each(finding);
            }
            EventKind::ItemFinished { .. }
            | EventKind::StepFinished { .. }
            | EventKind::RunStarted { .. }
            | EventKind::StepStarted { .. }
            | EventKind::ItemStarted { .. }
            | EventKind::Forwarded { .. }
            | EventKind::StepFailed { .. }
            | EventKind::RunFinished { .. } => {}
        }
    }
}

/// So long a word or number is nobody's name.
const LONG: usize = 16;

/// A word or a number, as user names, hosts and switches are: it stands in too many sentences that mean something else.
fn is_plain(value: &str) -> bool {
    value.len() < LONG && is_one_sort(value)
}

fn is_one_sort(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_lowercase()) || value.bytes().all(|byte| byte.is_ascii_digit())
}

fn blot<'a>(text: &mut String, values: impl Iterator<Item = &'a String>) {
    for value in values {
        if text.contains(value.as_str()) {
            *text = text.replace(value.as_str(), MARK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Veil;
    use crate::event::EventKind;
    use crate::event::Finding;
    use crate::event::Step;

    fn covered(values: &[&str], line: &str) -> String {
        let veil = Veil::default();
        for value in values {
            veil.hide(value.as_bytes());
        }
        let mut kind = EventKind::Log { step: Step::Rollout, item: "web".to_owned(), line: line.to_owned() };
        veil.cover(&mut kind);
        let EventKind::Log { line, .. } = kind else { panic!("{kind:?}") };
        line
    }

    #[test]
    fn lines_of_others_do_not_repeat_secrets() {
        let cases: &[(&[&str], &str, &str)] = &[
            (&["hunter2", "hunter22"], "hunter22, or hunter2 (aHVudGVyMg==)", "***, or *** (***)"),
            (&["first-line\nsecond-line"], "second-line first-line", "*** ***"),
            (&["on", "abc"], "on port 80: abc", "on port 80: abc"),
            (&["postgres", "5432"], "postgres listens on 5432", "postgres listens on 5432"),
            (&["correcthorsebatterystaple"], "not correcthorsebatterystaple", "not ***"),
            (&["4929123412341234"], "card 4929123412341234", "card ***"),
            (&[], "nothing to hide", "nothing to hide"),
        ];
        for (values, line, expected) in cases {
            assert_eq!(covered(values, line), *expected);
        }
    }

    #[test]
    fn a_failure_keeps_its_names_and_loses_its_secrets() {
        let veil = Veil::default();
        veil.hide(b"s3cr3t-token");
        veil.hide(b"Web1");
        let found =
            Finding::error("`Web1` ends with `bad s3cr3t-token`").evidence(["Web1 s3cr3t-token".to_owned()]);
        let mut kind = EventKind::Warned { finding: found };
        veil.cover(&mut kind);
        let EventKind::Warned { finding } = kind else { panic!("{kind:?}") };
        assert_eq!(
            (finding.message.as_str(), finding.evidence[0].as_str()),
            ("`Web1` ends with `bad ***`", "*** ***")
        );
    }
}
