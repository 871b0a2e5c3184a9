//! The findings on machines that lack one thing or another.

use crate::docker::fake;
use crate::event::Finding;
use crate::event::Place;
use crate::event::Severity;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::preflight::PreflightFindings;
use crate::preflight::doctor;
use crate::preflight::preflight;
use crate::project::BuildSecret;
use crate::project::Chart;
use crate::project::Mode;
use crate::project::Project;
use crate::project::SourceKind;
use crate::project::check::sample;
use crate::run::Run;
use crate::world::World;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A machine and a project on it, both complete until a test removes something.
struct Machine {
    folder: tempfile::TempDir,
    variables: BTreeMap<&'static str, String>,
    project: Project,
}

impl Machine {
    fn new() -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().to_owned();
        let socket = format!("unix://{}", here.join("docker.sock").display());
        let variables = BTreeMap::from([
            ("HOME", here.display().to_string()),
            ("PATH", here.join("bin").display().to_string()),
            ("DOCKER_HOST", socket),
            ("MINIKUBE_FORCE", "true".to_owned()),
        ]);
        let project = sample(
            &here,
            "namespace = 'shop'\n[minikube]\nprofile = 'mini'\n[[manifests]]\npath = 'manifests'\n\n[image.web]\ncontext = 'docker/web'\n",
        );
        let machine = Machine { folder, variables, project };
        machine.write("docker/web/Dockerfile", "FROM scratch\n");
        machine.write("manifests/web.yaml", "");
        machine.program("docker", "");
        machine.program("minikube", r#"echo '{"commit":"x","minikubeVersion":"v1.38.1"}'"#);
        machine
    }

    /// Starts the engine, with the profile's container in that state if there is one.
    fn engine(&self, container: Option<&'static str>) {
        fake::serve(&self.path("docker.sock"), move |request| match (request, container) {
            ("GET /_ping", _) => (200, "OK".to_owned()),
            ("GET /info", _) => (
                200,
                r#"{"NCPU":4,"MemTotal":8388608000,"ServerVersion":"28.5.2","DockerRootDir":"/"}"#.to_owned(),
            ),
            ("GET /containers/json", _) => (200, "[]".to_owned()),
            ("GET /containers/mini/json", Some(status)) => {
                let labels = r#"{"name.minikube.sigs.k8s.io":"mini"}"#;
                (200, format!(r#"{{"State":{{"Status":"{status}"}},"Config":{{"Labels":{labels}}}}}"#))
            }
            _ => (404, r#"{"message":"no"}"#.to_owned()),
        });
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    fn program(&self, name: &str, script: &str) {
        let name = format!("bin/{name}");
        self.write(&name, &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(self.path(&name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn without(&self, name: &str) {
        let path = self.path(name);
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
    }

    fn run(&self) -> Run {
        Run::fake(World::fake(self.folder.path(), self.variables.clone())).0
    }

    async fn check(&self) -> Result<PreflightFindings, Fault> {
        preflight(&self.run(), &self.project, None).await
    }

    /// The errors, and the kind of the fault that they are.
    async fn errors(&self) -> (FaultKind, Vec<String>) {
        let fault = self.check().await.unwrap_err();
        assert!(fault.findings.iter().all(|finding| finding.help.is_some()), "{:?}", fault.findings);
        (fault.kind, errors(&fault.findings))
    }
}

fn errors(findings: &[Finding]) -> Vec<String> {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.message.clone()).collect()
}

#[tokio::test]
async fn a_machine_that_has_everything_passes() {
    let machine = Machine::new();
    machine.engine(None);
    machine.check().await.unwrap();
}

#[tokio::test]
async fn all_that_is_missing_is_told_at_once() {
    let machine = Machine::new();
    machine.without("bin/minikube");
    machine.without("docker/web/Dockerfile");
    machine.without("manifests");
    let (kind, messages) = machine.errors().await;
    assert_eq!(kind, FaultKind::Prerequisite);
    assert_eq!(messages.len(), 4, "{messages:?}");
    for what in [
        "Dockerfile `docker/web/Dockerfile`",
        "manifests at `manifests`",
        "no Docker engine",
        "minikube is not",
    ] {
        assert!(messages.iter().any(|message| message.contains(what)), "{what}: {messages:?}");
    }
}

#[tokio::test]
async fn mistakes_of_the_project_alone_are_the_users() {
    let mut machine = Machine::new();
    machine.engine(None);
    machine.without("docker/web");
    machine.project.images[0].secrets.insert("npm".to_owned(), BuildSecret::Env("NPM_TOKEN".to_owned()));
    let fault = machine.check().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Usage);
    assert_eq!(
        errors(&fault.findings),
        [
            "the build context `docker/web` does not exist",
            "the build secret `npm` comes from the variable `NPM_TOKEN`, which is not set",
        ]
    );
    // The disk of the machine that runs the tests may be nearly full, which is a warning of its own.
    let mut wrong = fault.findings.iter().filter(|finding| finding.severity == Severity::Error);
    assert!(wrong.all(|finding| {
        finding.place.as_ref().is_some_and(|place| place.line == 7)
            && finding.subject.as_deref() == Some("image web")
    }));
    machine.variables.insert("NPM_TOKEN", "x".to_owned());
    machine.write("docker/web/Dockerfile.prod", "");
    let fault = machine.check().await.unwrap_err();
    assert_eq!(
        fault.findings[0].help.as_deref(),
        Some("did you mean `dockerfile = \"docker/web/Dockerfile.prod\"`?")
    );
}

#[tokio::test]
async fn what_renders_the_manifests_has_to_be_there() {
    let mut machine = Machine::new();
    machine.engine(None);
    let chart = SourceKind::Chart(Chart {
        folder: machine.path("chart"),
        release: "web".to_owned(),
        namespace: None,
        values: vec![machine.path("values.yaml")],
        set: BTreeMap::new(),
        set_env: [].into(),
        mode: Mode::Objects,
    });
    machine.project.sources[0].kind = chart;
    let (_, messages) = machine.errors().await;
    assert_eq!(
        messages,
        ["there is no chart in `chart`", "`helm` is not on the PATH, and is needed to render this"]
    );
    machine.write("chart/Chart.yaml", "");
    machine.program("helm", "echo v3.19.0");
    assert_eq!(
        machine.errors().await,
        (FaultKind::Usage, vec!["the values file `values.yaml` does not exist".to_owned()])
    );
    machine.write("values.yaml", "");
    machine.program("helm", "echo v2.17.0");
    assert_eq!(
        machine.errors().await,
        (
            FaultKind::Prerequisite,
            vec!["Helm 2.17.0 is too old: 3.10.0 is the oldest supported version".to_owned()]
        )
    );
    machine.project.sources[0].kind = SourceKind::Kustomize(machine.path("manifests"));
    machine.program("kubectl", "");
    assert_eq!(machine.errors().await.1, ["there is no kustomization in `manifests`"]);
    machine.write("manifests/kustomization.yml", "");
    machine.check().await.unwrap();
}

#[tokio::test]
async fn a_profile_that_runs_needs_no_minikube_and_no_room() {
    let mut machine = Machine::new();
    machine.engine(Some("running"));
    machine.without("bin/minikube");
    machine.project.minikube.cpus = Some(64);
    machine.check().await.unwrap();
    let messages = errors(&doctor(&machine.run(), Some(&machine.project)).await);
    assert!(messages.iter().any(|message| message.contains("minikube is not on the PATH")), "{messages:?}");
}

#[tokio::test]
async fn a_new_profile_needs_room_and_an_old_one_has_it() {
    let mut machine = Machine::new();
    machine.variables.remove("MINIKUBE_FORCE");
    machine.engine(None);
    machine.project.minikube.cpus = Some(64);
    machine.project.minikube.memory_mib = Some(64_000);
    let (_, messages) = machine.errors().await;
    assert!(
        messages.iter().any(|message| message == "deploy.toml asks for 64 CPUs, the Docker engine has 4"),
        "{messages:?}"
    );
    assert!(messages.iter().any(|message| message.contains("has 8000 MiB")), "{messages:?}");
    machine.variables.insert("MINIKUBE_FORCE", "true".to_owned());
    machine.write(".minikube/profiles/mini/config.json", r#"{"Driver":"docker"}"#);
    machine.check().await.unwrap();
}

#[tokio::test]
async fn an_old_minikube_is_named_with_the_oldest_that_works() {
    let machine = Machine::new();
    machine.engine(None);
    machine.program("minikube", r#"echo '{"commit":"x","minikubeVersion":"v1.31.2"}'"#);
    assert_eq!(
        machine.errors().await.1,
        ["minikube v1.31.2 is too old: 1.32 is the oldest supported version"]
    );
    machine.program("minikube", "echo broken >&2; exit 3");
    assert!(machine.errors().await.1[0].contains("cannot be run"));
    machine.program("minikube", "echo homemade");
    assert_eq!(machine.check().await.unwrap().findings[0].severity, Severity::Warning);
}

#[tokio::test]
async fn docker_is_not_asked_of_who_uses_another_driver() {
    let mut machine = Machine::new();
    machine.project.minikube.driver = Some("kvm2".to_owned());
    machine.check().await.unwrap();
    machine.project.minikube.driver = None;
    machine.program("virsh", "");
    assert_eq!(machine.check().await.unwrap().findings[0].severity, Severity::Warning);
    machine.write(".minikube/profiles/mini/config.json", r#"{"Driver":"docker"}"#);
    assert!(machine.errors().await.1[0].contains("no Docker engine listens"));
}

#[tokio::test]
async fn another_cluster_needs_an_engine_only_to_build() {
    let mut machine = Machine::new();
    let other = crate::project::OtherCluster {
        name: "staging".to_owned(),
        place: Place::file("deploy.toml"),
        context: "gke".to_owned(),
        registry: None,
    };
    machine.without("bin/minikube");
    let fault = preflight(&machine.run(), &machine.project, Some(&other)).await.unwrap_err();
    assert!(errors(&fault.findings)[0].contains("no Docker engine"));
    machine.project.images.clear();
    preflight(&machine.run(), &machine.project, Some(&other)).await.unwrap();
}

#[tokio::test]
async fn the_doctor_tells_what_is_there_too() {
    let machine = Machine::new();
    machine.engine(None);
    let findings = doctor(&machine.run(), None).await;
    let notes: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(notes.iter().any(|note| note.contains("minikube v1.38.1")), "{notes:?}");
    assert!(
        notes.iter().any(|note| note.contains("Docker 28.5.2") && note.contains("4 CPUs, 8000 MiB")),
        "{notes:?}"
    );
}
