//! The module as a whole: against an engine at the wire, and (ignored) against a real one.

#[cfg(unix)]
mod asked;
#[cfg(unix)]
mod fake;
#[cfg(target_os = "linux")]
mod real;
#[cfg(unix)]
mod registry;
mod sample;
#[cfg(target_os = "linux")]
mod synced;
#[cfg(unix)]
mod wire;
