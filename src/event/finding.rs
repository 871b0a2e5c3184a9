//! One thing that is wrong, or worth knowing: where it is written, what it is, and what to do.
//!
//! Not an error that is propagated (`fault`), but its content, or that of a warning.

use super::Code;
use super::Data;
use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// A place in a file that people wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file, relative to the directory of deploy.toml where it lies below it.
    pub file: PathBuf,
    /// Line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 for the line as a whole.
    pub column: usize,
}

impl Place {
    /// The file as a whole.
    #[must_use]
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Place { file: file.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match (self.line, self.column) {
            (0, _) => write!(f, "{file}"),
            (line, 0) => write!(f, "{file}:{line}"),
            (line, column) => write!(f, "{file}:{line}:{column}"),
        }
    }
}

/// Whether a finding ends the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Ends the run.
    Error,
    /// For information; the run continues.
    Warning,
    /// A fact that explains what happens.
    Note,
}

/// One thing that is wrong, or worth knowing: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is called.
    pub code: Code,
    /// Whether it ends the run.
    pub severity: Severity,
    /// Where it is written, if it is written somewhere.
    pub place: Option<Place>,
    /// What it is about: `Deployment/web`, `image todo-backend`.
    pub subject: Option<String>,
    /// The problem: lowercase, no full stop, names in backticks.
    pub message: String,
    /// What shows it: the last log lines, the events, the neighbouring lines.
    pub evidence: Vec<String>,
    /// What to do; a command in backticks is to be pasted.
    pub help: Option<String>,
    /// The numbers and names of the cause, for programs.
    #[serde(default, skip_serializing_if = "Data::is_empty")]
    pub data: Data,
}

impl Code {
    /// Something that ends the run.
    pub fn error(self, message: impl Into<String>) -> Finding {
        Finding::new(self, Severity::Error, message)
    }

    /// Something worth knowing.
    pub fn warning(self, message: impl Into<String>) -> Finding {
        Finding::new(self, Severity::Warning, message)
    }

    /// A fact that explains what happens.
    pub fn note(self, message: impl Into<String>) -> Finding {
        Finding::new(self, Severity::Note, message)
    }
}

impl Finding {
    fn new(code: Code, severity: Severity, message: impl Into<String>) -> Self {
        Finding {
            code,
            severity,
            place: None,
            subject: None,
            message: message.into(),
            evidence: Vec::new(),
            help: None,
            data: Data::default(),
        }
    }

    /// Sets its place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Sets its subject.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Adds what shows it.
    #[must_use]
    pub fn evidence(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(lines);
        self
    }

    /// Sets the data of the cause.
    #[must_use]
    pub fn data(mut self, data: Data) -> Self {
        self.data = data;
        self
    }

    /// Sets the help text.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

#[cfg(test)]
impl Finding {
    /// Whether docs/findings.md lists each key of its data for its code.
    pub(crate) fn has_documented_data(&self) -> bool {
        let mut pages = include_str!("../../docs/findings.md").split("\n### ");
        let page = pages.find(|page| page.lines().next() == Some(self.code.as_str()));
        let line = page.and_then(|page| page.lines().find_map(|line| line.strip_prefix("Data: ")));
        let listed: Vec<&str> =
            line.into_iter().flat_map(|line| line.split('`').skip(1).step_by(2)).collect();
        self.data.keys().all(|key| listed.contains(&key))
    }
}
