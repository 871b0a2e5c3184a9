//! Why a run ended: one type for every failure that leaves a step.
//!
//! Not the words on screen (those are `report`'s) and not an error for callers to branch on: a module that decides by
//! an error has a type of its own for it, and returns a [`Fault`] to its callers. The exit code belongs to the
//! [`FaultKind`], so two failures with one code are, for a script, the same failure.

pub(crate) mod kind;

pub use kind::FaultKind;

use crate::event::Code;
use crate::event::Finding;

/// The result of everything that can end a run.
pub type Result<T, E = Fault> = std::result::Result<T, E>;

/// Why a run ended: what we were doing, what happened, everything that was found, and what to do next.
#[derive(Debug)]
pub struct Fault {
    /// Decides the exit code.
    pub kind: FaultKind,
    /// What it is called.
    pub code: Code,
    /// The chain of causes; the outermost names the attempted action.
    pub error: anyhow::Error,
    /// All findings, each with its place and help, where one chain is not enough.
    pub findings: Vec<Finding>,
    /// What the reader can do now; commands in backticks are to be pasted.
    pub hints: Vec<String>,
}

impl Code {
    /// A failure of `kind` with `message`, with no deeper cause.
    pub fn fault(self, kind: FaultKind, message: impl Into<String>) -> Fault {
        self.caused_by(kind, anyhow::Error::msg(message.into()))
    }

    /// A failure of `kind` that `error` is the cause of.
    pub fn caused_by(self, kind: FaultKind, error: impl Into<anyhow::Error>) -> Fault {
        Fault { kind, code: self, error: error.into(), findings: Vec::new(), hints: Vec::new() }
    }
}

impl Fault {
    /// Adds a next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds everything that was found.
    #[must_use]
    pub fn findings(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(findings);
        self
    }

    /// Adds the attempted action above the causes so far.
    #[must_use]
    pub fn context(mut self, doing: impl std::fmt::Display + Send + Sync + 'static) -> Self {
        self.error = self.error.context(doing);
        self
    }

    /// The messages from the outermost to the innermost, without those that merely repeat the tail of the one before.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        for cause in self.error.chain().map(ToString::to_string) {
            if causes.last().is_none_or(|parent| !parent.ends_with(&cause)) {
                causes.push(cause);
            }
        }
        causes
    }
}

/// Turns any error into a [`Fault`] of the kind that the step it happened in stands for.
pub trait OrFault<T> {
    /// The value, or a fault of `kind` with `code` and the attempted action.
    fn or_fault(self, code: Code, kind: FaultKind, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> OrFault<T> for std::result::Result<T, E> {
    fn or_fault(self, code: Code, kind: FaultKind, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| code.caused_by(kind, error.into().context(doing())))
    }
}

#[cfg(test)]
mod tests {
    use super::FaultKind;
    use crate::event::Code;

    #[test]
    fn exit_codes_are_distinct() {
        let mut codes: Vec<u8> = FaultKind::ALL.iter().map(|kind| kind.exit_code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), FaultKind::ALL.len());
    }

    #[test]
    fn a_cause_that_repeats_the_end_of_its_parent_is_told_once() {
        let inner = anyhow::anyhow!("no such file").context("open a: no such file");
        let fault =
            Code::FileUnreadable.caused_by(FaultKind::Usage, inner).context("cannot read deploy.toml");
        assert_eq!(fault.causes(), ["cannot read deploy.toml", "open a: no such file"]);
    }
}
