//! Objects → running.

pub mod apply;
pub mod blame;
pub mod health;
pub mod judge;
pub mod live;
pub mod snapshot;
pub mod target;
