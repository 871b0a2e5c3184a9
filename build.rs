//! Passes the commit of the build to the program: `todo --version`.
//!
//! `TODO_COMMIT` and `TODO_COMMIT_DATE` give them where there is no repository, as in a source archive; else git does.
//! The date is
//! the commit's, and not that of the build, so that the same source gives the same program. Debug builds do not ask: each commit would
//! recompile everything.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by its environment, and git is no program of a run"
)]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TODO_COMMIT");
    println!("cargo::rerun-if-env-changed=TODO_COMMIT_DATE");
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let is_release = given("PROFILE").is_some_and(|profile| profile == "release");
    let commit = match (given("TODO_COMMIT"), given("TODO_COMMIT_DATE")) {
        (None, _) if is_release => of_repository(),
        (commit, date) => commit.map(|commit| (commit, date.unwrap_or_default())),
    };
    let text = commit.map_or_else(String::new, |(commit, date)| {
        let commit: String = commit.chars().take(12).collect();
        format!(" ({})", [commit, date].join(" ").trim_end())
    });
    println!("cargo::rustc-env=TODO_BUILT_FROM={text}");
}

/// The commit of the repository that this is, not of one that it lies in, and its date.
fn of_repository() -> Option<(String, String)> {
    let here = std::env::var("CARGO_MANIFEST_DIR").ok()?;
    let git = |arguments: &[&str]| {
        let ran = Command::new("git").arg("-C").arg(&here).args(arguments).env("TZ", "UTC").output().ok()?;
        let text = String::from_utf8(ran.stdout).ok().filter(|_| ran.status.success())?;
        Some(text.trim().to_owned())
    };
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != Path::new(&here).canonicalize().ok()? {
        return None;
    }
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let shown = git(&["show", "-s", "--format=%H %cd", "--date=format-local:%Y-%m-%d", "HEAD"])?;
    let (commit, date) = shown.split_once(' ')?;
    Some((commit.to_owned(), date.to_owned()))
}
