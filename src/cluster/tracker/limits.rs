//! Time limits of a rollout, and tolerances for its problems.

use std::time::Duration;

/// Time limits of a rollout, and tolerances for its problems.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Deadline without any change: no count, no pod, no image being pulled.
    pub no_progress: Duration,
    /// Total deadline.
    pub total: Duration,
    /// Multiplies every tolerance of the failure table; with 0 the first sign of a problem is final.
    pub patience: f64,
    /// After the first failure, other objects may report their problems for this long, so that one report has all of
    /// them.
    pub stable_for: Duration,
    /// A container without a readiness probe must stay up for this long before it counts as ready.
    pub stability: Duration,
    /// Time limit for the address of a load balancer, once everything else is ready. None by default: minikube
    /// assigns none by itself, and the step after this one verifies the URL.
    pub address: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            no_progress: Duration::from_secs(5 * 60),
            total: Duration::from_secs(30 * 60),
            patience: 1.0,
            stable_for: Duration::from_secs(3),
            stability: Duration::from_secs(3),
            address: Duration::ZERO,
        }
    }
}
