//! A line of an application's log.

use jiff::Timestamp;
use serde::Serialize;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// When it was printed, as the node's engine noted it.
    pub time: Option<Timestamp>,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container in it.
    pub container: String,
    /// Whether that is an init container.
    #[serde(skip)]
    pub init: bool,
    /// What it printed.
    pub text: String,
}
