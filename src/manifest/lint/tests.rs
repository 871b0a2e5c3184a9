//! Each rule, by the manifest that breaks it: in `tests/manifest/lint/*.yaml`, `#!` at the end of a line names the
//! findings there.

use crate::event::Finding;
use crate::event::Severity;
use crate::manifest::lint::LintFacts;
use crate::manifest::lint::Provided;
use crate::manifest::lint::Scope;
use crate::manifest::lint::lint;
use crate::manifest::pods::ConfigKind;
use crate::manifest::read::objects;
use crate::project::clear::is_placeholder;
use crate::project::name::ImageName;

/// The facts of deploy.toml in these tests.
fn facts() -> LintFacts {
    LintFacts {
        scope: Scope::Everything,
        namespace: "app".to_owned(),
        images: [ImageName::parse("todo-backend").unwrap()].into(),
        provided: vec![Provided {
            kind: ConfigKind::Secret,
            name: "todo-secrets".to_owned(),
            keys: ["DATABASE_URL".to_owned()].into(),
            optional: ["OPENAI_API_KEY".to_owned()].into(),
        }],
        arguments: [].into(),
        taken_up: [(ImageName::parse("todo-backend").unwrap(), ["VITE_", "NEXT_PUBLIC_"].into())].into(),
        addons: vec![],
        cpus: Some(2),
        memory_mib: Some(2048),
        minikube: true,
    }
}

fn messages(found: &[Finding]) -> Vec<String> {
    let one = |finding: &Finding| {
        assert!(finding.subject.is_some(), "{finding:?}");
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let (line, help) = (finding.place.as_ref().unwrap().line, finding.help.as_ref().unwrap());
        format!("{line}: {severity}: {} → {help}", finding.message)
    };
    found.iter().map(one).collect()
}

fn expected(text: &str) -> Vec<String> {
    let marks = |(index, line): (usize, &str)| -> Vec<String> {
        line.split("#! ").skip(1).map(|mark| format!("{}: {}", index + 1, mark.trim())).collect()
    };
    text.lines().enumerate().flat_map(marks).collect()
}

#[test]
fn each_rule_tells_the_line_and_what_to_do() {
    for (name, text) in [
        ("sound", include_str!("../../../tests/manifest/lint/sound.yaml")),
        ("network", include_str!("../../../tests/manifest/lint/network.yaml")),
        ("ports", include_str!("../../../tests/manifest/lint/ports.yaml")),
        ("gates", include_str!("../../../tests/manifest/lint/gates.yaml")),
        ("config", include_str!("../../../tests/manifest/lint/config.yaml")),
        ("workload", include_str!("../../../tests/manifest/lint/workload.yaml")),
        ("storage", include_str!("../../../tests/manifest/lint/storage.yaml")),
        ("hostpath", include_str!("../../../tests/manifest/lint/hostpath.yaml")),
        ("resources", include_str!("../../../tests/manifest/lint/resources.yaml")),
    ] {
        let found = lint(&objects(text), &facts());
        let (mut found, mut expected) = (messages(&found), expected(text));
        found.sort();
        expected.sort();
        let (found, expected) = (found.join("\n"), expected.join("\n"));
        assert_eq!(found, expected, "{name}.yaml\n--- found\n{found}\n--- expected\n{expected}\n");
        assert_eq!(name == "sound", found.is_empty());
    }
}

#[test]
fn no_finding_quotes_a_secret() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  A: postgres://u:hunter2@nowhere:5432/d\n  B: hunter2-here\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  DB_PASSWORD: hunter2\n  URL: postgres://u:hunter2@nowhere/d\n";
    let found = lint(&objects(text), &facts());
    assert_eq!(found.len(), 5, "{found:#?}");
    assert!(!format!("{found:?}").contains("hunter2"));
}

#[test]
fn what_an_example_left_is_a_placeholder_and_a_value_is_not() {
    for text in [
        "changeme",
        "CHANGE_ME",
        "your-openai-key-here",
        "your_api_key",
        "sk-xxx",
        "sk-proj-xxxx",
        "<token>",
        "xxxx",
        "****",
        "replace-me-please-changeme",
        "sk-your-key",
    ] {
        assert!(is_placeholder(text.as_bytes()), "{text}");
    }
    for text in [
        "",
        "x",
        "info",
        "sk-9f8a7b6c",
        "hunter2",
        "https://your-company.example/x",
        "<div id='x'>",
        "here",
        "xxl",
        "your text, please",
    ] {
        assert!(!is_placeholder(text.as_bytes()), "{text}");
    }
}
