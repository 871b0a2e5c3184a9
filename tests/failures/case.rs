//! The directories next to this file: what each holds, and one run of `todo up` in it.
//!
//! Shared by the test that compares the reports and the bench that measures them.

use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::time::SystemTime;

/// One directory.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) terms: Terms,
}

/// The contents of `case.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Terms {
    pub(crate) code: i32,
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    pub(crate) within: Option<f64>,
    pub(crate) from: Option<String>,
}

/// A run of `up`.
pub(crate) struct RunOutput {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
    /// Seconds since the Unix epoch.
    pub(crate) ended: f64,
}

impl Case {
    /// Every directory, by name.
    pub(crate) fn all() -> Vec<Case> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/failures");
        let mut cases: Vec<Case> = std::fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .map(|folder| {
                let name = folder.file_name().unwrap().to_string_lossy().into_owned();
                let terms = std::fs::read_to_string(folder.join("case.yaml")).unwrap();
                let terms = serde_saphyr::from_str(&terms).unwrap_or_else(|error| panic!("{name}: {error}"));
                Case { name, folder, terms }
            })
            .collect();
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        assert!(!cases.is_empty());
        cases
    }

    pub(crate) fn namespace(&self) -> String {
        format!("todo-failure-{}", self.name)
    }

    /// Runs `todo up` in the directory, in the profile.
    pub(crate) fn up(&self, program: &Path, profile: &str) -> RunOutput {
        let Output { status, stderr, .. } = Command::new(program)
            .arg("up")
            .args(&self.terms.arguments)
            .current_dir(&self.folder)
            .env("TODO_PROFILE", profile)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        RunOutput { code: status.code(), text: String::from_utf8(stderr).unwrap(), ended: now() }
    }

    /// Forgets what an earlier run left; returns when it is gone.
    pub(crate) fn forget(&self, profile: &str) {
        let namespace = self.namespace();
        let deleted = kubectl(profile, &["delete", "namespace", &namespace, "--ignore-not-found", "--wait"]);
        assert!(deleted.is_some(), "{namespace} cannot be deleted");
    }

    /// When the clock of `within` started: seconds since the Unix epoch, by the cluster's clock, to the second below.
    pub(crate) fn began(&self, profile: &str) -> Option<f64> {
        let (kind, condition) = match self.terms.from.as_deref()?.split_once(' ') {
            Some((kind, condition)) => (kind, Some(condition)),
            None => (self.terms.from.as_deref()?, None),
        };
        let list = kubectl(profile, &["get", kind, "-n", &self.namespace(), "-o", "json"])?;
        let list: Value = serde_json::from_str(&list).ok()?;
        let moments = list["items"].as_array()?.iter().filter_map(|object| match condition {
            None => object["metadata"]["creationTimestamp"].as_str(),
            Some(condition) => {
                let all = object["status"]["conditions"].as_array()?;
                all.iter().find(|item| item["type"] == condition)?["lastTransitionTime"].as_str()
            }
        });
        let seconds = moments.filter_map(|moment| moment.parse::<jiff::Timestamp>().ok());
        seconds.map(|moment| moment.as_duration().as_secs_f64()).reduce(f64::min)
    }
}

/// What kubectl prints; `None` if it fails.
pub(crate) fn kubectl(profile: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new("kubectl")
        .args(["--context", profile])
        .args(arguments)
        .output()
        .expect("kubectl is there");
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// The program that is tried: the one that people get, or the one that cargo built.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("TODO_TEST_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_todo").into(), PathBuf::from)
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}
