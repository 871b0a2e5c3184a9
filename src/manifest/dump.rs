//! Text of dumped objects → the objects, one after the other.
//!
//! Unlike [`yaml`](crate::manifest::yaml), which keeps the place of every value and refuses what is doubtful in a
//! manifest: a dump may be a hundred times as large, it is not corrected by hand, and it may have been cut off. So the
//! entries of a list are passed on as soon as they are complete, and remain valid when the text ends in the middle of
//! the next.

mod json;
mod yaml;

use serde_json::Map;
use serde_json::Value;

/// How many values one text may hold: what each takes is bounded, what a file of the size that is read can hold is not.
const VALUES: usize = 3_000_000;

/// How deep a value may nest.
const DEPTH: usize = 100;

/// A part of a dump.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// A whole entry of the list that is being read.
    Item(Value),
    /// The end of that list, with its fields other than its entries; `kind` is missing where it was cut off.
    List(Map<String, Value>),
    /// A document that is not a list.
    Object(Value),
}

/// How far a text could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// To its end.
    Whole,
    /// It ends in the middle of an object.
    CutOff,
}

/// The text is not what this reader takes; another may report why, or read it nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// Reads `text` and passes each part to `take`.
///
/// # Errors
/// Where it is neither YAML nor JSON, or too much. The parts passed on before then must not be used.
pub fn parse(text: &str, take: &mut dyn FnMut(Part)) -> Result<Ending, Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let begins_as_json = text.trim_start().starts_with('{');
    if begins_as_json {
        match json::parse(text, take) {
            Ok(ending) => return Ok(ending),
            Err(json::Wrong { handed_out: true, .. }) => return Err(Unreadable),
            // A flow mapping of YAML that is not JSON.
            Err(json::Wrong { handed_out: false, .. }) => {}
        }
    }
    yaml::parse(text, take).map_err(|yaml::Wrong| Unreadable)
}

#[cfg(test)]
mod tests;
