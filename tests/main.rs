//! The whole binary, and the promises that hold between rooms.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod binary;
mod cluster {
    mod back;
    mod fake;
    mod real;
    mod shared;
}
#[path = "dockerignore/differential.rs"]
mod dockerignore;
#[cfg(unix)]
#[path = "failures/case.rs"]
mod failures;
#[cfg(unix)]
mod real;
mod tidy;
