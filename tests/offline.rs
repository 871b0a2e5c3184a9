//! The commands about the program itself: they work anywhere, and a completion never prints an error.

use crate::binary::Fixture;
use std::ffi::OsStr;
use std::path::Path;

const PROJECT: &str = "[[manifests]]\npath = 'k8s'\n";
const OBJECT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";

fn todo() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_todo"))
}

#[test]
fn manual_pages_and_the_schema_need_no_project() {
    let fixture = Fixture::new(&[]);
    let schema = fixture.todo(&["schema"]);
    assert_eq!((schema.code, schema.stderr.as_str()), (Some(0), ""));
    let schema: serde_json::Value = serde_json::from_str(&schema.stdout).unwrap();
    assert!(schema["properties"]["manifests"].is_object());
    let pages = fixture.todo(&["man", "man1"]);
    assert_eq!((pages.code, pages.stderr.as_str()), (Some(0), ""));
    assert!(fixture.path("man1/todo-up.1").is_file());
    let page = fixture.todo(&["man"]);
    assert!(page.stdout.contains(".TH todo 1"), "{}", page.stdout);
}

#[test]
fn a_request_for_completions_prints_values_and_never_an_error() {
    let fixture = Fixture::new(&[("deploy.toml", "[[manifests]]\npath = 3\n")]);
    for (shell, words) in [
        ("fish", &["--", "todo", "up", "--target", ""][..]),
        ("fish", &["--", "todo", "restart", ""]),
        ("fish", &["--"]),
        ("bash", &["--", "todo", "nonsense", "more"]),
        ("no-shell", &["--", "todo", ""]),
    ] {
        let output = fixture.run_by(todo(), words, |command| {
            command.env("TODO_COMPLETE", shell);
        });
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{shell} {words:?}");
    }
    let output = fixture.run_by(todo(), &["--version"], |command| {
        command.env("TODO_COMPLETE", "bash");
    });
    assert!(output.stdout.starts_with("todo "), "a variable alone is no request: {}", output.stdout);
}

/// Completes `line` in bash, which loads the script as its users do.
#[test]
#[cfg(target_os = "linux")]
fn bash_offers_the_workloads_of_the_project() {
    let fixture = Fixture::new(&[("deploy.toml", PROJECT), ("k8s/a.yaml", OBJECT)]);
    let script = "source <(todo completions bash); COMP_WORDS=(todo restart w); COMP_CWORD=2\n\
                  _clap_complete_todo todo w restart; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let folders = std::env::join_paths([todo().parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")]);
    let output = fixture.run_by(Path::new("bash"), &["-c", script], |command| {
        command.env("PATH", folders.as_deref().unwrap_or(OsStr::new("/usr/bin")));
    });
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("web\n", ""));
}
