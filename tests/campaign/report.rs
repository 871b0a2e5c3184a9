//! The figures of trials, and how they are added.

use std::fmt;
use std::time::Duration;

/// What trials came to.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Report {
    pub(crate) trials: u64,
    /// Undisturbed and disturbed ones.
    pub(crate) runs: u64,
    pub(crate) faults: u64,
    pub(crate) kills: u64,
    /// How long the longest run took, in the machine's own time.
    pub(crate) longest: Duration,
}

impl Report {
    pub(crate) fn add(&mut self, other: Report) {
        self.trials += other.trials;
        self.runs += other.runs;
        self.faults += other.faults;
        self.kills += other.kills;
        self.longest = self.longest.max(other.longest);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { trials, runs, faults, kills, longest } = self;
        write!(f, "{trials} trials, {runs} runs, {faults} faults, {kills} kills; the longest run took ")?;
        write!(f, "{} min {} s of its own time", longest.as_secs() / 60, longest.as_secs() % 60)
    }
}
