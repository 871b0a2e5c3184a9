//! Projects, programs and applications that mean harm: names, messages and output that a terminal would obey, links in the
//! tree, objects in unexpected places.

use crate::binary::Fixture;
use crate::binary::script;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

/// Clears the screen, writes the clipboard, turns text round, writes over the line: as C0 and as C1 controls.
const OBEYED: &str = "\u{1b}[2J\u{1b}]52;c;eA==\u{7}\u{9b}2J\u{202e}gpj\rgone\u{8}\u{7f}";

/// Whether a terminal would obey some of it; colours and lines are the program's own.
fn obeys(text: &str) -> Option<String> {
    let is_wrong = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
    text.lines().find(|line| line.contains(is_wrong)).map(|line| format!("{line:?}"))
}

#[test]
fn names_and_messages_of_others_are_not_obeyed_by_a_terminal() {
    let name = format!("k8s/{OBEYED}.yaml");
    let project = "[[manifests]]\npath = 'k8s'\n[[manifests]]\nchart = 'chart'\n";
    let broken = format!("kind: [\u{9b}2J\n---\n{CONFIG}---\nmetadata: {{name: \"{}\"}}\n", "\\e[2J\\u202e");
    let files =
        [("deploy.toml", project), (name.as_str(), broken.as_str()), ("chart/Chart.yaml", "name: web\n")];
    let fixture = Fixture::new(&files);
    script(&fixture, "helm", &format!("echo 'Error: {OBEYED}' >&2; exit 1"));
    for arguments in [["up", "--output", "plain"], ["up", "--output", "json"], ["plan", "--output", "plain"]]
    {
        let output = fixture.todo(&arguments);
        assert_eq!(output.code, Some(2), "{arguments:?}: {}", output.stderr);
        let all = output.stdout + &output.stderr;
        assert!(all.contains(".yaml") && all.contains("gone"), "{arguments:?}: {all:?}");
        assert_eq!(obeys(&all), None, "{arguments:?}");
    }
}

#[test]
fn what_a_container_prints_is_not_obeyed_by_a_terminal() {
    let web = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: 'nginx:1'}]}\n";
    let line = serde_json::to_string(OBEYED).unwrap().replace('\u{7f}', "\\u007f");
    let scenario = format!("[[pod]]\nname = 'web'\ndoes = 'crash'\ntimes = 0\nlines = [{line}]\n");
    let files = [
        ("deploy.toml", "[[manifests]]\npath = 'k8s'\n"),
        ("k8s/web.yaml", web),
        ("crash.toml", &scenario),
        ("tmp/mine", ""),
    ];
    let fixture = Fixture::new(&files);
    for output in ["plain", "json"] {
        let arguments = ["rehearse", "--scenario", "crash.toml", "--output", output];
        let tmp = fixture.path("tmp");
        let run = fixture.run_by(Path::new(env!("CARGO_BIN_EXE_todo")), &arguments, |command| {
            command.env("TMPDIR", tmp);
        });
        assert_eq!(run.code, Some(50), "{}{}", run.stdout, run.stderr);
        let all = run.stdout + &run.stderr;
        assert!(all.contains("gone"), "{all:?}");
        assert_eq!(obeys(&all), None, "{output}");
    }
}

#[test]
fn a_line_end_in_a_name_begins_no_line_of_the_report() {
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"a\\nhelp: paste this\"}\n";
    let fixture = Fixture::new(&[("deploy.toml", "[[manifests]]\npath = 'k8s'\n"), ("k8s/a.yaml", object)]);
    let output = fixture.todo(&["plan", "--output", "plain"]);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    let shown: Vec<&str> = output.stderr.lines().filter(|line| line.contains("paste this")).collect();
    assert!(!shown.is_empty(), "{}", output.stderr);
    assert!(!shown.iter().any(|line| line.trim_start().starts_with("help:")), "{shown:?}");
}

#[test]
fn init_writes_through_no_link_of_the_tree() {
    let compose = "services:\n  web:\n    image: nginx:1\n    ports: ['8080:80']\n";
    let elsewhere = tempfile::tempdir().unwrap();
    let profile = elsewhere.path().join(".profile");
    std::fs::write(&profile, "mine").unwrap();
    for (link, target) in [
        ("deploy.toml", elsewhere.path().join("not there yet")),
        ("deploy.toml", profile.clone()),
        ("k8s", elsewhere.path().to_owned()),
    ] {
        let fixture = Fixture::new(&[("compose.yaml", compose)]);
        symlink(&target, fixture.path(link)).unwrap();
        let output = fixture.todo(&["init", "--yes", "--manifests", "--force"]);
        assert_eq!(output.code, Some(2), "{link}: {}{}", output.stdout, output.stderr);
        assert!(output.stderr.contains("is a link"), "{}", output.stderr);
        let left: Vec<_> =
            elsewhere.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [".profile"], "{link}");
        assert_eq!(std::fs::read_to_string(&profile).unwrap(), "mine");
    }
    let fixture = Fixture::new(&[("compose.yaml", compose)]);
    let output = fixture.todo(&["init", "--yes", "--manifests"]);
    assert_eq!(output.code, Some(0), "without a link it is written: {}", output.stderr);
}

#[test]
fn the_cache_is_its_owners_alone() {
    let files = [
        ("deploy.toml", "[image.web]\ncontext = 'web'\n[[manifests]]\npath = 'k8s'\n"),
        ("k8s/a.yaml", CONFIG),
        ("web/Dockerfile", "FROM debian:12\nUSER 1\n"),
    ];
    let fixture = Fixture::new(&files);
    let output = fixture.todo(&["up"]);
    assert_eq!(output.code, Some(10), "{}", output.stderr);
    let mode = fixture.path(".cache/todo").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
#[cfg(target_os = "linux")]
fn the_folder_of_a_rehearsal_is_its_owners_alone() {
    let files = [
        ("deploy.toml", "[[manifests]]\nchart = 'chart'\n"),
        ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("rendered.yaml", CONFIG),
        ("tmp/mine", ""),
    ];
    let fixture = Fixture::new(&files);
    let (tmp, rendered, output) = (fixture.path("tmp"), fixture.path("rendered.yaml"), fixture.path("told"));
    let look =
        format!("/usr/bin/stat -c '%a' {}/todo-rehearsal-*[0-9] >> {}", tmp.display(), output.display());
    let helm =
        format!("case \"$1\" in version) echo v3.18.0 ;; template) /bin/cat {} ;; esac", rendered.display());
    script(&fixture, "helm", &format!("{look}\n{helm}"));
    let ended = fixture.run_by(Path::new(env!("CARGO_BIN_EXE_todo")), &["rehearse"], |command| {
        command.env("TMPDIR", tmp);
    });
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let modes = std::fs::read_to_string(output).unwrap();
    assert!(!modes.is_empty() && modes.lines().all(|mode| mode == "700"), "{modes}");
}
