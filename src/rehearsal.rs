//! An engine, a minikube and a cluster in this process, for trying and for testing.
//!
//! [`host`] puts them together, and is where to begin; [`gate`] lets go wrong what a [`scenario`] says. [`api`] is an API
//! server that keeps its objects in memory and lets nothing happen to them by itself; [`cluster`] puts the controllers that
//! matter behind it. What speaks to any of them speaks HTTP, so the program under test is the one that speaks to a real
//! cluster.

mod admission;
pub mod api;
mod chance;
pub mod cluster;
mod defaults;
mod deletion;
mod door;
pub(crate) mod engine;
mod fieldset;
mod folder;
pub mod gate;
pub mod host;
mod kinds;
mod lost;
mod memory;
mod minikube;
mod owner;
pub mod pace;
mod quantity;
mod refuse;
pub mod request;
pub mod scenario;
mod seal;
pub mod serve;
mod served;
mod verbs;
