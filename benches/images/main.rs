//! The cost of the image engine compared with `docker build`, on the same engine, in the same run.
//!
//!     cargo bench --bench images                      # every case that this machine can run
//!     cargo bench --bench images -- no-change memory  # some of them
//!
//! Each time is that of a whole process: `todo` starts, reads deploy.toml, surveys the contexts, asks the engine and
//! builds, as `todo up` does between its first line and `images`; the other is `docker build --quiet` of the CLI's own
//! BuildKit client (`DOCKER_BUILDKIT=1`). The two take turns, and the medians are divided: seconds mean nothing on
//! another machine, and ratios little on a busy one. A missed target ends the run with 1.
//!
//! | variable | meaning |
//! |---|---|
//! | `TODO_TEST_ENGINE` | the engine's address; `unix:///var/run/docker.sock` if not set |
//! | `TODO_TEST_CERTS` | the directory of its certificates, if it speaks TLS |
//! | `TODO_TEST_BASE` | an image that it has, with a shell; `debian:bookworm-slim` if not set |
//! | `TODO_TEST_DOCKER` | the `docker` to compare with; the first on the PATH if not set |
//! | `TODO_TEST_NODE` | a minikube profile with containerd on this machine's engine: shipping is compared as well |
//!
//! Which `docker` it is matters: the client that 20.10 has built in needs little time of its own, so that nearly all of a build
//! after one changed line is the engine's on both sides; `docker build` since 23 is buildx, which takes twice as long.
//!
//! Requests and bytes are counted by a relay, so on an engine that listens on a Unix socket only. `chatbot` needs an engine
//! that has or can pull the bases of `docker/`.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program of its own"
)]

mod cases;
mod contexts;
mod engine;
mod ours;
#[cfg(unix)]
mod relay;

use engine::Engine;
use std::process::ExitCode;

/// One line of the table.
struct Figure {
    what: &'static str,
    measured: f64,
    at_most: f64,
    unit: &'static str,
    note: String,
}

impl Figure {
    fn is_met(&self) -> bool {
        self.measured <= self.at_most
    }
}

type Case = (&'static str, fn(&Engine) -> Vec<Figure>);

const CASES: [Case; 7] = [
    ("no-change", cases::no_change),
    ("no-change-10k", cases::no_change_10k),
    ("one-line", cases::one_line),
    ("traffic", cases::traffic),
    ("memory", cases::memory),
    ("chatbot", cases::chatbot),
    ("containerd", cases::containerd),
];

fn main() -> ExitCode {
    if let Some(done) = ours::asked() {
        println!("{done}");
        return ExitCode::SUCCESS;
    }
    let desired: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let Some(unknown) = desired.iter().find(|word| CASES.iter().all(|(name, _)| name != word)) {
        println!("no case is called {unknown}: {}", CASES.map(|(name, _)| name).join(", "));
        return ExitCode::from(2);
    }
    let engine = Engine::of_this_machine();
    println!("engine {}, base {}\n", engine.address, engine.base);
    println!("| case | measured | target | |\n|---|---|---|---|");
    let mut missed = 0;
    for (name, case) in CASES {
        if !desired.is_empty() && desired.iter().all(|word| word != name) {
            continue;
        }
        for figure in case(&engine) {
            let verdict = if figure.is_met() { "met" } else { "MISSED" };
            missed += usize::from(!figure.is_met());
            let Figure { what, measured, at_most, unit, note } = figure;
            println!("| {what} | {measured:.3}{unit} ({note}) | ≤ {at_most:.3}{unit} | {verdict} |");
        }
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
