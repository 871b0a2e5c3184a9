//! Kustomizations and charts → objects, by kustomize's and Helm's own programs.
//!
//! Not an installation: Helm only renders here. What is rendered stands in no file, so an object's place is the template
//! that Helm names, or where a kustomization has it from, as far as that can be told.

mod place;

use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;
use crate::exec::Call;
use crate::exec::ExecError;
use crate::fault::Fault;
use crate::fault::Kind;
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
use place::folder;
use place::placed;
use place::told;
use serde_json::json;
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
    /// What is wrong with what is rendered, and with what it is rendered from.
    pub mistakes: Vec<Finding>,
    /// What kept a source from being rendered and says nothing about it; with several, of the first.
    pub fault: Option<Fault>,
}

/// Renders all sources that are kustomizations or charts.
///
/// `root` is the folder that places are relative to, `namespace` what charts get as `.Release.Namespace`.
pub async fn render(run: &Run, root: &Path, namespace: &Namespace, sources: &[Source]) -> Result<Rendered> {
    let mut rendered = Rendered::default();
    for source in sources {
        match one(run, root, namespace, source, &mut rendered).await {
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
        Err(error) => found.push(told(&error, root, source)),
    }
    Ok(())
}

/// What a program printed, or why it does not like what it was given. What says nothing about the project is a fault.
async fn output(run: &Run, call: Call, what: &str) -> Result<std::result::Result<String, ExecError>> {
    match call.output(run).await {
        Ok(output) => Ok(Ok(output.stdout)),
        Err(error) if error.stopped => {
            Err(run.stopped().unwrap_or_else(|| Code::Interrupted.caused_by(Kind::Interrupted, error)))
        }
        Err(error) if error.cause.is_some() => Err(Code::ProgramNotRunnable
            .caused_by(Kind::Prerequisite, error)
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
            let told = format!("the release `{}` is defined twice", release.chart.release);
            found.push(
                Code::HelmReleaseDuplicate
                    .error(told)
                    .at(release.place.clone())
                    .help("give one of them another `release`"),
            );
        }
    }
    found
}

/// What is named and is not there, or is no YAML.
fn missing(root: &Path, source: &Source) -> Vec<Finding> {
    let lacks = |path: &Path, what: &str, help: &str| {
        let told = format!("`{}` {what}", shown(root, path));
        Code::ManifestsMissing.error(told).at(source.place.clone()).help(help)
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

/// What is wrong with a values file: Helm names neither its line nor, at times, the file.
fn values(text: &str, file: &Path) -> Vec<Finding> {
    let (documents, mut found) = yaml::rendered(text, file);
    let help = "a values file is a mapping: `key: value`";
    found.extend(documents.iter().filter(|one| !one.value.is_object()).map(|one| {
        Code::ChartValuesInvalid.error("not a valid values file").at(one.place.clone()).help(help)
    }));
    found
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::render;
    use crate::event::Code;
    use crate::event::Place;
    use crate::event::Sink;
    use crate::fault::Kind;
    use crate::manifest::Object;
    use crate::project::Chart;
    use crate::project::Mode;
    use crate::project::Set;
    use crate::project::Source;
    use crate::project::SourceKind;
    use crate::project::name::Namespace;
    use crate::run::Run;
    use crate::signal::Cancel;
    use crate::world::World;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::sync::Arc;
    use tempfile::TempDir;

    /// A project with a chart and a kustomization, and a PATH on which `program` is this script.
    fn project(program: &str, script: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("helm/web/Chart.yaml", "name: web"),
            ("helm/web/templates/a.yaml", ""),
            ("values.yaml", ""),
            ("k8s/kustomization.yaml", ""),
            (&format!("bin/{program}"), &format!("#!/bin/sh\n{script}\n")),
        ] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn source(kind: SourceKind) -> Source {
        Source { place: Place { file: "deploy.toml".into(), line: 9, column: 1 }, kind }
    }

    fn chart(root: &Path) -> Source {
        source(SourceKind::Chart(Chart {
            folder: root.join("helm/web"),
            release: "r".to_owned(),
            namespace: None,
            values: vec![root.join("values.yaml")],
            set: [
                ("image.tag".to_owned(), Set::Text("1,2".to_owned())),
                ("replicas".to_owned(), Set::Plain("2".to_owned())),
            ]
            .into(),
            set_env: [].into(),
            mode: Mode::Objects,
        }))
    }

    async fn rendered(root: &Path, sources: &[Source]) -> Result<Vec<Object>, crate::fault::Fault> {
        let world = World::fake(root, [("PATH", root.join("bin"))]);
        let run =
            Run { sink: Sink::new().0, cancel: Cancel::new().1, world: Arc::new(world), verbose: false };
        let rendered = render(&run, root, &Namespace::parse("app").unwrap(), sources).await?;
        match rendered.fault {
            Some(fault) => Err(fault),
            None if rendered.mistakes.is_empty() => Ok(rendered.objects),
            None => Err(Code::ManifestsUnrenderable.fault(Kind::Usage, "").findings(rendered.mistakes)),
        }
    }

    const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ";

    #[tokio::test]
    async fn a_chart_is_rendered_and_its_objects_stand_in_its_templates() {
        let one = format!(
            "# Source: web/templates/a.yaml\n{OBJECT}$2\n---\n# Source: web/charts/x/templates/b.yaml\n{OBJECT}b\n"
        );
        let script = format!("echo \"$@\" > args; echo \"{one}\"");
        let root = project("helm", &script);
        let objects = rendered(root.path(), &[chart(root.path())]).await.unwrap();
        let told: Vec<String> = objects
            .iter()
            .map(|object| format!("{} {}", object.id(), object.place_of("/metadata/name")))
            .collect();
        assert_eq!(
            told,
            ["ConfigMap/r helm/web/templates/a.yaml", "ConfigMap/b helm/web/charts/x/templates/b.yaml"]
        );
        let folder = root.path().display();
        assert_eq!(
            std::fs::read_to_string(root.path().join("args")).unwrap().trim(),
            format!(
                "template r {folder}/helm/web --values {folder}/values.yaml --set-string image.tag=1\\,2 --set replicas=2 --include-crds --skip-tests --namespace app"
            )
        );
    }

    #[tokio::test]
    async fn a_key_that_a_template_writes_twice_is_a_warning_as_helm_takes_it() {
        let repeated =
            format!("# Source: web/templates/a.yaml\n{OBJECT}r\n  labels:\n    app: a\n    app: b\n");
        let root = project("helm", &format!("printf '{}'", repeated.replace('\n', "\\n")));
        let world = World::fake(root.path(), [("PATH", root.path().join("bin"))]);
        let run =
            Run { sink: Sink::new().0, cancel: Cancel::new().1, world: Arc::new(world), verbose: false };
        let namespace = Namespace::parse("app").unwrap();
        let rendered = render(&run, root.path(), &namespace, &[chart(root.path())]).await.unwrap();
        assert_eq!(rendered.objects[0].value["metadata"]["labels"]["app"], "b");
        let [warning] = rendered.warnings.as_slice() else { panic!("{:?}", rendered.warnings) };
        assert_eq!(warning.place.as_ref().unwrap().to_string(), "helm/web/templates/a.yaml");
        assert_eq!(warning.evidence, ["it is line 8 of what is rendered"]);
    }

    #[tokio::test]
    async fn what_helm_refuses_is_told_at_the_template() {
        for (said, place) in [
            (
                "template: web/templates/a.yaml:5:10: executing \\\"web/templates/a.yaml\\\" at <.Values.x.y>: nil pointer",
                "helm/web/templates/a.yaml:5:10",
            ),
            ("parse error at (web/templates/a.yaml:5): unexpected }", "helm/web/templates/a.yaml:5"),
            (
                "YAML parse error on web/templates/a.yaml: error converting: yaml: line 5: bad",
                "helm/web/templates/a.yaml",
            ),
            ("something else", "deploy.toml:9:1"),
        ] {
            let root = project(
                "helm",
                &format!("echo \"Error: {said}\" >&2; echo >&2; echo 'Use --debug flag' >&2; exit 1"),
            );
            let fault = rendered(root.path(), &[chart(root.path())]).await.unwrap_err();
            assert_eq!((fault.kind, fault.findings.len()), (Kind::Usage, 1));
            let finding = &fault.findings[0];
            assert_eq!(finding.place.as_ref().unwrap().to_string(), place);
            let said = said.replace('\\', "");
            assert_eq!(finding.message, format!("cannot render the chart `helm/web`: {said}"));
        }
    }

    #[tokio::test]
    async fn a_kustomization_is_built_by_whichever_program_there_is() {
        for (program, arguments) in [("kustomize", "build"), ("kubectl", "kustomize")] {
            let root = project(program, &format!("echo \"{OBJECT}$1\""));
            let kustomize = source(SourceKind::Kustomize(root.path().join("k8s")));
            let objects = rendered(root.path(), &[kustomize]).await.unwrap();
            assert_eq!((objects[0].name(), objects[0].place.to_string().as_str()), (arguments, "k8s"));
        }
    }

    #[tokio::test]
    async fn what_kustomize_refuses_is_told_at_the_file() {
        let said =
            "accumulating resources from 'a.yaml': MalformedYAMLError: yaml: line 3: bad in File: a.yaml";
        let root = project(
            "kubectl",
            &format!(
                "echo 'E1121 run.go:72] \"command failed\" err=\"{}\"' >&2; exit 1",
                said.replace('\'', "")
            ),
        );
        std::fs::write(root.path().join("k8s/a.yaml"), "").unwrap();
        let fault = rendered(root.path(), &[source(SourceKind::Kustomize(root.path().join("k8s")))])
            .await
            .unwrap_err();
        let finding = &fault.findings[0];
        assert_eq!(finding.place.as_ref().unwrap().to_string(), "k8s/a.yaml:3");
        assert!(finding.message.ends_with("in File: a.yaml"), "{}", finding.message);
        assert_eq!(finding.help.as_ref().unwrap().split(' ').nth(4), Some("`kubectl"));
    }

    #[tokio::test]
    async fn a_missing_program_is_a_prerequisite_and_says_how_to_get_it() {
        let root = project("other", "");
        for (source, hint) in [
            (chart(root.path()), "helm.sh"),
            (source(SourceKind::Kustomize(root.path().join("k8s"))), "kubectl"),
        ] {
            let fault = rendered(root.path(), &[source]).await.unwrap_err();
            assert_eq!(fault.kind, Kind::Prerequisite);
            assert!(fault.hints[0].contains(hint), "{:?}", fault.hints);
        }
    }

    #[tokio::test]
    async fn everything_that_is_not_there_is_told_at_once() {
        let root = project("helm", "exit 1");
        let chart = SourceKind::Chart(Chart {
            folder: root.path().join("bin"),
            release: "r".to_owned(),
            namespace: None,
            values: vec![root.path().join("nope.yaml")],
            set: [].into(),
            set_env: [].into(),
            mode: Mode::Objects,
        });
        let sources = [source(chart), source(SourceKind::Kustomize(root.path().join("bin")))];
        let fault = rendered(root.path(), &sources).await.unwrap_err();
        let told: Vec<&str> = fault.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            told,
            ["`bin` has no Chart.yaml", "`nope.yaml` does not exist", "`bin` has no kustomization.yaml"]
        );
    }
}
