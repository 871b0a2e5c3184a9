//! Objects → running: applied, watched until healthy, explained if they are not, deleted.
//!
//! This file is the interface of the module: a [`Target`] (the cluster and namespace), and the operations on it.
//! [`compare()`] returns what would change, [`apply()`] writes it, [`rollout()`] waits until it is healthy,
//! [`finalize()`] prunes objects that are no longer in the manifests and records the revision, [`remove()`] deletes
//! everything; [`status()`] and [`explain()`] read the current health once. Inside:
//!
//! Writing: `phase` (the order), `survey` (the existing objects), `capacity` (free resources), `decide` (the action for
//! each object: `planned`), `apply` (performs it; `applied` is the result). Watching: the crate `health` (the status of
//! objects, and causes), `blame` (causes as findings), `tracker` (the status over time, pure), `rollout` (feeds the
//! tracker from watches). For both: [`lock`] (one run at a time), [`logs`] (the output of the pods), [`exec`] (a
//! command in a container), [`synced`] (files copied into containers), [`revision`] (earlier deployments), [`release`],
//! [`hook`] and [`helm`] (charts).
//!
//! # Limits
//! Not a typed model of Kubernetes: objects are JSON from the file to the wire. Nothing is written that does not differ.

mod applied;
mod apply;
mod barrier;
mod blame;
mod capacity;
#[cfg(test)]
mod cases;
mod compare;
mod conflict;
mod context;
mod decide;
mod delete;
mod diff;
mod difference;
pub mod exec;
mod explain;
#[cfg(test)]
mod fake_api;
mod field;
mod finalize;
mod forced_rollback;
mod foreign;
mod gone;
pub mod helm;
pub mod hook;
mod immutable;
mod inventory;
mod kind;
mod leftover;
pub mod lock;
pub mod logs;
mod migrate;
mod namespace;
mod once;
mod order;
mod owner;
mod phase;
mod planned;
mod pod_times;
mod pulse;
mod refusal;
pub mod release;
mod remove;
mod request;
mod restart;
mod retry;
pub mod revision;
mod rollout;
mod secrets;
mod sequence;
mod status;
mod survey;
pub mod synced;
mod target;
mod tracker;
mod unified;
mod until;
mod usage;
mod volumes;
mod wait_for_fresh_status;
mod wire;
mod write;

pub use applied::Applied;
pub use applied::AppliedObject;
pub use applied::ApplyOptions;
pub use apply::apply;
pub use capacity::check_capacity;
pub use compare::Action;
pub use compare::Comparison;
pub use compare::ObjectDifference;
pub use compare::compare;
pub use context::kubeconfig_with;
pub use explain::Explained;
pub use explain::dump::Dump;
pub use explain::explain;
pub use finalize::finalize;
pub use finalize::inventory_damage;
pub use finalize::read_inventory;
pub use forced_rollback::forced_rollback;
pub use foreign::check_ownership;
pub use inventory::Inventory;
pub use inventory::InventoryEntry;
pub use order::check_order;
pub use owner::Doing;
pub use owner::Owner;
pub use owner::Wants;
pub use owner::project_owner;
pub use owner::refused_by;
pub use phase::owns_pods;
pub use phase::phase;
pub use pod_times::pod_times;
pub use pulse::Pulse;
pub use pulse::SilentNode;
pub use pulse::pulse;
pub use remove::GENERATED;
pub use remove::RemoveOptions;
pub use remove::Removed;
pub use remove::remove;
pub use remove::remove_keeping_namespaces;
pub use restart::restart;
pub use rollout::Limits;
pub use rollout::rollout;
pub use secrets::secrets;
pub use status::ObjectStatus;
pub use status::status;
pub use target::Guard;
pub use target::Target;
pub use target::client;
pub use tracker::annotation::check_annotations;
pub use wait_for_fresh_status::wait_for_fresh_status;
