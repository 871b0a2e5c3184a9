//! The completions for shells.

use super::complete;
use super::script;
use crate::cli::Cli;
use crate::event::Code;
use crate::world::World;
use clap::CommandFactory;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// A loaded machine may take longer than users wait.
const LONG: Duration = Duration::from_secs(60);

const PROJECT: &str = "[target.staging]\ncontext = 'c'\n[[manifests]]\npath = 'k8s'\n";
const OBJECTS: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: nginx}, {name: proxy}]}}}\n\
                       ---\napiVersion: v1\nkind: Service\nmetadata: {name: web-http}\n\
                       ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("shop/deploy.toml", PROJECT);
    write("shop/k8s/all.yaml", OBJECTS);
    write("home/.minikube/profiles/dev/config.json", "{}");
    write("home/.minikube/profiles/left-over/client.crt", "");
    folder
}

/// The values for the last of `words` in `at`, as fish gets them, without their descriptions.
fn offered(root: &Path, at: &str, words: &[&str]) -> Vec<String> {
    let world = World::fake(root.join(at), [("HOME", root.join("home"))]);
    let arguments = ["todo", "--", "todo"].iter().chain(words).map(OsString::from).collect();
    let text = String::from_utf8(complete(OsStr::new("fish"), arguments, world, LONG)).unwrap();
    text.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
}

fn values(root: &Path, at: &str, words: &[&str]) -> Vec<String> {
    offered(root, at, words).into_iter().filter(|value| !value.starts_with('-')).collect()
}

#[test]
fn values_come_from_the_project_and_from_minikube() {
    let folder = folder();
    let root = folder.path();
    for (words, wanted) in [
        (&["logs", ""][..], &["web", "web-http"][..]),
        (&["logs", "web", "web-"], &["web-http"]),
        (&["logs", "--container", ""], &["nginx", "proxy"]),
        (&["restart", ""], &["web"]),
        (&["forward", ""], &["web-http"]),
        (&["up", "--target", ""], &["staging"]),
        (&["--profile", ""], &["dev"]),
        (&["up", "-p", ""], &["dev"]),
        (&["cp", "web"], &["web-http:", "web:"]),
        (&["cp", "a.txt", "web-"], &["web-http:"]),
        (&["cp", "k8s/"], &["k8s/all.yaml"]),
        (&["help", "crash-l"], &["crash-loop"]),
        (&["help", "exit"], &["exit-codes"]),
    ] {
        assert_eq!(values(root, "shop", words), wanted, "{words:?}");
    }
    let all = values(root, "shop", &["help", ""]);
    assert!(Code::ALL.iter().all(|code| all.iter().any(|item| item == code.as_str())));
    assert!(all.iter().any(|item| item == "up") && !all.iter().any(|item| item == "post-render"));
}

#[test]
fn the_file_that_the_line_names_is_read() {
    let folder = folder();
    for words in [
        &["--file", "shop", "restart", ""][..],
        &["-f", "shop/deploy.toml", "restart", ""],
        &["restart", "--file=shop", ""],
    ] {
        assert_eq!(values(folder.path(), "", words), ["web"], "{words:?}");
    }
}

#[test]
fn without_a_project_commands_and_flags_are_completed_and_nothing_fails() {
    let folder = folder();
    let root = folder.path();
    let commands = values(root, "home", &[""]);
    for command in Cli::command().get_subcommands() {
        let is_offered = commands.iter().any(|one| one == command.get_name());
        assert_eq!(is_offered, !command.is_hide_set(), "{}", command.get_name());
    }
    assert!(offered(root, "home", &["up", "--time"]).contains(&"--timeout".to_owned()));
    assert_eq!(values(root, "home", &["restart", ""]), [""; 0]);
    assert_eq!(values(root, "home", &["up", "--target", ""]), [""; 0]);
    std::fs::write(root.join("home/deploy.toml"), "[[manifests]]\npath = 3\n[target.a]\ncontext='c'\n")
        .unwrap();
    assert_eq!(values(root, "home", &["up", "--target", ""]), ["a"], "a mistake hides nothing else");
}

#[test]
fn what_is_no_request_of_a_shell_gets_nothing() {
    let world = || World::fake(Path::new("/"), [("", ""); 0]);
    assert!(
        complete(OsStr::new("cmd"), ["todo", "--", "todo", ""].map(OsString::from).into(), world(), LONG)
            .is_empty()
    );
    assert!(
        complete(OsStr::new("bash"), ["todo", "--"].map(OsString::from).into(), world(), LONG).is_empty()
    );
    assert!(script("cmd", OsStr::new("todo"), &world()).is_none());
}

#[test]
fn a_script_calls_the_program_that_wrote_it() {
    let world = World::fake(Path::new("/home/some body"), [("", ""); 0]);
    // Backslashes are written twice in some shells.
    let plain = |text: &str| text.replace('\\', "");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let found = script(shell, OsStr::new("todo"), &world).unwrap();
        assert!(found.contains("TODO_COMPLETE"), "{shell}: {found}");
        let found = script(shell, OsStr::new("./bin/todo"), &world).unwrap();
        let path = Path::new("/home/some body").join("./bin/todo").display().to_string();
        assert!(plain(&found).contains(&plain(&path)), "{shell}: {found}");
    }
    let bash = script("bash", OsStr::new("./bin/todo"), &world).unwrap();
    assert!(!bash.contains("\"\"") && plain(&bash).contains("bin/todo' -- "), "{bash}");
}
