//! A tree that has never heard of `todo` → its proposed deploy.toml, with reasons.
//!
//! Not a guess by one file's name: everything about the deployment is evidence, and each answer names the evidence it
//! rests on. Pure but for [`walk::walk`]: a listing and texts in, a [`proposal::Proposal`] out, so that the proposals
//! for a tree can be compared. The rules stand in `docs/init.md`.
//!
//! Read [`tree`]; then the readers, which only report ([`evidence`], [`script`], [`skaffold`], [`tiltfile`],
//! [`devspace`], [`garden`], [`dockerfile`], [`compose`], [`chart`], [`kustomization`]); then what decides: [`method`]
//! (which of several packagings), [`naming`] (which workload uses which image), [`context`] (how it is built) and
//! [`proposal`]. [`toml`] and [`generate`] write it down.

pub mod chart;
pub mod collection;
pub mod compose;
pub mod context;
pub mod copies;
mod declared;
pub mod devspace;
pub mod dockerfile;
pub mod evidence;
pub mod garden;
pub mod generate;
pub mod helmfile;
pub mod keys;
pub mod kustomization;
pub mod manifest_files;
pub mod method;
pub mod missing;
pub mod mounted;
pub mod naming;
pub mod opened;
pub mod proposal;
pub mod propose;
mod published;
mod readers;
pub mod script;
pub mod secrecy;
pub mod shell;
pub mod skaffold;
mod submodules;
pub mod tiltfile;
pub mod toml;
pub mod tree;
pub mod variant;
pub mod walk;
