//! How long a rollout may take, and how many problems it may have.

use std::time::Duration;

/// How long a rollout may take, and how many problems it may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// So long nothing may change: no count, no pod, no image being pulled.
    pub no_progress: Duration,
    /// So long the whole may take.
    pub total: Duration,
    /// Multiplies every tolerance of the failure table; 0 takes the first sign of a problem for the truth.
    pub patience: f64,
    /// So long others may report their problems, too, once something has failed, so that one report has it all.
    pub settle: Duration,
    /// So long a container without a readiness probe must stay up before it counts.
    pub stability: Duration,
    /// So long an address of a load balancer is waited for, once everything else is ready. None by default: nothing on
    /// minikube gives one by itself, and the step after this one proves the URL.
    pub address: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            no_progress: Duration::from_secs(5 * 60),
            total: Duration::from_secs(30 * 60),
            patience: 1.0,
            settle: Duration::from_secs(3),
            stability: Duration::from_secs(3),
            address: Duration::ZERO,
        }
    }
}
