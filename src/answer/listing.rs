//! A list of things in columns: the same data as text and as JSON.

use serde_json::Value;

/// An answer of several lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// What stands above the columns; empty for none.
    pub header: Vec<&'static str>,
    /// The lines; the last cell of each may be long and is never padded.
    pub rows: Vec<Vec<String>>,
    /// Lines that are shown below each row, in the order of the rows; rows beyond its end have none.
    pub below: Vec<Vec<String>>,
    /// The text of an empty list.
    pub nothing: &'static str,
    /// The same for programs.
    pub json: Value,
}
