//! Kustomizations and charts → objects, by kustomize's and Helm's own programs.
//!
//! Not an installation: Helm only renders here, and its releases, hooks and rollbacks play no part. What is rendered
//! stands in no file, so an object's place is the template that Helm names, or the folder of the kustomization, without a line.

use crate::event::Finding;
use crate::event::Place;
use crate::exec;
use crate::exec::Call;
use crate::exec::ExecError;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::fault::Result;
use crate::manifest::Object;
use crate::manifest::read;
use crate::project::Source;
use crate::project::SourceKind;
use crate::project::name::Namespace;
use crate::run::Run;
use std::path::Path;
use std::path::PathBuf;

/// What kustomize takes for a kustomization (`kustomize: api/konfig/general.go`).
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The objects of all sources that are kustomizations or charts, normalised.
///
/// `root` is the folder that places are relative to, `namespace` what charts get as `.Release.Namespace`.
pub async fn render(
    run: &Run,
    root: &Path,
    namespace: &Namespace,
    sources: &[Source],
) -> Result<Vec<Object>> {
    let mut found: Vec<Finding> = sources.iter().flat_map(|source| missing(root, source)).collect();
    let mut objects = Vec::new();
    for source in sources.iter().filter(|source| missing(root, source).is_empty()) {
        let Some((call, what)) = call(run, root, namespace, source)? else { continue };
        match call.output(run).await {
            Ok(output) => {
                let (more, wrong) = placed(&output.stdout, root, source);
                hooks(run, &more);
                objects.extend(more);
                found.extend(wrong);
            }
            Err(error) if error.stopped => {
                return Err(run.stopped().unwrap_or_else(|| Fault::new(Kind::Interrupted, error)));
            }
            Err(error) if error.cause.is_some() => {
                return Err(Fault::new(Kind::Prerequisite, error).context(format!("cannot render {what}")));
            }
            Err(error) => found.push(told(&error, &what, root, source)),
        }
    }
    if found.is_empty() {
        return Ok(objects);
    }
    Err(Fault::message(Kind::Usage, "the manifests cannot be rendered").findings(found))
}

/// What is named and is not there.
fn missing(root: &Path, source: &Source) -> Vec<Finding> {
    let lacks = |path: &Path, what: &str, mend: &str| {
        let told = format!("`{}` {what}", shown(root, path));
        Finding::error(told).at(source.place.clone()).mend(mend)
    };
    match &source.kind {
        SourceKind::Path(_) => Vec::new(),
        SourceKind::Kustomize(folder) if KUSTOMIZATIONS.iter().any(|name| folder.join(name).is_file()) => {
            Vec::new()
        }
        SourceKind::Kustomize(folder) => {
            vec![lacks(
                folder,
                "has no kustomization.yaml",
                "name the folder of an overlay; plain manifests are a `path`",
            )]
        }
        SourceKind::Chart { chart, values, .. } => {
            let no_chart = (!chart.join("Chart.yaml").is_file()).then(|| {
                lacks(chart, "has no Chart.yaml", "name the folder of a chart; plain manifests are a `path`")
            });
            let values = values.iter().filter(|file| !file.is_file());
            let values = values
                .map(|file| lacks(file, "does not exist", "values files start at the folder of deploy.toml"));
            no_chart.into_iter().chain(values).collect()
        }
    }
}

/// The call that renders `source`, and what to call it in messages.
fn call(run: &Run, root: &Path, namespace: &Namespace, source: &Source) -> Result<Option<(Call, String)>> {
    match &source.kind {
        SourceKind::Path(_) => Ok(None),
        SourceKind::Kustomize(folder) => {
            let what = format!("the kustomization `{}`", shown(root, folder));
            let call = if let Some(kustomize) = exec::find(&run.world, "kustomize") {
                Call::new(kustomize).args(["build"])
            } else if let Some(kubectl) = exec::find(&run.world, "kubectl") {
                Call::new(kubectl).args(["kustomize"])
            } else {
                return Err(Fault::message(
                    Kind::Prerequisite,
                    format!("{what} needs kustomize or kubectl, and neither is installed"),
                )
                .hint("install kubectl: https://kubernetes.io/docs/tasks/tools/")
                .hint("or kustomize: https://kubectl.docs.kubernetes.io/installation/kustomize/"));
            };
            Ok(Some((call.args([folder]), what)))
        }
        SourceKind::Chart { chart, release, values, set } => {
            let what = format!("the chart `{}`", shown(root, chart));
            let Some(helm) = exec::find(&run.world, "helm") else {
                return Err(Fault::message(
                    Kind::Prerequisite,
                    format!("{what} needs Helm, which is not installed"),
                )
                .hint("install Helm 3 or later: https://helm.sh/docs/intro/install/"));
            };
            let mut call = Call::new(helm).args(["template", release]).args([chart]).args([
                "--namespace",
                namespace.as_str(),
                "--include-crds",
                "--skip-tests",
            ]);
            for file in values {
                call = call.args(["--values"]).args([file]);
            }
            for (key, value) in set {
                call = call.args(["--set".to_owned(), format!("{key}={}", value.replace(',', r"\,"))]);
            }
            Ok(Some((call.folder(root), what)))
        }
    }
}

/// The objects of what was rendered, each at the template it comes from.
fn placed(text: &str, root: &Path, source: &Source) -> (Vec<Object>, Vec<Finding>) {
    let folder = folder(source);
    let comments: Vec<(usize, PathBuf)> = text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, template(folder, line.strip_prefix("# Source: ")?))))
        .collect();
    let origin = |line: usize| {
        let comment = comments.iter().rev().find(|(at, _)| *at <= line);
        Place::file(shown(root, comment.map_or(folder, |(_, path)| path)))
    };
    let (mut objects, mut found) = read::parse(text, Path::new(&shown(root, folder)));
    for object in &mut objects {
        object.place = origin(object.place.line);
        object.places.clear();
    }
    for finding in &mut found {
        let line = finding.place.as_ref().map_or(0, |place| place.line);
        finding.place = Some(origin(line));
        finding.evidence.push(format!("it is line {line} of what is rendered"));
    }
    (objects, found)
}

/// `backend/templates/web.yaml`, which begins with the chart's name, as a file of the chart's folder.
fn template(chart: &Path, named: &str) -> PathBuf {
    named.trim().split_once('/').map_or_else(|| chart.to_owned(), |(_, inside)| chart.join(inside))
}

fn folder(source: &Source) -> &Path {
    match &source.kind {
        SourceKind::Path(path) | SourceKind::Kustomize(path) | SourceKind::Chart { chart: path, .. } => path,
    }
}

/// What a program said, at the place it names.
fn told(error: &ExecError, what: &str, root: &Path, source: &Source) -> Finding {
    let lines: Vec<&str> = error.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    let said = lines.iter().rev().find(|line| line.starts_with("Error: ") || line.starts_with("error: "));
    let said = said.or(lines.last()).map_or("it says nothing", |line| line.trim());
    let said = said.split_once("rror: ").map_or(said, |(_, said)| said);
    let place = place_in(said, root, folder(source)).unwrap_or_else(|| source.place.clone());
    let chart = shown(root, folder(source));
    let mend = if said.contains("missing in charts/ directory") {
        format!("run `helm dependency build {chart}`")
    } else {
        format!("see it whole with `{}`", error.command)
    };
    Finding::error(format!("cannot render {what}: {said}")).at(place).mend(mend)
}

/// The file, line and column in Helm's messages: `template: web/templates/a.yaml:12:20: …`, `YAML parse error on
/// web/templates/a.yaml: … line 12: …`, `parse error at (web/templates/a.yaml:12): …`. The innermost is named last.
fn place_in(said: &str, root: &Path, chart: &Path) -> Option<Place> {
    let word = said.split([' ', '(', ')', '"', '\'']).filter(|word| word.contains('/')).rfind(|word| {
        let file = word.split(':').next().unwrap_or_default();
        [".yaml", ".yml", ".tpl", ".txt", ".json"].iter().any(|end| file.ends_with(end))
    })?;
    let mut parts = word.split(':');
    let file = template(chart, parts.next()?);
    if !file.is_file() {
        return None;
    }
    let mut number = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    let (mut line, column): (usize, usize) = (number(), number());
    if line == 0 && said.starts_with("YAML parse error on") {
        // That line counts in what is rendered from this template, which is near enough only without loops: leave it to the words.
        line = 0;
    }
    Some(Place { file: PathBuf::from(shown(root, &file)), line, column })
}

fn hooks(run: &Run, objects: &[Object]) {
    for object in objects {
        let Some(hook) = object.value["metadata"]["annotations"]["helm.sh/hook"].as_str() else { continue };
        let finding =
            Finding::warning(format!("this is a Helm hook ({hook}); it is applied together with the rest"))
                .about(object.id().to_string())
                .at(object.place.clone());
        run.sink.warn(finding.mend("make it an initContainer if it must run before the pods"));
    }
}

/// A path as places have it: relative to `root`, with forward slashes.
fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string().replace('\\', "/")
}
