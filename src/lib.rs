//! `todo` brings a small application up on minikube with one command, again and again, and takes it down again.
pub mod cli;
pub mod cluster;
pub mod docker;
pub mod event;
pub mod exec;
pub mod fault;
pub mod image;
pub mod manifest;
pub mod plan;
pub mod project;
pub mod rehearsal;
pub mod report;
pub mod run;
pub mod service;
pub mod signal;
pub mod world;
