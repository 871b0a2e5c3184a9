//! Objects → running.

pub mod apply;
pub mod blame;
#[cfg(test)]
mod cases;
pub mod explain;
#[cfg(test)]
mod fake_api;
pub mod health;
pub mod judge;
pub mod live;
pub mod rollout;
pub mod snapshot;
pub mod status;
pub mod target;
