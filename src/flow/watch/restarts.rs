//! How often a round may be aborted because a file changed: a program that writes without end must not keep the loop
//! from ever finishing one.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// So many restarts are allowed …
const MOST: usize = 3;

/// … in this time.
const WITHIN: Duration = Duration::from_secs(30);

/// When rounds were aborted.
#[derive(Debug, Default)]
pub(super) struct Restarts(VecDeque<Instant>);

impl Restarts {
    pub(super) fn add(&mut self, now: Instant) {
        self.0.push_back(now);
        while self.0.len() > MOST {
            self.0.pop_front();
        }
    }

    /// Whether a round that begins now may be aborted.
    pub(super) fn are_allowed(&self, now: Instant) -> bool {
        self.0.iter().filter(|time| now.duration_since(**time) < WITHIN).count() < MOST
    }
}

#[cfg(test)]
mod tests {
    use super::Restarts;
    use std::time::Duration;
    use tokio::time::Instant;

    #[test]
    fn after_three_restarts_in_half_a_minute_a_round_is_finished() {
        let began = Instant::now();
        let at = |seconds: u64| began + Duration::from_secs(seconds);
        let mut restarts = Restarts::default();
        for (restart, allowed) in [(0, true), (10, true), (20, false), (29, false)] {
            restarts.add(at(restart));
            assert_eq!(restarts.are_allowed(at(restart)), allowed, "{restart}");
        }
        assert!(!restarts.are_allowed(at(39)));
        assert!(restarts.are_allowed(at(41)));
    }
}
