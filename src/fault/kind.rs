//! Kinds of failures: one exit code each.

use serde::Deserialize;
use serde::Serialize;

/// What sort of failure ended the run. Decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A defect of `todo` itself.
    Internal,
    /// Wrong arguments, or a project file, manifest or Dockerfile that cannot mean what it says.
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

impl Kind {
    /// Every kind, in the order of the documented table.
    pub const ALL: [Kind; 11] = [
        Kind::Internal,
        Kind::Usage,
        Kind::Prerequisite,
        Kind::Minikube,
        Kind::Image,
        Kind::Apply,
        Kind::Rollout,
        Kind::Service,
        Kind::Locked,
        Kind::Interrupted,
        Kind::Terminated,
    ];

    /// The process's exit code for this kind: a public interface, never reused for anything else.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Kind::Internal => 1,
            Kind::Usage => 2,
            Kind::Prerequisite => 10,
            Kind::Minikube => 20,
            Kind::Image => 30,
            Kind::Apply => 40,
            Kind::Rollout => 50,
            Kind::Service => 60,
            Kind::Locked => 70,
            Kind::Interrupted => 130,
            Kind::Terminated => 143,
        }
    }
}
