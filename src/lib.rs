//! `todo` brings a small application up on minikube with one command, again and again, and takes it down again.
pub mod cluster;
pub mod docker;
pub mod event;
pub mod exec;
pub mod fault;
pub mod manifest;
pub mod project;
pub mod run;
pub mod signal;
pub mod world;
