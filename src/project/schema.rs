//! The JSON Schema of deploy.toml, with which editors complete, explain and check it.
//!
//! `check` does not read it: its answers are better, and it checks more than a schema can express. The tests hold the
//! two together.

/// The schema, draft 7, which editors know best.
pub const DEPLOY_TOML: &str = include_str!("../../docs/deploy.schema.json");

#[cfg(test)]
mod tests;
