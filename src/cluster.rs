//! Objects → running.

pub mod apply;
pub mod blame;
#[cfg(test)]
mod cases;
pub mod explain;
pub mod health;
pub mod judge;
pub mod live;
pub mod rollout;
pub mod snapshot;
pub mod status;
pub mod target;
