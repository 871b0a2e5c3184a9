//! The promises of `todo`, kept on a real minikube with the Todo Chatbot of this repository.
//!
//! They need minikube, a Docker engine and kubectl, and run one at a time:
//! `cargo test -- --ignored --test-threads=1`. Each has a profile and a kubeconfig of its own, deletes what an earlier
//! run left, and leaves nothing behind. `TODO_TEST_INGRESS` is a command that installs an Ingress controller of class nginx
//! into the profile that is its last argument; without it the chapter on Ingresses reports that it is skipped.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test tells what it saw and starts programs itself"
)]

mod examples;
mod failures;
mod fidelity;
mod forwards;
mod harm;
mod harness;
mod helm;
mod http;
mod ingress;
mod kills;
mod life;
mod neighbours;
mod profile;
mod repairs;
pub(crate) mod reports;
mod rollouts;
mod soak;
mod sync;
mod trials;
mod watch;
