//! Objects → running: the writing half is here, the watching half beside it.
//!
//! Read [`target`] (where), [`phase`] (in which order), `survey` (what is there), `decide` (what to do about each
//! object), [`apply`] (doing it), [`settle`] (what is no longer wanted), [`remove`] (taking it away).
//!
//! # What is not here
//! Not a typed model of Kubernetes: objects are JSON from the file to the wire. Nothing is written that does not differ.
pub mod apply;
mod barrier;
pub mod compare;
mod conflict;
mod decide;
mod delete;
mod diff;
mod field;
mod immutable;
pub mod inventory;
mod kind;
pub mod lock;
mod migrate;
mod namespace;
pub mod phase;
mod refusal;
pub mod remove;
mod retry;
pub mod revision;
pub mod settle;
mod survey;
pub mod target;
mod until;
mod wire;
mod write;
