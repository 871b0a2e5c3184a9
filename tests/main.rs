//! The whole binary, and the promises that hold between modules.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod binary;
mod campaign;
mod cluster {
    mod back;
    mod fake;
    mod harness;
    mod hooks;
    mod lab;
    mod order;
    mod others;
    mod past;
    mod real;
    mod shared;
    mod thorough;
    mod unreliable_server;
}
#[path = "dockerignore/differential.rs"]
mod dockerignore;
#[cfg(unix)]
#[path = "failures/case.rs"]
#[expect(
    dead_code,
    clippy::disallowed_methods,
    reason = "of a program of its own: benches/failures.rs reads the times, too"
)]
mod failures;
mod forwards;
mod from_scripts;
mod garbled;
#[path = "init/trees.rs"]
mod init;
#[cfg(unix)]
mod real;
#[cfg(unix)]
mod rehearsed {
    mod asleep;
    mod damaged;
    mod failures;
    mod faults;
    #[cfg(target_os = "linux")]
    mod fixes;
    pub(crate) mod harness;
    mod held;
    mod kinds;
    mod life;
    mod neighbours;
    mod quotas;
    mod rollouts;
    mod value_from;
    mod watch;
}
mod licences;
mod offline;
mod rehearse;
mod security {
    mod bundle;
    #[cfg(unix)]
    mod children;
    #[cfg(unix)]
    mod hostile;
    #[cfg(target_os = "linux")]
    mod inputs;
    #[cfg(unix)]
    mod printed;
    #[cfg(unix)]
    mod secrets;
    #[cfg(unix)]
    mod streams;
    mod tls;
}
mod tidy;
mod validate;
