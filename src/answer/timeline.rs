//! Where the time of a run went.

use crate::answer::record::KeptRun;
use crate::answer::usual::Usual;
use serde::Serialize;

/// The last run of a project, and its pods.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// The run; none if no run of the project is kept on this machine.
    pub run: Option<KeptRun>,
    /// How long the steps of such runs usually take.
    pub usual: Usual,
    /// The pods that run now, in the order of their creation.
    pub pods: Vec<PodTimes>,
}

/// Seconds after its creation, if known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PodTimes {
    /// The pod.
    pub pod: String,
    /// It had a node.
    pub scheduled_s: Option<u64>,
    /// The last of its images was there, where one had to be pulled and the event is not too old.
    pub image_s: Option<u64>,
    /// The last of its containers began to run.
    pub started_s: Option<u64>,
    /// It was ready, and still is.
    pub ready_s: Option<u64>,
}
