//! A Docker engine, a minikube and a Kubernetes cluster in this process, for rehearsals and tests.
//!
//! Read [`host`] first: it puts them together, and a [`scenario`] defines the faults ([`injector`]). [`api`] is an API
//! server that keeps its objects in memory; [`cluster`] adds the controllers, the scheduler and the kubelet. All of
//! them answer over HTTP as the real ones do, so tests run the same program that talks to a real cluster. Time is the
//! runtime's ([`runtime`]), and jumps to the next thing that happens ([`virtual_clock`]).

mod admission;
pub mod api;
mod certificates;
pub mod clock;
pub mod cluster;
mod defaults;
mod deletion;
pub(crate) mod engine;
mod fieldset;
pub mod host;
pub mod injector;
mod kinds;
mod listener;
mod lost;
mod memory;
pub mod minikube;
mod owner;
mod quantity;
mod random;
mod refuse;
pub mod request;
pub mod runtime;
pub mod scenario;
pub mod serve;
mod served;
mod verbs;
pub mod virtual_clock;
