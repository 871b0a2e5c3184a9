//! When a burst of events is over. Pure: the times are the caller's.

use std::time::Duration;

/// After so long without an event a few files are written. Programs write a file in less; people do not notice it.
const QUIET: Duration = Duration::from_millis(15);

/// The same for many files, as a checkout or a generator writes them: its longest pause was 10 ms when measured.
const QUIET_OF_MANY: Duration = Duration::from_millis(60);

/// More paths than these are many.
const FEW: usize = 20;

/// A program that writes without end is not waited for.
const LONGEST: Duration = Duration::from_secs(1);

/// git keeps `index.lock` while it writes the files of a working tree; one that a killed git left behind is not waited for.
const LONGEST_LOCK: Duration = Duration::from_secs(10);

/// How often the lock is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The state of a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Burst {
    /// Since its first event.
    pub(super) lasts: Duration,
    /// Since its last event, or since git was last seen at work.
    pub(super) silent: Duration,
    /// How many paths it has.
    pub(super) paths: usize,
    /// Whether git writes the working tree now.
    pub(super) locked: bool,
}

/// How long to wait before the burst is looked at again; `None` if it is over.
pub(super) fn wait(burst: Burst) -> Option<Duration> {
    if burst.locked && burst.lasts < LONGEST_LOCK {
        return Some(LOOK);
    }
    let quiet = if burst.paths > FEW { QUIET_OF_MANY } else { QUIET };
    if burst.silent >= quiet || burst.lasts >= LONGEST {
        return None;
    }
    Some(quiet.saturating_sub(burst.silent).min(LONGEST.saturating_sub(burst.lasts)))
}

#[cfg(test)]
mod tests {
    use super::Burst;
    use super::wait;
    use std::time::Duration;

    #[test]
    fn a_burst_is_over_when_it_is_quiet_and_git_is_done() {
        // ms since the first event, since the last, paths, locked → ms to wait
        let table = [
            (0, 0, 1, false, Some(15)),
            (10, 4, 1, false, Some(11)),
            (20, 15, 1, false, None),
            (20, 15, 21, false, Some(45)),
            (80, 60, 500, false, None),
            (990, 0, 1, false, Some(10)),
            (1000, 0, 1, false, None),
            (100, 100, 1, true, Some(10)),
            (5000, 0, 900, true, Some(10)),
            (10_000, 0, 900, true, None),
        ];
        for (lasts, silent, paths, locked, expected) in table {
            let ms = Duration::from_millis;
            let burst = Burst { lasts: ms(lasts), silent: ms(silent), paths, locked };
            assert_eq!(wait(burst), expected.map(ms), "{burst:?}");
        }
    }
}
