//! How long after its cause exists each failure is reported: the directories of `tests/failures`, one by one, median of
//! three.
//!
//! On the profile that `TODO_TEST_PROFILE` names, which has to run; names of directories as arguments measure only those.
//! Ends with 1 if a limit is missed.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program of its own"
)]

#[path = "../tests/failures/case.rs"]
mod case;

use case::Case;

const RUNS: usize = 3;

fn main() {
    let profile = std::env::var("TODO_TEST_PROFILE").expect("TODO_TEST_PROFILE names a profile that runs");
    let only: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let mut missed = Vec::new();
    println!("{:30} {:>8} {:>8} {:>8}", "failure", "median", "worst", "limit");
    for case in Case::all() {
        let Some(within) = case.terms.within else { continue };
        if !only.is_empty() && !only.contains(&case.name) {
            continue;
        }
        let mut took: Vec<f64> = (0..RUNS).map(|_| measure(&case, &profile)).collect();
        took.sort_by(f64::total_cmp);
        let verdict = if took[RUNS / 2] <= within { "" } else { "missed" };
        println!(
            "{:30} {:6.1} s {:6.1} s {:6.1} s  {verdict}",
            case.name,
            took[RUNS / 2],
            took[RUNS - 1],
            within
        );
        if !verdict.is_empty() {
            missed.push(case.name);
        }
    }
    if !missed.is_empty() {
        println!("missed: {}", missed.join(", "));
        std::process::exit(1);
    }
}

/// One run in a namespace that is new. The cluster writes whole seconds, so it took up to one second less than this.
fn measure(case: &Case, profile: &str) -> f64 {
    case.forget(profile);
    let output = case.up(&case::program(), profile);
    assert_eq!(output.code, Some(case.terms.code), "{}: {}", case.name, output.text);
    let began =
        case.began(profile).unwrap_or_else(|| panic!("{}: nothing of {:?}", case.name, case.terms.from));
    case.forget(profile);
    output.ended - began
}
