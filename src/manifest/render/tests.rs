//! The arguments of helm and kustomize, and the handling of their output and errors.

use super::render;
use crate::event::Code;
use crate::event::Place;
use crate::fault::FaultKind;
use crate::manifest::Object;
use crate::project::Chart;
use crate::project::Mode;
use crate::project::Set;
use crate::project::Source;
use crate::project::SourceKind;
use crate::project::name::Namespace;
use crate::run::Run;
use crate::world::World;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
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
    let run = Run::fake(world).0;
    let rendered = render(&run, root, &Namespace::parse("app").unwrap(), sources).await?;
    match rendered.fault {
        Some(fault) => Err(fault),
        None if rendered.mistakes.is_empty() => Ok(rendered.objects),
        None => Err(Code::ManifestsUnrenderable.fault(FaultKind::Usage, "").findings(rendered.mistakes)),
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
    let messages: Vec<String> = objects
        .iter()
        .map(|object| format!("{} {}", object.id(), object.place_of("/metadata/name")))
        .collect();
    assert_eq!(
        messages,
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
    let repeated = format!("# Source: web/templates/a.yaml\n{OBJECT}r\n  labels:\n    app: a\n    app: b\n");
    let root = project("helm", &format!("printf '{}'", repeated.replace('\n', "\\n")));
    let world = World::fake(root.path(), [("PATH", root.path().join("bin"))]);
    let run = Run::fake(world).0;
    let namespace = Namespace::parse("app").unwrap();
    let rendered = render(&run, root.path(), &namespace, &[chart(root.path())]).await.unwrap();
    assert_eq!(rendered.objects[0].value["metadata"]["labels"]["app"], "b");
    let [warning] = rendered.warnings.as_slice() else { panic!("{:?}", rendered.warnings) };
    assert_eq!(warning.place.as_ref().unwrap().to_string(), "helm/web/templates/a.yaml");
    assert_eq!(warning.evidence, ["it is line 8 of what is rendered"]);
}

#[tokio::test]
async fn what_helm_refuses_is_told_at_the_template() {
    for (message, place) in [
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
            &format!("echo \"Error: {message}\" >&2; echo >&2; echo 'Use --debug flag' >&2; exit 1"),
        );
        let fault = rendered(root.path(), &[chart(root.path())]).await.unwrap_err();
        assert_eq!((fault.kind, fault.findings.len()), (FaultKind::Usage, 1));
        let finding = &fault.findings[0];
        assert_eq!(finding.place.as_ref().unwrap().to_string(), place);
        let message = message.replace('\\', "");
        assert_eq!(finding.message, format!("cannot render the chart `helm/web`: {message}"));
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
    let message =
        "accumulating resources from 'a.yaml': MalformedYAMLError: yaml: line 3: bad in File: a.yaml";
    let root = project(
        "kubectl",
        &format!(
            "echo 'E1121 run.go:72] \"command failed\" err=\"{}\"' >&2; exit 1",
            message.replace('\'', "")
        ),
    );
    std::fs::write(root.path().join("k8s/a.yaml"), "").unwrap();
    let fault =
        rendered(root.path(), &[source(SourceKind::Kustomize(root.path().join("k8s")))]).await.unwrap_err();
    let finding = &fault.findings[0];
    assert_eq!(finding.place.as_ref().unwrap().to_string(), "k8s/a.yaml:3");
    assert!(finding.message.ends_with("in File: a.yaml"), "{}", finding.message);
    assert_eq!(finding.help.as_ref().unwrap().split(' ').nth(4), Some("`kubectl"));
}

#[tokio::test]
async fn a_missing_program_is_a_prerequisite_and_says_how_to_get_it() {
    let root = project("other", "");
    for (source, hint) in
        [(chart(root.path()), "helm.sh"), (source(SourceKind::Kustomize(root.path().join("k8s"))), "kubectl")]
    {
        let fault = rendered(root.path(), &[source]).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Prerequisite);
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
    let messages: Vec<&str> = fault.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        ["`bin` has no Chart.yaml", "`nope.yaml` does not exist", "`bin` has no kustomization.yaml"]
    );
}

#[tokio::test]
async fn a_chart_that_its_helmignore_hides_is_told_by_that_line() {
    let said = "echo 'Error: Chart.yaml file is missing' >&2; exit 1";
    for (ignore, line) in [("*.md\n!README.md\n", Some(2)), ("*.md\n", None)] {
        let folder = project("helm", said);
        std::fs::write(folder.path().join("helm/web/.helmignore"), ignore).unwrap();
        let fault = rendered(folder.path(), &[chart(folder.path())]).await.unwrap_err();
        let place = fault.findings[0].place.clone().unwrap();
        let found = place.file.ends_with(".helmignore").then_some(place.line);
        assert_eq!(found, line, "{:?}", fault.findings);
    }
}
