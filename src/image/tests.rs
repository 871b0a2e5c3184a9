//! The room as a whole: against an engine at the wire, and (ignored) against a real one.

#[cfg(unix)]
mod fake;
#[cfg(target_os = "linux")]
mod real;
mod sample;
#[cfg(unix)]
mod wire;
