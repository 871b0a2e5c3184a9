//! Checks a chart's values for plaintext secrets and for values that change at every rendering.
//!
//! A values file that git does not have is the place for a chart's secrets, so only one that git has, or that lies in no
//! repository at all, is worth a word.

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::file;
use crate::manifest::template;
use crate::manifest::template::Call;
use crate::manifest::yaml;
use crate::pointer;
use crate::project::Mode;
use crate::project::Set;
use crate::project::Source;
use crate::project::SourceKind;
use crate::project::clear::Clear;
use crate::project::clear::detect;
use crate::project::tracked::Repository;
use crate::relative::shown;
use std::path::Path;

/// Template functions whose result differs each time (`sprig: functions.go`).
const CHANGING: [&str; 22] = [
    "ago",
    "bcrypt",
    "encryptAES",
    "genCA",
    "genCAWithKey",
    "genPrivateKey",
    "genSelfSignedCert",
    "genSelfSignedCertWithKey",
    "genSignedCert",
    "genSignedCertWithKey",
    "getHostByName",
    "htpasswd",
    "now",
    "randAlpha",
    "randAlphaNum",
    "randAscii",
    "randBytes",
    "randInt",
    "randNumeric",
    "shuffle",
    "unixEpoch",
    "uuidv4",
];

/// Everything worth knowing about the charts' values and templates.
pub(crate) fn warnings(root: &Path, sources: &[Source]) -> Vec<Finding> {
    let charts = || {
        sources.iter().filter_map(|source| match &source.kind {
            SourceKind::Chart(chart) => Some((source, chart)),
            _ => None,
        })
    };
    if charts().next().is_none() {
        return Vec::new();
    }
    let repository = Repository::around(root);
    let mut found = Vec::new();
    for (source, chart) in charts() {
        for (key, value) in &chart.set {
            if let Set::Text(text) = value
                && detect(last(key), text) == Some(Clear::Secret)
            {
                let message = format!(
                    "`set.{key}` looks like a secret; every user of this machine can read Helm's arguments"
                );
                let help = "move it to a values file that is not in git, and name that in `values`";
                found.push(Code::SecretInHelmArgument.warning(message).at(source.place.clone()).help(help));
            }
            if matches!(value, Set::Text(text) if text == "false") {
                let message =
                    format!("`set.{key}` is the text \"false\", which an `if` of a template takes for true");
                let help = "write false without quotes, unless the template wants the text";
                found.push(Code::ChartValuesInvalid.warning(message).at(source.place.clone()).help(help));
            }
        }
        let files = chart.values.iter().cloned().chain([chart.folder.join("values.yaml")]);
        for file in files.filter(|file| repository.as_ref().is_none_or(|repository| repository.has(file))) {
            found.extend(plaintext_secrets(root, &file, repository.is_some()));
        }
        if chart.mode == Mode::Objects {
            let calls = template::calls(&chart.folder);
            let changing = changing(root, &calls);
            found.extend(if changing.is_empty() {
                blind(root, &calls).into_iter().collect()
            } else {
                changing
            });
        }
    }
    found
}

/// The secrets in a values file.
fn plaintext_secrets(root: &Path, file: &Path, tracked: bool) -> Vec<Finding> {
    let Ok(text) = file::read_text(file, file::OBJECTS) else { return Vec::new() };
    let name = shown(root, file);
    let (documents, _) = yaml::documents(&text, Path::new(&name));
    let mut found = Vec::new();
    for document in &documents {
        for (at, place) in &document.places {
            let value = document.value.pointer(at).and_then(serde_json::Value::as_str);
            let key = pointer::key(last(at));
            if value.is_some_and(|value| detect(&key, value) == Some(Clear::Secret)) {
                let message = if tracked {
                    format!("`{key}` looks like a secret, and git has this file")
                } else {
                    format!("`{key}` looks like a plaintext secret")
                };
                let help = "move it to a separate values file that is not in git (.gitignore), and name that in `values`";
                found.push(Code::SecretInGit.warning(message).at(place.clone()).help(help));
            }
        }
    }
    found
}

/// The last key of a path or a pointer.
fn last(path: &str) -> &str {
    path.rsplit(['/', '.']).next().unwrap_or(path)
}

/// The calls that give another value at each rendering.
fn changing(root: &Path, calls: &[Call]) -> Vec<Finding> {
    let calls = calls.iter().filter(|call| CHANGING.contains(&call.word.as_str()));
    let found = calls.map(|Call { word, file, line }| {
        let message =
            format!("`{word}` returns another value at every `todo up`, and whatever uses it restarts");
        let help =
            "name the value in a values file, or let Helm keep it: `mode = \"release\"` next to `chart`";
        let place = Place { file: shown(root, file).into(), line: *line, column: 0 };
        Code::ChartRandomValue.warning(message).at(place).help(help)
    });
    found.collect()
}

/// The first call that wants to know what is in the cluster: here a chart is rendered before one is looked at, and the
/// same way each time.
fn blind(root: &Path, calls: &[Call]) -> Option<Finding> {
    let asks =
        |call: &&Call| matches!(call.word.as_str(), "lookup" | ".Release.IsUpgrade" | ".Release.IsInstall");
    let Call { word, file, line } = calls.iter().find(asks)?;
    let message = match word.as_str() {
        "lookup" => "`lookup` finds nothing: the chart is rendered without access to the cluster".to_owned(),
        _ => format!("`{word}` never changes: the chart is rendered as a first installation each time"),
    };
    let help = "if its objects depend on that, let Helm install it: `mode = \"release\"` next to `chart`";
    let place = Place { file: shown(root, file).into(), line: *line, column: 0 };
    Some(Code::ChartLooksUpCluster.note(message).at(place).help(help))
}

#[cfg(test)]
mod tests {
    use super::warnings;
    use crate::project::check::check;

    #[test]
    fn secrets_and_chance_in_a_chart_are_told_with_their_line_and_without_their_value() {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("chart/Chart.yaml", "name: c\n"),
            (
                "chart/values.yaml",
                "secrets:\n  llmApiKey: hunter2\n  databaseUrl: changeme\nsecretName: todo\ntokenReview: true\n",
            ),
            (
                "chart/templates/a.yaml",
                "# randAlpha is not called here\na: {{ .Values.a | default (randAlphaNum 16) }}\n",
            ),
            ("local.yaml", "db:\n  password: hunter2\n"),
        ] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let describe = |text: &str| -> Vec<String> {
            let project = check(&root.path().join("deploy.toml"), text).unwrap();
            let found = warnings(&project.root, &project.sources);
            assert!(!format!("{found:?}").contains("hunter2"));
            found
                .iter()
                .map(|finding| format!("{} {}", finding.place.as_ref().unwrap(), finding.message))
                .collect()
        };
        let text = "[[manifests]]\nchart = 'chart'\nvalues = ['local.yaml']\nset = { 'secrets.apiKey' = 'hunter2' }\n";
        assert_eq!(
            describe(text),
            [
                "deploy.toml:1:1 `set.secrets.apiKey` looks like a secret; every user of this machine can read Helm's arguments",
                "local.yaml:2:13 `password` looks like a plaintext secret",
                "chart/values.yaml:2:14 `llmApiKey` looks like a plaintext secret",
                "chart/templates/a.yaml:2 `randAlphaNum` returns another value at every `todo up`, and whatever uses it restarts",
            ]
        );
        assert!(describe("[[manifests]]\npath = 'k8s'\n").is_empty());
        for (value, warned) in [("'false'", true), ("false", false), ("'true'", false)] {
            let text = format!("[[manifests]]\nchart = 'chart'\nset = {{ on = {value} }}\n");
            assert_eq!(describe(&text).iter().any(|item| item.contains("`set.on`")), warned, "{value}");
        }
        for (template, says) in [
            ("a: 1\nb: {{ if .Release.IsUpgrade }}1{{ end }}\n", "`.Release.IsUpgrade` never changes"),
            ("a: 1\n{{- $old := lookup \"v1\" \"Secret\" \"a\" \"b\" }}\n", "`lookup` finds nothing"),
        ] {
            std::fs::write(root.path().join("chart/templates/a.yaml"), template).unwrap();
            let last = describe(text).pop().unwrap();
            assert!(last.starts_with(&format!("chart/templates/a.yaml:2 {says}")), "{last}");
            let helms = format!("{text}mode = 'release'\n");
            assert!(!describe(&helms).iter().any(|item| item.contains(says)), "Helm looks by itself");
        }
        std::fs::write(root.path().join("chart/templates/NOTES.txt"), "{{ .Release.IsInstall }}").unwrap();
        std::fs::write(root.path().join("chart/templates/a.yaml"), "a: {{ uuidv4 }}\n").unwrap();
        std::fs::create_dir_all(root.path().join(".git")).unwrap();
        let empty = [b"DIRC\0\0\0\x02\0\0\0\0".as_slice(), &[0; 20]].concat();
        std::fs::write(root.path().join(".git/index"), empty).unwrap();
        assert_eq!(
            describe("[[manifests]]\nchart = 'chart'\nvalues = ['local.yaml']\n").len(),
            1,
            "git has no values"
        );
    }
}
