//! The cause of a failed build, and the text of the engine without its decoration.

use crate::event::Code;
use crate::event::Data;
use regex::Regex;
use serde_json::Value;

/// The problem, what to do about it, and the line where that is more exact than the step's.
pub(super) struct Cause {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) line: Option<usize>,
    pub(super) data: Data,
}

impl Cause {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Cause {
        Cause { help: Some(help.into()), ..Cause::unknown(message) }
    }

    /// A failure without specific help.
    pub(super) fn unknown(message: impl Into<String>) -> Cause {
        Cause {
            code: Code::ImageBuildFailed,
            message: message.into(),
            help: None,
            line: None,
            data: Data::default(),
        }
    }

    pub(super) fn named(mut self, code: Code) -> Cause {
        self.code = code;
        self
    }

    /// Adds a number or a name of the cause.
    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Cause {
        self.data = self.data.with(key, value);
        self
    }

    /// As [`Cause::with`], if the value is known.
    pub(super) fn some(mut self, key: &str, value: Option<impl Into<Value>>) -> Cause {
        self.data = self.data.some(key, value);
        self
    }

    pub(super) fn at(mut self, line: Option<usize>) -> Cause {
        self.line = line;
        self
    }
}

/// The engine's message, without its prefixes and the ids that differ each time.
pub(super) fn plain(error: &str) -> String {
    let error = error.trim().trim_start_matches("failed to solve with frontend dockerfile.v0: ");
    let error =
        error.trim_start_matches("failed to solve: ").trim_start_matches("rpc error: code = Unknown desc = ");
    let ids = Regex::new(
        r"(?:failed to compute cache key: |failed to calculate checksum of ref \S+: |failed to create LLB definition: )",
    );
    let error = ids.map_or_else(|_| error.to_owned(), |ids| ids.replace_all(error, "").into_owned());
    error.lines().next().unwrap_or_default().to_owned()
}
