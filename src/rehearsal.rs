//! A cluster in this process, for trying and for testing: an API server that keeps its objects in memory.
//!
//! Not a simulation of controllers: nothing happens to an object by itself. What speaks to it speaks HTTP, so the
//! program under test is the one that speaks to a real cluster.

pub mod api;
pub mod cluster;
mod door;
pub(crate) mod engine;
mod fieldset;
pub mod gate;
pub mod host;
mod minikube;
mod memory;
mod owner;
pub mod pace;
mod patch;
pub mod request;
pub mod scenario;
mod seal;
pub mod serve;
mod served;
mod verbs;
