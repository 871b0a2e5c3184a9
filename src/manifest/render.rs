//! Kustomizations and charts → objects, by kustomize's and Helm's own programs.
//!
//! Not an installation: Helm only renders here. Rendered objects are in no file, so an object's place is the template
//! that Helm names, or the source file of a kustomization, if it is known.

mod place;

use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;
use crate::exec::Call;
use crate::exec::ExecError;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::file;
use crate::manifest::Object;
use crate::manifest::Release;
use crate::manifest::chart;
use crate::manifest::given;
use crate::manifest::hook;
use crate::manifest::kustomize;
use crate::manifest::yaml;
use crate::project::Chart;
use crate::project::Source;
use crate::project::SourceKind;
use crate::project::name::Namespace;
use crate::relative::shown;
use crate::run::Run;
use futures::StreamExt;
use futures::stream;
use place::folder;
use place::placed;
use place::render_failed;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// What kustomizations and charts come to.
#[derive(Debug, Default)]
pub struct Rendered {
    /// Their objects, normalised.
    pub objects: Vec<Object>,
    /// The releases that the charts make.
    pub releases: Vec<Release>,
    /// Worth knowing.
    pub warnings: Vec<Finding>,
    /// The mistakes in the rendered objects, and in their sources.
    pub mistakes: Vec<Finding>,
    /// The reason why a source was not rendered that is not its mistake; with several, of the first.
    pub fault: Option<Fault>,
}

/// Renders all sources that are kustomizations or charts.
///
/// `root` is the directory that places are relative to, `namespace` what charts get as `.Release.Namespace`.
pub async fn render(run: &Run, root: &Path, namespace: &Namespace, sources: &[Source]) -> Result<Rendered> {
    let mut rendered = Rendered::default();
    let each = sources.iter().map(|source| async move {
        let mut rendered = Rendered::default();
        let done = one(run, root, namespace, source, &mut rendered).await;
        (rendered, done)
    });
    // A chart whose dependencies are built must not be read by another Helm process meanwhile.
    let folders: BTreeSet<&Path> = sources.iter().filter_map(chart_folder).collect();
    let apart = folders.len() == sources.iter().filter_map(chart_folder).count();
    let each: Vec<_> = stream::iter(each).buffered(if apart { AT_ONCE } else { 1 }).collect().await;
    for (one, done) in each {
        rendered.objects.extend(one.objects);
        rendered.releases.extend(one.releases);
        rendered.warnings.extend(one.warnings);
        rendered.mistakes.extend(one.mistakes);
        match done {
            Err(fault) if run.stopped().is_some() => return Err(fault),
            Err(fault) => rendered.fault = rendered.fault.or(Some(fault)),
            Ok(()) => {}
        }
    }
    rendered.mistakes.extend(twice(&rendered.releases));
    let (mistakes, warnings) =
        rendered.mistakes.into_iter().partition(|finding| finding.severity == Severity::Error);
    Ok(Rendered { warnings, mistakes, ..rendered })
}

/// How many programs render side by side.
const AT_ONCE: usize = 4;

fn chart_folder(source: &Source) -> Option<&Path> {
    match &source.kind {
        SourceKind::Chart(chart) => Some(&chart.folder),
        SourceKind::Path(_) | SourceKind::Kustomize(_) => None,
    }
}

/// Renders one source into `rendered`.
async fn one(
    run: &Run,
    root: &Path,
    namespace: &Namespace,
    source: &Source,
    rendered: &mut Rendered,
) -> Result<()> {
    let found = &mut rendered.mistakes;
    let missing = missing(root, source);
    let unusable = missing.iter().any(|finding| finding.severity == Severity::Error);
    found.extend(missing);
    if unusable {
        return Ok(());
    }
    let call = match &source.kind {
        SourceKind::Path(_) => return Ok(()),
        SourceKind::Kustomize(folder) => kustomize::build(run, &what(root, source), folder)?,
        SourceKind::Chart(chart) => {
            let lacking = given::missing(&run.world, root, chart);
            if !lacking.is_empty() {
                found.extend(lacking);
                return Ok(());
            }
            let helm = chart::helm(run, &what(root, source))?;
            if let Some(finding) = chart::build_dependencies(run, &helm, root, chart, &source.place).await? {
                found.push(finding);
                return Ok(());
            }
            chart::template(run, &helm, root, chart, namespace)
        }
    };
    match output(run, call, &what(root, source)).await? {
        Ok(text) => {
            let (more, wrong) = placed(&text, root, source);
            found.extend(wrong);
            match &source.kind {
                SourceKind::Chart(chart) => {
                    let (more, release, wrong) = released(more, chart, namespace, source);
                    found.extend(wrong);
                    rendered.objects.extend(more);
                    rendered.releases.push(release);
                }
                _ => rendered.objects.extend(more),
            }
        }
        Err(error) => found.push(render_failed(&error, root, source)),
    }
    Ok(())
}

/// The output of a program, or its error about its input. An error that is not the project's is a fault.
async fn output(run: &Run, call: Call, what: &str) -> Result<std::result::Result<String, ExecError>> {
    match call.output(run).await {
        Ok(output) => Ok(Ok(output.stdout)),
        Err(error) if error.stopped => {
            Err(run.stopped().unwrap_or_else(|| Code::Interrupted.caused_by(FaultKind::Interrupted, error)))
        }
        Err(error) if error.cause.is_some() => Err(Code::ProgramNotRunnable
            .caused_by(FaultKind::Prerequisite, error)
            .context(format!("cannot render {what}"))),
        Err(error) => Ok(Err(error)),
    }
}

/// What a source is called in messages.
fn what(root: &Path, source: &Source) -> String {
    let kind = if matches!(source.kind, SourceKind::Kustomize(_)) { "kustomization" } else { "chart" };
    format!("the {kind} `{}`", shown(root, folder(source)))
}

/// Sorts what a chart rendered to: objects, each in the release's namespace, and hooks.
fn released(
    objects: Vec<Object>,
    chart: &Chart,
    namespace: &Namespace,
    source: &Source,
) -> (Vec<Object>, Release, Vec<Finding>) {
    let (mut objects, mut hooks, found) = hook::part(objects);
    if let Some(own) = chart.namespace.as_ref().filter(|own| *own != namespace) {
        let hooks = hooks.iter_mut().map(|hook| &mut hook.object);
        for object in objects.iter_mut().chain(hooks).filter(|object| object.namespace().is_none()) {
            object.value["metadata"]["namespace"] = json!(own.as_str());
        }
    }
    let release = Release {
        chart: chart.clone(),
        namespace: chart.namespace.as_ref().unwrap_or(namespace).clone(),
        place: source.place.clone(),
        members: objects.iter().map(Object::id).collect(),
        hooks,
    };
    (objects, release, found)
}

/// Two charts under one name would be one release to Helm, and each the other's upgrade.
fn twice(releases: &[Release]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, release) in releases.iter().enumerate() {
        let name = (&release.chart.release, &release.namespace);
        if releases[..index].iter().any(|other| (&other.chart.release, &other.namespace) == name) {
            let message = format!("the release `{}` is defined twice", release.chart.release);
            found.push(
                Code::HelmReleaseDuplicate
                    .error(message)
                    .at(release.place.clone())
                    .help("give one of them another `release`"),
            );
        }
    }
    found
}

/// Referenced files that are missing, or are not YAML.
fn missing(root: &Path, source: &Source) -> Vec<Finding> {
    let lacks = |path: &Path, what: &str, help: &str| {
        let message = format!("`{}` {what}", shown(root, path));
        Code::ManifestsMissing.error(message).at(source.place.clone()).help(help)
    };
    match &source.kind {
        SourceKind::Path(_) => Vec::new(),
        SourceKind::Kustomize(folder) if kustomize::file(folder).is_some() => Vec::new(),
        SourceKind::Kustomize(folder) => {
            let help = "name the directory of an overlay; plain manifests are a `path`";
            vec![lacks(folder, "has no kustomization.yaml", help)]
        }
        SourceKind::Chart(chart) => {
            let no_chart = (!chart.folder.join("Chart.yaml").is_file()).then(|| {
                let help = "name the directory of a chart; plain manifests are a `path`";
                lacks(&chart.folder, "has no Chart.yaml", help)
            });
            let values = chart.values.iter().flat_map(|file| match file::read_text(file, file::OBJECTS) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    vec![lacks(
                        file,
                        "does not exist",
                        "paths of values files are relative to the directory of deploy.toml",
                    )]
                }
                Err(error) => {
                    vec![lacks(
                        file,
                        &format!("cannot be read: {error}"),
                        "check that it is a text file that you can read",
                    )]
                }
                Ok(text) => values(&text, Path::new(&shown(root, file))),
            });
            no_chart.into_iter().chain(values).collect()
        }
    }
}

/// The mistakes in a values file: Helm names neither its line nor, at times, the file.
fn values(text: &str, file: &Path) -> Vec<Finding> {
    let (documents, mut found) = yaml::rendered(text, file);
    let help = "a values file is a mapping: `key: value`";
    found.extend(documents.iter().filter(|document| !document.value.is_object()).map(|document| {
        Code::ChartValuesInvalid.error("not a valid values file").at(document.place.clone()).help(help)
    }));
    found
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
