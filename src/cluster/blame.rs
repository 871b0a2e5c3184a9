//! Why something does not become healthy, as a finding: in the words of its manifest, with the line and what to do.
//!
//! What is wrong is recognised in `health::cause`. Read [`tell`] for how it is told.

pub mod advice;
pub mod service;
pub mod tell;
