//! A cluster in this process, for trying and for testing: an API server that keeps its objects in memory.
//!
//! Not a simulation of controllers: nothing happens to an object by itself. What speaks to it speaks HTTP, so the
//! program under test is the one that speaks to a real cluster.

pub mod api;
pub mod cluster;
mod fieldset;
mod memory;
mod owner;
mod patch;
pub mod request;
pub mod serve;
mod served;
mod verbs;
