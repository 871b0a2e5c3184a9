//! Where following a file through a Dockerfile ends without a proof.

use crate::image::sync::facts::Question;
use crate::image::sync::reason::Reason;

/// Why the result for a file is not certain.
#[derive(Debug)]
pub(super) enum Stop {
    Reason(Reason),
    Ask(Vec<Question>),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Stop {
        Stop::Reason(reason)
    }
}
