//! How long each sort of trouble is borne: the one table.
//!
//! Two dimensions, because the same word means different things: an image that is not found may be pushed a moment
//! later, a crash may wait for a database. A rule is met by time *or* by repetition, whichever comes first. All of it is
//! multiplied by the user's patience; 0 takes the first sighting for the truth. The figures follow the kubelet's
//! back-off (10 s, doubled, `kubernetes: pkg/kubelet/kubelet.go`) and leave time for the report to settle.

use crate::cause::failure_kind::FailureKind;
use jiff::SignedDuration;

/// When a symptom counts as a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace {
    /// Seconds since it was first seen; `None`: time alone proves nothing.
    pub seconds: Option<u32>,
    /// Restarts of the container; `None`: they prove nothing.
    pub restarts: Option<u32>,
    /// How many attempts were seen to end like this.
    pub occurrences: Option<u32>,
}

const fn after(seconds: u32) -> Grace {
    Grace { seconds: Some(seconds), restarts: None, occurrences: None }
}

const fn restarted(restarts: u32) -> Grace {
    Grace { seconds: None, restarts: Some(restarts), occurrences: None }
}

impl Grace {
    const fn or_after(self, seconds: u32) -> Grace {
        Grace { seconds: Some(seconds), ..self }
    }

    const fn or_seen(self, sightings: u32) -> Grace {
        Grace { occurrences: Some(sightings), ..self }
    }

    /// Whether it is used up.
    pub fn is_over(self, patience: f64, elapsed: SignedDuration, restarts: i64, sightings: u32) -> bool {
        let patience = patience.max(0.0);
        let reached =
            |limit: Option<u32>, now: f64| limit.is_some_and(|limit| now >= f64::from(limit) * patience);
        #[expect(clippy::cast_precision_loss, reason = "a container is not restarted 2^52 times")]
        let restarts = restarts as f64;
        reached(self.seconds, elapsed.as_secs_f64())
            || reached(self.restarts, restarts)
            || reached(self.occurrences, f64::from(sightings))
    }
}

/// Crashes are given up at this many restarts even while something else of the set is still moving.
pub const CRASHES_AT_MOST: u32 = 5;
/// Evicted pods of one workload are given up at this many.
pub const EVICTED_AT_MOST: u32 = 3;
/// One broken pod of several fails its workload after this long, if nothing else of it moves.
pub const PARTLY_BROKEN: Grace = after(60);
/// A refusal by a quota is borne this long while something of the set may still free it.
pub const QUOTA_WHILE_MOVING: Grace = after(30);
/// A controller that was refused before this run tries again after a back-off of its own, and may succeed by now.
pub const REFUSED_BEFORE: Grace = after(45);
/// A missing Secret or ConfigMap that is part of the set.
pub const MISSING_BUT_OURS: Grace = after(60);

/// The table.
#[expect(clippy::match_same_arms, reason = "a table by subject; equal figures are a coincidence")]
pub const fn grace(signal: FailureKind) -> Grace {
    match signal {
        FailureKind::ImageName | FailureKind::ImageNever | FailureKind::NeverFits | FailureKind::Deadline => {
            after(0)
        }
        // The kubelet looks again every ten seconds or so.
        FailureKind::ImageGone => after(40),
        FailureKind::ImageNotFound => after(8).or_seen(2),
        FailureKind::ImageDenied => after(12),
        FailureKind::ImageNoHost | FailureKind::ImagePlatform | FailureKind::ImageSignature => after(8),
        FailureKind::ImageUnreachable | FailureKind::ImageLimited => after(120),
        FailureKind::ImageUntrusted => after(8),
        FailureKind::ImagePull | FailureKind::ImageInspect => after(60),
        FailureKind::ConfigMissing
        | FailureKind::VolumeMissing
        | FailureKind::RunsAsRoot
        | FailureKind::Config => after(7),
        FailureKind::ConfigPending | FailureKind::NoProvisioner => after(60),
        FailureKind::Create => after(30),
        FailureKind::CreatePending => after(90),
        FailureKind::Command => restarted(1).or_after(2),
        FailureKind::CrashCommand => restarted(1),
        FailureKind::Start => restarted(3).or_after(60),
        FailureKind::Crash | FailureKind::Killed => restarted(3),
        FailureKind::OutOfMemory | FailureKind::Completed => restarted(2),
        FailureKind::NotReady | FailureKind::Initializing => {
            Grace { seconds: None, restarts: None, occurrences: None }
        }
        // Whatever opens a gate needs a moment to see the pod.
        FailureKind::ReadinessGate | FailureKind::SchedulingGate => after(60),
        FailureKind::Unschedulable
        | FailureKind::NoClass
        | FailureKind::Provisioning
        | FailureKind::Mount => after(30),
        FailureKind::SchedulingPending | FailureKind::Attach | FailureKind::Sandbox => after(120),
        FailureKind::Evicted => Grace { seconds: None, restarts: None, occurrences: Some(EVICTED_AT_MOST) },
        FailureKind::Quota => after(2),
        FailureKind::Refused => after(1),
        FailureKind::NoServiceAccount => after(10),
    }
}

#[cfg(test)]
mod tests {
    use super::grace;
    use crate::cause::failure_kind::FailureKind;
    use jiff::SignedDuration;

    #[test]
    fn a_rule_is_met_by_time_or_by_repetition() {
        let seconds = SignedDuration::from_secs;
        let over =
            |signal, elapsed, restarts, seen| grace(signal).is_over(1.0, seconds(elapsed), restarts, seen);
        assert!(over(FailureKind::ImageNever, 0, 0, 1) && !over(FailureKind::ImageGone, 20, 0, 9));
        assert!(!over(FailureKind::ImageNotFound, 7, 0, 1));
        assert!(over(FailureKind::ImageNotFound, 8, 0, 1) && over(FailureKind::ImageNotFound, 0, 0, 2));
        assert!(!over(FailureKind::Crash, 3600, 2, 9) && over(FailureKind::Crash, 0, 3, 1));
        assert!(!over(FailureKind::NotReady, 3600, 9, 9));
    }

    #[test]
    fn patience_multiplies_and_none_of_it_means_the_first_sighting() {
        let now = SignedDuration::ZERO;
        assert!(grace(FailureKind::Crash).is_over(0.0, now, 0, 1));
        assert!(!grace(FailureKind::Crash).is_over(2.0, now, 5, 1));
        assert!(grace(FailureKind::Crash).is_over(2.0, now, 6, 1));
        assert!(!grace(FailureKind::NotReady).is_over(0.0, now, 0, 1));
    }
}
