//! Objects → running: applied, watched until healthy, explained where they are not, taken away.
//!
//! Writing: [`target`] (where), [`phase`] (in which order), `survey` (what is there), [`capacity`] (what is left for it),
//! `decide` (what to do about each object: `decided`), [`apply`] (doing it; [`applied`] is what was done), [`settle`] (what is
//! no longer wanted), [`remove`] (deleting it).
//! Watching: the crate `health` (the status of objects, and causes), [`blame`] (causes as findings), [`tracker`]
//! (what it means over time, pure), [`rollout`] (feeding the tracker from watches), [`status`] and [`explain`] (asking it once).
//! Beside both: [`logs`] (what the pods print), [`exec`] (a command in a container), [`restart`] (new ones without a change).
//!
//! # What is not here
//! Not a typed model of Kubernetes: objects are JSON from the file to the wire. Nothing is written that does not differ.

pub mod applied;
pub mod apply;
mod barrier;
pub mod blame;
pub mod capacity;
#[cfg(test)]
mod cases;
pub mod compare;
mod conflict;
pub mod context;
mod decide;
mod decided;
mod delete;
mod diff;
mod difference;
pub mod exec;
pub mod explain;
#[cfg(test)]
mod fake_api;
mod field;
pub mod forced_rollback;
pub mod foreign;
mod gone;
pub mod helm;
pub mod hook;
mod immutable;
pub mod inventory;
mod kind;
mod leftover;
pub mod lock;
pub mod logs;
mod migrate;
mod namespace;
mod once;
pub mod order;
pub mod owner;
pub mod phase;
pub mod pod_times;
pub mod pulse;
mod refusal;
pub mod release;
pub mod remove;
mod request;
pub mod restart;
mod retry;
pub mod revision;
pub mod rollout;
pub mod secrets;
mod sequence;
pub mod settle;
pub mod status;
mod survey;
pub mod synced;
pub mod target;
pub mod tracker;
mod unified;
mod until;
pub mod usage;
pub mod wait_for_fresh_status;
mod wire;
mod write;
