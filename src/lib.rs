//! `todo` brings a small application up on minikube with one command, again and again, and takes it down again.
//!
//! docs/architecture.md is the map of the modules, and describes where to change what.
//!
//! Read in this order: [`project`] is the configuration and [`manifest`] the objects, [`plan`] decides the desired
//! state, [`flow`] does it step by step ([`preflight`], [`minikube`], [`image`], [`cluster`], [`service`]), [`event`]
//! is what is reported during the run, [`report`] prints it. [`fault`] is how it can fail. [`discover`] writes the
//! configuration for a tree without one (`todo init`).
//!
//! # Invariants
//! 1. Nothing outside is touched before all that can be wrong in the project's own files has been found, and all of it at once.
//! 2. `up` converges: whatever interrupted the last run, the next one ends in the same state, and unchanged means untouched.
//! 3. Only [`exec`] starts processes, only [`world`] reads the environment, only [`report`] writes to the terminal.
//! 4. What decides is pure: values in, values out ([`plan`], `manifest::{bind, lint}`, the crates `dockerfile` and `health`,
//!    `cluster::{blame, phase}`, `report::fold`).
//! 5. Secret values live in [`project::secret::Secret`]; they reach a Kubernetes Secret or a BuildKit secret mount, nothing else.
//! 6. Nothing that todo does not own is changed: other managers' fields, objects, profiles, the current kubectl context.
//! 7. Standard output has the answer, standard error the progress, the warnings and the errors.
//! 8. No message without a next step, no wait without a reason on screen, no failure that only a time limit finds.
//! 9. `up` returns: what has to outlive it (a port-forward) is a process of its own, which `status` lists and `down` ends.
//!
//! # What is not here
//! No shell, no templates, no plug-ins, and no step framework: the output of one step is the input of the next.
//! The siblings `preflight`, `minikube`, `image`, `cluster` and `service` never know one another; `flow` alone knows the order.

pub mod answer;
pub mod applets;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod complete;
pub mod crash;
pub mod discover;
pub mod docker;
pub mod event;
pub mod exec;
pub mod fault;
pub mod file;
pub mod flow;
pub mod go_base64;
pub mod help;
pub mod image;
pub mod kubernetes;
pub mod limit;
pub mod manifest;
pub mod manual;
pub mod minikube;
pub mod plan;
pub mod pointer;
pub mod preflight;
pub mod project;
pub mod random;
pub mod redact;
pub mod rehearsal;
pub mod relative;
pub mod replace;
pub mod report;
pub mod requests;
pub mod run;
pub mod service;
mod session;
pub mod signal;
mod terminal;
pub mod version;
pub mod watch;
pub mod world;

pub use session::main;
