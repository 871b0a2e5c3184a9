//! Source → an image that the node has.
//!
//! This file is a stand-in for the half that talks to engines; here are only the modules of the pure half.

pub mod context;
pub mod dockerfile;
pub mod glob;
pub mod graph;
pub mod ignore;
pub mod key;
mod secrets;
mod stat;
pub mod stat_cache;
pub mod survey;
mod warn;
