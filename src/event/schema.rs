//! The JSON Schema of the lines of `--output json`. The tests hold it and the types together.

/// The schema, draft 7.
pub const EVENTS: &str = include_str!("../../docs/events.schema.json");

#[cfg(test)]
mod tests;
