//! The whole binary, and the promises that hold between rooms.
#[path = "dockerignore/differential.rs"]
mod dockerignore;
