//! Why something does not become healthy, as a finding: in the words of its manifest, with the line and what to do.
//!
//! `health::cause` finds what is wrong; [`tell`] makes the message, the place and the advice from it.

mod advice;
pub(super) mod service;
pub(super) mod tell;
