//! `todo`'s report on each fault: the directories of `tests/failures`, all at once on one profile.

use crate::failures::Case;
use crate::failures::kubectl;
use crate::failures::program;
use regex::Regex;
use std::process::Command;
use std::sync::Mutex;

/// So many at a time: more would only wait for the node's CPU, and their reports would say so.
const AT_ONCE: usize = 6;

/// Any number of lines of evidence.
const MORE: &str = "  | <more>";

#[test]
#[ignore = "needs minikube"]
fn every_failure_is_told_as_expected() {
    let profile = Profile::ready();
    let cases = Mutex::new(Case::all().into_iter());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(case) = cases.lock().unwrap().next() else { return };
                    case.forget(&profile.name);
                    let output = case.up(&program(), &profile.name);
                    let report = report(&output.text);
                    println!("== {}: {:?}\n{report}", case.name, output.code);
                    if output.code != Some(case.terms.code) {
                        wrong.lock().unwrap().push(format!("{}: exit code {:?}", case.name, output.code));
                    } else if let Err(difference) = compare(&case, &report) {
                        wrong.lock().unwrap().push(format!("{}: {difference}", case.name));
                    }
                    kubectl(&profile.name, &["delete", "namespace", &case.namespace(), "--wait=false"]);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The end of the output: from the first error on, or the warnings of a run that succeeded.
fn report(text: &str) -> String {
    if let Some(start) = text.find("\nerror[") {
        return text[start + 1..].trim_end().to_owned();
    }
    let mut lines = Vec::new();
    let mut within = false;
    for line in text.lines() {
        within = line.starts_with("warning[") || (within && line.starts_with(' '));
        if within {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// Whether one of the directory's expectations is met; otherwise the first line that differs from the nearest.
pub(crate) fn compare(case: &Case, report: &str) -> Result<(), String> {
    let mut nearest = (0, "there is no expected.txt".to_owned());
    for name in ["expected.txt", "expected-offline.txt"] {
        let Ok(expected) = std::fs::read_to_string(case.folder.join(name)) else { continue };
        let (wanted, actual): (Vec<&str>, Vec<&str>) =
            (expected.trim_end().lines().collect(), report.lines().collect());
        let differs = first_difference(&wanted, &actual);
        let Some((line, at)) = differs else { return Ok(()) };
        if line >= nearest.0 {
            let shown = |lines: &[&str], at: usize| {
                lines.get(at).map_or("nothing more".to_owned(), |line| format!("`{line}`"))
            };
            nearest = (
                line,
                format!(
                    "{name}:{}: expected {}, told {}",
                    line + 1,
                    shown(&wanted, line),
                    shown(&actual, at)
                ),
            );
        }
    }
    Err(nearest.1)
}

/// The first expected line that is not met, and the line that is there instead.
fn first_difference(wanted: &[&str], actual: &[&str]) -> Option<(usize, usize)> {
    let mut at = 0;
    for (line, expected) in wanted.iter().enumerate() {
        if *expected == MORE {
            let next = wanted.get(line + 1);
            let is_next = |actual: &str| next.is_some_and(|next| matches(next, actual));
            while actual.get(at).is_some_and(|actual| actual.starts_with("  | ") && !is_next(actual)) {
                at += 1;
            }
        } else if actual.get(at).is_some_and(|actual| matches(expected, actual)) {
            at += 1;
        } else {
            return Some((line, at));
        }
    }
    (at < actual.len()).then_some((wanted.len(), at))
}

/// Whether a line is as expected; words in angle brackets stand for what differs from run to run.
fn matches(expected: &str, actual: &str) -> bool {
    let mut pattern = String::from("^");
    let mut rest = expected;
    while let Some((before, word, after)) = placeholder(rest) {
        pattern.push_str(&regex::escape(before));
        pattern.push_str(word);
        rest = after;
    }
    pattern.push_str(&regex::escape(rest));
    pattern.push('$');
    Regex::new(&pattern).unwrap().is_match(actual)
}

fn placeholder(text: &str) -> Option<(&str, &'static str, &str)> {
    let words = [
        ("<pod>", "[a-z0-9-]+"),
        ("<ip>", r"[0-9a-f.:]+"),
        ("<port>", r"[0-9]+"),
        ("<id>", "[0-9a-f-]+"),
        ("<amount>", r"[0-9.]+ ?[A-Za-z]*"),
        ("<times>", "(?:twice|[0-9]+ times)"),
        ("<so far>", "(?:, (?:twice|[0-9]+ times) so far)?"),
        ("<node>", "[a-z0-9.-]+"),
        ("<rest>", ".*"),
    ];
    let (at, (word, pattern)) =
        words.iter().filter_map(|word| Some((text.find(word.0)?, word))).min_by_key(|(at, _)| *at)?;
    Some((&text[..at], pattern, &text[at + word.len()..]))
}

/// A profile that runs: the one that is named, which stays, or one of our own.
pub(crate) struct Profile {
    pub(crate) name: String,
    ours: bool,
}

impl Profile {
    pub(crate) fn ready() -> Profile {
        if let Ok(name) = std::env::var("TODO_TEST_PROFILE") {
            return Profile { name, ours: false };
        }
        let profile = Profile { name: "todo-reports".to_owned(), ours: true };
        let arguments = ["start", "--driver=docker", "--interactive=false", "--keep-context", "--cpus=2"];
        let started =
            Command::new("minikube").args(arguments).args(["--memory=2200m", "-p", &profile.name]).status();
        assert!(started.unwrap().success());
        profile
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        if self.ours {
            let deleted = Command::new("minikube").args(["delete", "-p", &self.name]).status();
            println!("{} deleted: {deleted:?}", self.name);
        }
    }
}
