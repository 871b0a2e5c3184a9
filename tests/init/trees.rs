//! `todo init --yes` in trees as one finds them in public repositories: the written files, and the output.
//!
//! Each directory in this directory has a `tree`; `expected` holds what `init` writes into it and what it prints. To
//! write `expected` again: `TODO_BLESS=1 cargo test init::`, then read the difference.

#![expect(clippy::disallowed_methods, reason = "the program under test is started here")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use todo::event::Severity;
use todo::manifest::lint;
use todo::manifest::read::parse;
use todo::project::check::check;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/init")
}

/// The files below a directory by their paths with `/`.
fn files(folder: &Path) -> BTreeMap<String, String> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string().replace('\\', "/");
                found.insert(name, String::from_utf8(std::fs::read(&path).unwrap()).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

fn copy(from: &Path, to: &Path) {
    for (name, text) in files(from) {
        std::fs::create_dir_all(to.join(&name).parent().unwrap()).unwrap();
        std::fs::write(to.join(name), text).unwrap();
    }
}

/// Runs the program with `arguments` in `folder`. It finds no Helm and no kustomize: the result without them is the
/// same everywhere.
fn todo(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_todo"))
        .args(arguments)
        .env_clear()
        .env("PATH", folder.join("bin"))
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What `todo init` with `arguments` wrote next to `tree`, and what it printed under the name `screen.txt`.
fn written(folder: &Path, arguments: &[&str]) -> BTreeMap<String, String> {
    let before = files(folder);
    let output = todo(folder, &[&["init"], arguments].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&folder.display().to_string(), "TREE");
    let mut after = files(folder);
    after.retain(|name, text| before.get(name) != Some(text));
    let (shown, answer) = (text(&output.stderr), text(&output.stdout));
    let code = output.status.code().unwrap();
    after.insert("screen.txt".to_owned(), format!("{shown}{answer}exit code {code}\n"));
    after
}

#[test]
fn every_tree_gets_what_is_expected() {
    let bless = std::env::var_os("TODO_BLESS").is_some();
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in std::fs::read_dir(cases()).unwrap().map(|entry| entry.unwrap().path()) {
        if !case.join("tree").is_dir() {
            continue;
        }
        count += 1;
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let place = tempfile::tempdir().unwrap();
        // The directory's name names what nothing else does.
        let folder = place.path().canonicalize().unwrap().join("todo");
        copy(&case.join("tree"), &folder);
        let got = written(&folder, &["--yes"]);
        if let Some(text) = got.get("deploy.toml") {
            usable(&name, &folder, text, &got);
            rehearsed(&name, &folder, &got["screen.txt"]);
        }
        let expected = case.join("expected");
        if bless {
            let _ = std::fs::remove_dir_all(&expected);
            for (file, text) in &got {
                std::fs::create_dir_all(expected.join(file).parent().unwrap()).unwrap();
                std::fs::write(expected.join(file), text).unwrap();
            }
        }
        let desired = files(&expected);
        let names: BTreeSet<&String> = desired.keys().chain(got.keys()).collect();
        for file in names.into_iter().filter(|file| desired.get(*file) != got.get(*file)) {
            let show = |text: Option<&String>| text.map_or("(no such file)", String::as_str).to_owned();
            wrong.push(format!(
                "{name}: {file} is\n{}\nand not\n{}",
                show(got.get(file)),
                show(desired.get(file))
            ));
        }
    }
    assert!(count >= 10, "{count} trees");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The written files can be read by `up`, and contain nothing that `up` refuses.
fn usable(name: &str, folder: &Path, text: &str, got: &BTreeMap<String, String>) {
    let project =
        check(&folder.join("deploy.toml"), text).unwrap_or_else(|wrong| panic!("{name}: {wrong:#?}\n{text}"));
    for image in &project.images {
        assert!(image.dockerfile.is_file() && image.context.is_dir(), "{name}: {image:?}");
    }
    let manifests =
        got.iter().filter(|(file, _)| Path::new(file).extension().is_some_and(|end| end == "yaml"));
    let (mut objects, mut found) = (Vec::new(), Vec::new());
    for (file, text) in manifests {
        let (more, wrong) = parse(text, Path::new(file));
        objects.extend(more);
        found.extend(wrong);
    }
    found.extend(lint::lint(&objects, &lint::LintFacts::from_project(&project, |_| Vec::new())));
    found.retain(|finding| finding.severity != Severity::Note);
    assert!(found.is_empty(), "{name}: {found:#?}");
}

/// Where `todo up` is the last line, it does not refuse the written files.
fn rehearsed(name: &str, folder: &Path, screen: &str) {
    let last = screen.lines().rfind(|line| line.starts_with("next "));
    if last.is_none_or(|line| line.split_whitespace().skip(1).collect::<Vec<_>>() != ["todo", "up"]) {
        return;
    }
    let output = todo(folder, &["rehearse"]);
    assert_ne!(output.status.code(), Some(2), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_there_is_never_written_over_unasked() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().canonicalize().unwrap();
    copy(&cases().join("published-images/tree"), &folder);
    std::fs::write(folder.join("deploy.toml"), "mine\n").unwrap();
    let refused = written(&folder, &["--yes"]);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused["screen.txt"].contains("is there already") && refused["screen.txt"].contains("--force"));
    assert!(refused["screen.txt"].ends_with("exit code 2\n"));
    let forced = written(&folder, &["--force"]);
    assert!(forced["deploy.toml"].contains("[image.\"jdoe/guestbook\"]"), "{forced:?}");
}

#[test]
fn without_manifests_and_without_anybody_to_ask_it_offers_them() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().canonicalize().unwrap();
    copy(&cases().join("compose-only/tree"), &folder);
    let offered = written(&folder, &[]);
    assert_eq!(offered.len(), 1, "{offered:?}");
    assert!(offered["screen.txt"].contains("`todo init --manifests`"), "{offered:?}");
    assert!(offered["screen.txt"].ends_with("exit code 2\n"));
    let taken = written(&folder, &["--manifests"]);
    assert!(taken.contains_key("k8s/db.yaml") && taken.contains_key("deploy.toml"), "{taken:?}");
    assert!(!format!("{taken:?}").contains("s3cret-pw"), "the password stays where it was");
}

#[test]
fn another_way_is_taken_by_its_path_and_a_wrong_one_names_all() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().canonicalize().unwrap();
    copy(&cases().join("several-ways/tree"), &folder);
    let wrong = &written(&folder, &["--from", "phase-4/k9s"])["screen.txt"];
    for method in ["--from phase-4/k8s", "--from phase-4/helm", "--from phase-4/docker-compose.yml"] {
        assert!(wrong.contains(method), "{method} is not in:\n{wrong}");
    }
    let taken = written(&folder, &["--from", "phase-4/k8s/"]);
    assert!(taken["deploy.toml"].contains("path = \"phase-4/k8s/backend\""), "{taken:?}");
}

#[test]
fn a_program_gets_one_object() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().canonicalize().unwrap();
    copy(&cases().join("json-manifests/tree"), &folder);
    let after = written(&folder, &["--yes", "--output", "json"]);
    let text = after["screen.txt"].strip_suffix("exit code 0\n").unwrap();
    let answer: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(answer["images"][0]["name"], "hello");
    assert_eq!(answer["service"], "hello");
}

#[test]
#[cfg(unix)]
fn a_chart_that_lacks_a_chart_of_others_ends_in_how_to_get_it() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().canonicalize().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        std::fs::write(folder.join(name), text).unwrap();
    };
    let chart = "name: shop\nversion: 0.1.0\ndependencies:\n- {name: db, version: 1.0.0, repository: 'https://charts.example.com'}\n";
    write("chart/Chart.yaml", chart);
    write("chart/values.yaml", "image: {repository: shop, tag: v1}\n");
    write("up.sh", "docker build -t shop:v1 .\nhelm install shop chart\n");
    write("Dockerfile", "FROM nginx:1.27-alpine\n");
    write(
        "k8s/shop.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: shop}]}\n",
    );
    // The message of Helm 3 (`helm: pkg/downloader/manager.go`).
    let helm = "#!/bin/sh\ncase $1 in\nversion) echo v3.16.0;;\n*) echo 'Error: no repository definition for https://charts.example.com. Please add them via helm repo add' >&2; exit 1;;\nesac\n";
    write("bin/helm", helm);
    std::fs::set_permissions(folder.join("bin/helm"), PermissionsExt::from_mode(0o755)).unwrap();
    let screen = &written(&folder, &["--yes"])["screen.txt"];
    let last: Vec<&str> = screen.lines().filter(|line| line.starts_with("next ")).collect();
    assert!(last.len() == 1 && last[0].contains("`helm repo add db https://charts.example.com`"), "{screen}");
    let text = std::fs::read_to_string(folder.join("deploy.toml")).unwrap();
    assert!(text.contains("chart = \"chart\""), "the chart is what is deployed: {text}");
}
