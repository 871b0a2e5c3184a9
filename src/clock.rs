//! What time it is: for timestamps that other people read, and for ages.
//!
//! Not how long something takes; that is `tokio::time::Instant`'s. A clock is passed on instead of asking the system, because
//! a rehearsal has a time of its own.

use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;

type ReadTime = dyn Fn() -> Timestamp + Send + Sync;

/// A clock. Cheap to clone; clones are the same clock.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<ReadTime>>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

impl Clock {
    /// The system's.
    #[must_use]
    pub fn system() -> Clock {
        Clock(None)
    }

    /// A clock whose time is what `now` returns.
    #[must_use]
    pub fn telling(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        Clock(Some(Arc::new(now)))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.as_ref().map_or_else(Timestamp::now, |now| now())
    }
}
