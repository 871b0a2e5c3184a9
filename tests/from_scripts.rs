//! `docs/from-scripts.md` against the program: what it promises is there under that name.

use clap::Parser;
use std::fmt::Write;
use std::path::Path;
use todo::cli::Cli;

const PAGE: &str = include_str!("../docs/from-scripts.md");

/// The texts between two marks, on one line each.
fn between(mark: char) -> Vec<&'static str> {
    PAGE.lines().flat_map(|line| line.split(mark).skip(1).step_by(2)).collect()
}

#[test]
fn every_command_is_one_that_the_program_takes() {
    let commands: Vec<&str> = between('`').into_iter().filter(|code| code.starts_with("todo ")).collect();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        if let Err(error) = Cli::try_parse_from(command.split_whitespace()) {
            panic!("`{command}`: {error}");
        }
    }
}

/// A key that deploy.toml does not have is reported by name; any other mistake of this file does not matter.
#[test]
fn every_key_is_one_that_deploy_toml_may_have() {
    for (sections, keys) in [
        ("[minikube]", &["driver", "cpus", "memory", "disk", "kubernetes", "addons"][..]),
        ("[image.a]", &["dockerfile", "context", "args", "max-size"]),
        ("[secret.a]", &["from-env", "generate", "env-file"]),
        ("[[manifests]]", &["path", "kustomize", "chart", "release", "values", "set"]),
        ("[service.a]", &["expect", "local-port"]),
        ("[[check]]", &["when", "tcp"]),
        ("[target.a]", &["registry"]),
    ] {
        let mut text = format!("{sections}\n");
        for key in keys {
            assert!(between('`').iter().any(|code| code.starts_with(key)), "`{key}` is not on the page");
            let _ = writeln!(text, "{key} = []");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deploy.toml");
        std::fs::write(&file, &text).unwrap();
        let message = match todo::project::check::load(&file) {
            Ok(_) => String::new(),
            Err(fault) => format!("{:?}", fault.findings),
        };
        assert!(!message.contains("is not a key of deploy.toml"), "{text}{message}");
    }
}

#[test]
fn every_message_is_one_that_the_program_can_say() {
    let mut source = String::new();
    for folder in ["src", "crates"] {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut source);
    }
    let messages: Vec<&str> = PAGE
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('*').skip(1).step_by(2))
        .collect();
    assert!(messages.len() > 25, "{messages:?}");
    for message in messages {
        for part in message.split('…').map(str::trim).filter(|part| part.len() > 2) {
            assert!(source.contains(part), "nothing says {part:?} of {message:?}");
        }
    }
}

fn read(folder: &Path, into: &mut String) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            into.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}
