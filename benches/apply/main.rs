//! What `todo up` costs where nothing has changed, and what it holds in memory while much happens.
//!
//! Two tables: against an API server in this process, which counts requests and stirs as many pods as it likes, and
//! against `kubectl apply --server-side` on a real minikube, alternating in one run, where `KUBECONFIG` and `TODO_PROFILE`
//! select it. A miss is a non-zero exit code. `TODO_TEST_PROGRAM` names the program; without it, it is the one of this
//! build.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program of its own"
)]

mod fake;
mod lab;
mod program;
mod set;

use std::process::exit;

/// One line of the table: what, the figure, what it must not exceed.
struct Figure {
    what: &'static str,
    found: f64,
    limit: f64,
    unit: &'static str,
}

fn main() {
    let mut figures = fake::figures();
    match lab::figures() {
        Some(more) => figures.extend(more),
        None => println!("not measured against kubectl: KUBECONFIG and TODO_PROFILE name no minikube\n"),
    }
    println!("{:58} {:>12} {:>12}", "", "found", "at most");
    let mut misses = 0;
    for Figure { what, found, limit, unit } in figures {
        let verdict = if found <= limit { "ok" } else { "MISSED" };
        misses += i32::from(found > limit);
        println!("{what:58} {found:>8.2} {unit:3} {limit:>8.2} {unit:3} {verdict}");
    }
    exit(i32::from(misses > 0));
}
