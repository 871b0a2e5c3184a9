//! The time in a simulated machine: it advances with the runtime's time, which may be paused or faster than real time.

use jiff::SignedDuration;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use tokio::time::Instant;

/// A clock. Cheap to clone; clones are the same clock.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Started>);

#[derive(Debug)]
struct Started {
    at: Timestamp,
    when: Instant,
    /// Seconds by which [`Clock::set_by`] has moved it.
    set: AtomicI64,
}

impl Clock {
    /// A clock that starts at `at` and advances with the runtime's time, whether that is paused or not.
    #[must_use]
    pub fn starting_at(at: Timestamp) -> Clock {
        Clock(Arc::new(Started { at, when: Instant::now(), set: AtomicI64::new(0) }))
    }

    /// Puts the clock forward by so many seconds, or back.
    pub fn set_by(&self, seconds: i64) {
        self.0.set.fetch_add(seconds, Ordering::Relaxed);
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let Started { at, when, set } = &*self.0;
        let set = set.load(Ordering::Relaxed);
        let went = SignedDuration::try_from(when.elapsed()).unwrap_or(SignedDuration::MAX);
        let shown = went.checked_add(SignedDuration::from_secs(set)).unwrap_or(SignedDuration::MAX);
        at.checked_add(shown).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use jiff::Timestamp;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_clock_of_its_own_goes_with_the_runtimes_time() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = Clock::starting_at(start);
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now().to_string(), "2026-01-01T00:01:30Z");
        clock.clone().set_by(-30);
        assert_eq!(clock.now().to_string(), "2026-01-01T00:01:00Z");
    }
}
