//! Injected faults: consulted at every call of the API server and at every start of a container.

use std::time::Duration;

/// Decides which faults occur. Called in the order of the events, so an implementation may count.
pub trait Faults: Send + Sync {
    /// What happens to this call; `None`: it is answered.
    fn api(&self, _call: &ApiCall) -> Option<ApiFault> {
        None
    }

    /// What happens to this run of a container; `None`: it does what its image does.
    fn pod(&self, _start: &ContainerStart) -> Option<PodFault> {
        None
    }
}

/// Injects no faults.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl Faults for NoFaults {}

/// A call of the API server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiCall {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `apply`, `delete`; of a path that is not an object's, the
    /// method in lower case.
    pub verb: &'static str,
    /// The plural: `deployments`; with its subresource: `pods/log`.
    pub resource: String,
    /// Empty for the core group.
    pub group: String,
    /// Empty if it is about no namespace.
    pub namespace: String,
    /// Empty if it is about no single object.
    pub name: String,
    /// Whether it is a dry run.
    pub dry_run: bool,
    /// The path.
    pub path: String,
}

impl ApiCall {
    /// Whether it would change something.
    #[must_use]
    pub fn writes(&self) -> bool {
        !self.dry_run && matches!(self.verb, "create" | "update" | "patch" | "apply" | "delete")
    }
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiFault {
    /// It is refused with this status code and reason, and not done.
    Status(u16, String),
    /// It is never answered, and not done.
    Hang,
    /// It is done, but the connection breaks after so many bytes of the body.
    CutAfter(usize),
    /// It is done and answered after so long.
    Slow(Duration),
    /// It is done, but the answer is not JSON.
    Garbage,
    /// A version that is requested is no longer known: 410.
    Gone,
    /// The connection is closed without an answer, and nothing is done.
    Close,
}

/// A container that is about to be started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerStart {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The pod's controller, as `ReplicaSet/web-5d4f8c7b9`; empty without one.
    pub owner: String,
    /// The container.
    pub container: String,
    /// The image, as the pod writes it.
    pub image: String,
    /// How often it was started before.
    pub restarts: u32,
}

/// What happens to a run of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodFault {
    /// It logs these lines and ends with this code.
    Crash {
        /// The exit code.
        code: i32,
        /// What it logs.
        lines: Vec<String>,
    },
    /// It runs, but its probes fail and it listens on nothing.
    NotReady,
    /// The kubelet throws its pod out.
    Evict,
    /// It is ended by the kernel for the memory that it takes.
    OutOfMemory,
}
