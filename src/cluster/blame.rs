//! Why an object does not become healthy, as a finding in terms of its manifest, with the line and what to do.
//!
//! `health::cause` finds the cause; [`tell`] makes the message, the place and the advice from it.

mod advice;
pub(super) mod service;
pub(super) mod tell;
