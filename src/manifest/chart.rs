//! Rendering with Helm: the call, its version, a chart's dependencies, its notes.
//!
//! A chart is always rendered as for a first installation: the result must not depend on the contents of a cluster,
//! or nothing could be judged before one is touched, and a second run, an upgrade to Helm, would change what the first has
//! made. Values go to Helm as they are; a text of `set` stays a text.

use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Place;
use crate::event::Step;
use crate::exec;
use crate::exec::Call;
use crate::exec::ExecError;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::file;
use crate::manifest::given;
use crate::manifest::glob;
use crate::manifest::yaml;
use crate::project::Chart;
use crate::project::Set;
use crate::project::name::Namespace;
use crate::relative::shown;
use crate::run::Run;
use crate::version::Version;
use serde_json::Value;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;

/// The oldest Helm that we know to render as we expect.
pub const OLDEST: Version = Version(3, 10, 0);

/// The program, or a fault with installation instructions.
pub fn helm(run: &Run, what: &str) -> Result<PathBuf> {
    exec::find(&run.world, "helm").ok_or_else(|| {
        let message = format!("{what} needs Helm, which is not installed");
        Code::ProgramNotFound
            .fault(FaultKind::Prerequisite, message)
            .hint("install Helm 3 or later: https://helm.sh/docs/intro/install/")
    })
}

/// The version that Helm prints; `None` if it prints something else.
pub async fn version(run: &Run, helm: &Path) -> std::result::Result<Option<Version>, ExecError> {
    let output =
        Call::new(helm).args(["version", "--template", "{{.Version}}"]).read_only().output(run).await?;
    Ok(Version::parse(&output.stdout))
}

/// The call that renders a chart into objects.
#[must_use]
pub fn template(run: &Run, helm: &Path, root: &Path, chart: &Chart, namespace: &Namespace) -> Call {
    let call = Call::new(helm).args(["template", &chart.release]).read_only();
    let call = with_values(run, root, call, chart).args(["--include-crds", "--skip-tests"]);
    call.args(["--namespace", chart.namespace.as_ref().unwrap_or(namespace).as_str()]).folder(root)
}

/// The chart and all its inputs, as arguments of any of Helm's commands.
#[must_use]
pub fn with_values(run: &Run, root: &Path, call: Call, chart: &Chart) -> Call {
    let mut call = call.args([&chart.folder]);
    for file in &chart.values {
        call = call.args(["--values"]).args([file]);
    }
    if let Some(given) = given::values(run, root, chart) {
        call = call.args(["--values", "-"]).input(given);
    }
    for (key, value) in &chart.set {
        call = match value {
            Set::Text(text) => call.args(["--set-string".to_owned(), format!("{key}={}", escaped(text))]),
            Set::Plain(text) => call.args(["--set".to_owned(), format!("{key}={text}")]),
        };
    }
    call
}

/// A text that Helm's parser (`pkg/strvals`) takes as it is: no list, no second value, no escape.
fn escaped(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace(',', r"\,");
    if escaped.starts_with('{') { format!(r"\{escaped}") } else { escaped }
}

/// The chart's NOTES.txt, rendered. Helm renders it for installations only, so it is called for
/// one with a dry run; it needs a cluster for that, the entry `context` of `kubeconfig`.
pub async fn notes(
    run: &Run,
    root: &Path,
    chart: &Chart,
    namespace: &Namespace,
    (kubeconfig, context): (&Path, &str),
) -> Option<String> {
    let helm = exec::find(&run.world, "helm")?;
    let call = Call::new(helm).args(["install", &chart.release]).read_only();
    let call = with_values(run, root, call, chart).args([
        "--dry-run=client",
        "--take-ownership",
        "--output",
        "json",
    ]);
    let call = call.args(["--namespace", namespace.as_str(), "--kube-context", context]);
    let output = call.args(["--kubeconfig"]).args([kubeconfig]).folder(root).output(run).await.ok()?;
    let release: Value = serde_json::from_str(&output.stdout).ok()?;
    release["info"]["notes"].as_str().map(str::trim).filter(|notes| !notes.is_empty()).map(str::to_owned)
}

/// What of the chart's dependencies is not in its `charts/` directory, or is older there than its source.
#[must_use]
pub fn missing(chart: &Path) -> Vec<String> {
    let Ok(text) = file::read_text(&chart.join("Chart.yaml"), file::TEXT) else { return Vec::new() };
    let (documents, _) = yaml::documents(&text, Path::new("Chart.yaml"));
    let Some(document) = documents.first() else { return Vec::new() };
    let dependencies = document.value["dependencies"].as_array();
    let lacks = |dependency: &&Value| {
        let name = dependency["name"].as_str().unwrap_or_default();
        let source = dependency["repository"].as_str().and_then(|from| from.strip_prefix("file://"));
        match vendored(chart, name) {
            None => true,
            // A directory is written by hand, and is its own source.
            Some(at) if at.is_dir() => false,
            Some(at) => source.is_some_and(|source| newest(&chart.join(source)) > modified(&at)),
        }
    };
    dependencies
        .into_iter()
        .flatten()
        .filter(lacks)
        .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
        .collect()
}

/// The directories of the chart's dependencies that `Chart.yaml` names by `file://`.
#[must_use]
pub(crate) fn local_dependencies(chart: &Path) -> Vec<PathBuf> {
    let text = file::read_text(&chart.join("Chart.yaml"), file::TEXT).unwrap_or_default();
    let documents = yaml::documents(&text, Path::new("Chart.yaml")).0;
    let dependencies =
        documents.iter().filter_map(|document| document.value["dependencies"].as_array()).flatten();
    let sources =
        dependencies.filter_map(|dependency| dependency["repository"].as_str()?.strip_prefix("file://"));
    sources.map(|source| chart.join(source)).collect()
}

/// The directory or archive that a dependency lies in.
fn vendored(chart: &Path, name: &str) -> Option<PathBuf> {
    let folder = chart.join("charts").join(name);
    if folder.join("Chart.yaml").is_file() {
        return Some(folder);
    }
    let archive = |path: &PathBuf| {
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        let version = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        let version = version.and_then(|rest| rest.strip_suffix(".tgz"));
        version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    };
    let entries = chart.join("charts").read_dir().ok()?;
    entries.filter_map(|entry| Some(entry.ok()?.path())).find(archive)
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

/// When anything in a directory was last written.
fn newest(folder: &Path) -> Option<SystemTime> {
    glob::below(folder).iter().filter_map(|path| modified(path)).max()
}

/// Builds the dependencies that are missing, as `helm dependency build` does: those in directories without a network.
pub(crate) async fn build_dependencies(
    run: &Run,
    helm: &Path,
    root: &Path,
    chart: &Chart,
    place: &Place,
) -> Result<Option<Finding>> {
    let missing = missing(&chart.folder);
    if missing.is_empty() {
        return Ok(None);
    }
    let shown = shown(root, &chart.folder);
    let item = run.sink.item(Step::Preflight, format!("dependencies of {shown}"));
    let call = Call::new(helm).args(["dependency", "build"]).args([&chart.folder]).folder(root);
    let built = call.lines(run, |_, line| item.log(line)).await;
    match built {
        Ok(_) => {
            item.finish(Outcome::Built, Some(missing.join(", ")));
            Ok(None)
        }
        Err(error) if error.stopped => {
            item.finish(Outcome::Failed, None);
            Err(run.stopped().unwrap_or_else(|| Code::Interrupted.caused_by(FaultKind::Interrupted, error)))
        }
        Err(error) => {
            item.finish(Outcome::Failed, None);
            let output: Vec<&str> = error.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
            let why = output.iter().rev().find_map(|line| line.strip_prefix("Error: "));
            let why = why.or(output.last().copied()).unwrap_or("it says nothing").to_owned();
            let advice =
                if why.contains("no repository definition for") || why.contains("no cached repository") {
                    let url = why
                        .split_whitespace()
                        .map(|word| word.trim_end_matches(['.', ',']))
                        .find(|word| word.starts_with("http"));
                    format!("let Helm know it: `helm repo add {} {}`", missing[0], url.unwrap_or("URL"))
                } else if why.contains("out of sync") {
                    format!("update the lock: `helm dependency update {shown}`")
                } else {
                    format!("see it whole with `{}`", error.command)
                };
            let message = format!(
                "cannot build the dependencies of the chart `{shown}` ({}): {why}",
                missing.join(", ")
            );
            Ok(Some(Code::ChartDependencyMissing.error(message).at(place.clone()).help(advice)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::escaped;
    use super::missing;

    #[test]
    fn a_text_of_set_reaches_the_chart_as_it_is() {
        for (text, argument) in [
            ("1.10", "1.10"),
            ("a,b", r"a\,b"),
            (r"C:\x", r"C:\\x"),
            ("{a}", r"\{a}"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(escaped(text), argument);
        }
    }

    #[test]
    fn a_dependency_is_missing_until_it_is_vendored_and_again_when_its_source_changes() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let chart = root.path().join("app");
        write(
            "app/Chart.yaml",
            "name: app\ndependencies:\n- {name: db, version: 1.0.0, repository: 'file://../db'}\n- {name: cache, version: 1.0.0, repository: 'https://x'}\n",
        );
        write("db/Chart.yaml", "name: db");
        assert_eq!(missing(&chart), ["db", "cache"]);
        write("app/charts/db-1.0.0.tgz", "");
        write("app/charts/cache-server-1.0.0.tgz", "");
        assert_eq!(missing(&chart), ["cache"]);
        write("app/charts/cache/Chart.yaml", "name: cache");
        assert!(missing(&chart).is_empty());
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        std::fs::File::open(root.path().join("db/Chart.yaml")).unwrap().set_modified(later).unwrap();
        assert_eq!(missing(&chart), ["db"]);
    }
}
