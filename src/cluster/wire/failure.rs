//! Why a request to the API server gave no result.

use http::header;
use http::response::Parts;
use kube::core::Status;
use kube::core::response::StatusDetails;
use std::fmt;

/// Why a request gave no result.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// The server refused, and why.
    Refused(Box<Status>),
    /// No answer was received, or none that could be read.
    Unreachable(String),
}

impl Failure {
    pub(crate) fn status(&self) -> Option<&Status> {
        match self {
            Failure::Refused(status) => Some(status),
            Failure::Unreachable(_) => None,
        }
    }

    pub(crate) fn is_absent(&self) -> bool {
        // A path that is not served is a 404 in plain text.
        self.status().is_some_and(|status| status.code == 404 || status.is_not_found())
    }

    pub(crate) fn is_there(&self) -> bool {
        self.status().is_some_and(Status::is_already_exists)
    }

    pub(crate) fn is_conflict(&self) -> bool {
        self.status().is_some_and(Status::is_conflict)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused(status) if status.message.is_empty() => {
                write!(f, "the API server answered {} {}", status.code, status.reason)
            }
            Failure::Refused(status) => f.write_str(&status.message),
            Failure::Unreachable(why) => write!(f, "no answer from the API server: {why}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Failure {
        match error {
            kube::Error::Api(status) => Failure::Refused(status),
            other => {
                let chain: Vec<String> = anyhow::Error::new(other).chain().map(ToString::to_string).collect();
                Failure::Unreachable(chain.last().cloned().unwrap_or_default())
            }
        }
    }
}

/// The status of a refusal; one in plain text comes from the layers before the API (404, 429, 503).
pub(super) fn refusal(head: &Parts, bytes: &[u8]) -> Status {
    let code = head.status.as_u16();
    let mut status = serde_json::from_slice::<Status>(bytes)
        .unwrap_or_else(|_| Status::failure(String::from_utf8_lossy(bytes).trim(), ""));
    if status.code == 0 {
        status.code = code;
    }
    let seconds = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(seconds) = seconds {
        let details = status.details.get_or_insert_with(|| StatusDetails {
            name: String::new(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 0,
        });
        details.retry_after_seconds = details.retry_after_seconds.max(seconds);
    }
    status
}
