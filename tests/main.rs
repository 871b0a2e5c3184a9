//! The whole binary, and the promises that hold between rooms.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod binary;
mod cluster {
    mod fake;
    mod hooks;
    mod lab;
    mod order;
    mod past;
    mod real;
    mod thorough;
    mod trouble;
}
#[path = "dockerignore/differential.rs"]
mod dockerignore;
mod from_scripts;
#[path = "init/trees.rs"]
mod init;
#[cfg(unix)]
mod real;
mod tidy;
