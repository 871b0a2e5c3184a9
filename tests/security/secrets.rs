//! Values of a project's secrets: where they must not be, for every end and every output of a run.

use crate::binary::Fixture;
use crate::binary::RunOutput;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;

/// As people have them: a URL, a key of several lines, one word, digits, one that is JSON.
const VALUES: [&str; 5] = [
    "postgres://me:hunter2-hunter2@db.example/x",
    "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7\n-----END KEY-----",
    "correcthorsebatterystaple",
    "4929123412341234",
    "{\"token\":\"s3cr3t-t0ken\"}",
];

fn project() -> Fixture {
    let env: Vec<String> =
        VALUES.iter().enumerate().map(|(index, value)| format!("K{index}='{value}'")).collect();
    // What a program prints that was given all of them.
    let lines: Vec<String> = VALUES
        .iter()
        .flat_map(|value| value.lines().map(str::to_owned).chain([STANDARD.encode(value)]))
        .map(|line| serde_json::to_string(&format!("cannot go on with {line}")).unwrap())
        .collect();
    let scenario =
        format!("[[pod]]\nname = 'web-*'\ndoes = 'crash'\ntimes = 0\nlines = [{}]\n", lines.join(", "));
    let web = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  \
               template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: nginx:1\n        \
               envFrom: [{secretRef: {name: keys}}]\n";
    Fixture::new(&[
        ("deploy.toml", "[[manifests]]\npath = 'k8s'\n[secret.keys]\nenv-file = '.env'\n"),
        ("k8s/web.yaml", web),
        (".env", &env.join("\n")),
        ("crash.toml", &scenario),
        ("tmp/mine", ""),
    ])
}

fn rehearse(fixture: &Fixture, arguments: &[&str]) -> RunOutput {
    let tmp = fixture.path("tmp");
    fixture.run_by(Path::new(env!("CARGO_BIN_EXE_todo")), &[&["rehearse"], arguments].concat(), |command| {
        command.env("TMPDIR", tmp).env("TODO_LOG", "trace");
    })
}

#[test]
fn a_run_tells_no_value_of_a_secret_in_any_way_of_telling() {
    let fixture = project();
    for (arguments, code) in [
        (&["--output", "plain", "--verbose"][..], 0),
        (&["--output", "json"], 0),
        (&["--scenario", "crash.toml", "--output", "plain", "--verbose"], 50),
        (&["--scenario", "crash.toml", "--output", "json", "--verbose"], 50),
    ] {
        let output = rehearse(&fixture, arguments);
        // The log is written in each of them.
        assert!(
            output.stderr.contains("todo::requests: ") && output.stderr.contains("TRACE"),
            "{}",
            output.stderr
        );
        let all = output.stdout + &output.stderr;
        assert_eq!(output.code, Some(code), "{arguments:?}: {all}");
        for value in VALUES {
            for part in value.lines().map(str::to_owned).chain([STANDARD.encode(value)]) {
                assert!(!all.contains(&part), "{arguments:?}: {part} in {all}");
            }
        }
        assert_eq!(all.contains("cannot go on with ***"), code == 50, "{arguments:?}: {all}");
    }
}

#[test]
fn a_mistake_beside_a_secret_does_not_quote_it() {
    let fixture = project();
    for (env, code) in [
        ("K0=hunter2\nhunter2\n", 2),
        ("K0='hunter2\n", 2),
        ("hun ter2=hunter2\n", 2),
        // A warning; then there is no Docker engine.
        ("K0=hunter2\nK0=hunter2\n", 10),
    ] {
        std::fs::write(fixture.path(".env"), env).unwrap();
        for output in ["plain", "json"] {
            let run = fixture.todo(&["up", "--verbose", "--output", output]);
            let all = run.stdout + &run.stderr;
            assert_eq!(run.code, Some(code), "{all}");
            assert!(all.contains(".env") && !all.contains("hunter2") && !all.contains("ter2"), "{all}");
        }
    }
}
