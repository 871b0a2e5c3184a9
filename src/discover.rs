//! A tree that has never heard of `todo` → what its deploy.toml would say, and why.
//!
//! Not a guess by one file's name: whatever speaks of the deployment (Dockerfiles, compose files, charts, kustomizations,
//! manifests, scripts, `.env` examples) is evidence, and each answer names the evidence it rests on. Pure but for
//! [`tree::look`]: a listing and texts in, a [`proposal::Proposal`] out, so that what is proposed for a tree can be compared.
//!
//! Read [`tree`], then the readers ([`dockerfile`], [`compose`], [`script`], [`chart`], [`kustomization`]), then [`way`] (which
//! of several packagings), [`naming`] (which image is whose) and [`proposal`]; [`toml`] and [`generate`] write it down.

pub mod chart;
pub mod compose;
pub mod dockerfile;
pub mod generate;
pub mod keys;
pub mod kustomization;
pub mod naming;
pub mod opened;
pub mod proposal;
pub mod script;
pub mod shell;
pub mod toml;
pub mod tree;
pub mod way;
