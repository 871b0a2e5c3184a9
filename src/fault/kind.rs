//! Kinds of failures: one exit code each.

use serde::Deserialize;
use serde::Serialize;

/// What sort of failure ended the run. Decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// A defect of `todo` itself.
    Internal,
    /// Wrong arguments, or a project file, manifest or Dockerfile that is invalid.
    Usage,
    /// The machine lacks something: a program, a right, memory, disk.
    Prerequisite,
    /// minikube could not be started, repaired or asked.
    Minikube,
    /// An image could not be built or brought to the node.
    Image,
    /// The API server refused an object, or could not be reached while applying.
    Apply,
    /// Objects were applied but do not become healthy.
    Rollout,
    /// Everything is healthy but the URL does not answer as expected.
    Service,
    /// Another run holds the project.
    Locked,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl FaultKind {
    /// Every kind, in the order of the documented table.
    pub const ALL: [FaultKind; 11] = [
        FaultKind::Internal,
        FaultKind::Usage,
        FaultKind::Prerequisite,
        FaultKind::Minikube,
        FaultKind::Image,
        FaultKind::Apply,
        FaultKind::Rollout,
        FaultKind::Service,
        FaultKind::Locked,
        FaultKind::Interrupted,
        FaultKind::Terminated,
    ];

    /// The process's exit code for this kind: a public interface, never reused for anything else.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            FaultKind::Internal => 1,
            FaultKind::Usage => 2,
            FaultKind::Prerequisite => 10,
            FaultKind::Minikube => 20,
            FaultKind::Image => 30,
            FaultKind::Apply => 40,
            FaultKind::Rollout => 50,
            FaultKind::Service => 60,
            FaultKind::Locked => 70,
            FaultKind::Interrupted => 130,
            FaultKind::Terminated => 143,
        }
    }
}
