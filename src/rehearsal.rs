//! A cluster in this process, for trying and for testing.
//!
//! [`api`] is an API server that keeps its objects in memory and lets nothing happen to them by itself; [`cluster`] puts
//! the controllers that matter behind it. What speaks to either speaks HTTP, so the program under test is the one that
//! speaks to a real cluster.

mod admission;
pub mod api;
mod chance;
pub mod cluster;
mod defaults;
mod deletion;
mod fieldset;
mod kinds;
mod memory;
mod owner;
mod patch;
mod quantity;
mod refuse;
pub mod request;
pub mod serve;
mod served;
mod verbs;
