//! What time it is, for whatever writes times down: the system's, or one that follows tokio's clock.
//!
//! Durations are measured with `tokio::time::Instant` everywhere; this is only for moments that other programs read.

use jiff::Timestamp;
use tokio::time::Instant;

/// A clock. Cheap to clone; all clones tell the same time.
#[derive(Debug, Clone)]
pub struct Clock {
    /// When it was set, and what it said then; `None` is the system's clock.
    set: Option<(Instant, Timestamp)>,
}

impl Clock {
    /// The clock of this machine.
    #[must_use]
    pub fn system() -> Clock {
        Clock { set: None }
    }

    /// A clock that says `moment` now and goes as tokio's goes: where that is paused, it jumps with it.
    #[must_use]
    pub fn starting_at(moment: Timestamp) -> Clock {
        Clock { set: Some((Instant::now(), moment)) }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self.set {
            None => Timestamp::now(),
            Some((at, moment)) => moment.checked_add(at.elapsed()).unwrap_or(Timestamp::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn it_goes_as_tokios_clock_goes() {
        let clock = Clock::starting_at("2026-11-21T10:00:00Z".parse().unwrap());
        tokio::time::sleep(Duration::from_secs(90)).await;
        assert_eq!(clock.now().to_string(), "2026-11-21T10:01:30Z");
    }
}
