//! `todo watch` on a rehearsed machine: the result of each kind of change.

use clap::Parser;
use simulator::host::Settings;
use simulator::scenario::Scenario;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use todo::cli;
use todo::cli::Cli;
use todo::event::Event;
use todo::event::EventKind;
use todo::event::Outcome;
use todo::event::Sink;
use todo::flow;
use todo::project::check::load_checked;
use todo::rehearsal::Host;
use todo::run::Run;
use todo::signal::Cancel;
use todo::world::World;
use tokio::sync::mpsc;

const PROJECT: &str = "name = 'shop'\nnamespace = 'shop'\n[image.web]\ncontext = 'web'\n[[manifests]]\npath = 'k8s'\n\
                       [config.settings]\nfile = 'settings.env'\n[service.web]\n";

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web
          envFrom: [{configMapRef: {name: settings}}]
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: 8080}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
";

const DOCKERFILE: &str = "FROM debian:12\nCOPY src /src\nUSER 1000\nCMD [\"serve\"]\n";

/// How a round came out.
#[derive(Debug, PartialEq)]
struct Round {
    changed: Vec<String>,
    /// How many images it built.
    built: usize,
    /// How many objects it wrote.
    written: usize,
    /// The code of the first error, or of the failure.
    failed: Option<String>,
    /// The files that have mistakes.
    files: Vec<String>,
}

/// The project, and the events of the loop.
struct Case {
    folder: TempDir,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Case {
    fn write(&self, name: &str, text: &str) {
        write(self.folder.path(), name, text);
    }

    /// The next round that ends.
    async fn round(&mut self) -> Round {
        let begun = |changed| Round { changed, built: 0, written: 0, failed: None, files: Vec::new() };
        let mut round = begun(Vec::new());
        while let Some(Event { kind, .. }) = self.events.recv().await {
            match kind {
                EventKind::RoundStarted { changed } => {
                    round = begun(changed);
                }
                EventKind::ItemFinished { outcome: Outcome::Built, .. } => round.built += 1,
                EventKind::ItemFinished { outcome: Outcome::Created | Outcome::Changed, .. } => {
                    round.written += 1;
                }
                EventKind::RoundFinished { .. } => return round,
                EventKind::RoundFailed { reason, findings, .. } => {
                    let code = findings.first().map_or(reason, |finding| finding.code);
                    let places = findings.iter().filter_map(|finding| finding.place.as_ref());
                    let files = places.map(|place| place.file.display().to_string()).collect();
                    return Round { failed: Some(code.to_string()), files, ..round };
                }
                _ => {}
            }
        }
        panic!("the loop ended after {round:?}");
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // As editors save: by a rename, so that no half of it is ever seen.
    let temporary = path.with_extension("tmp~");
    std::fs::write(&temporary, text).unwrap();
    std::fs::rename(temporary, path).unwrap();
}

/// Watches the project while `edits` are made, then stops as by Ctrl-C; what the loop answers must be a success.
fn watched(edits: impl AsyncFnOnce(&mut Case)) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("deploy.toml", PROJECT),
            ("k8s/web.yaml", WEB),
            ("settings.env", "LEVEL=1\n"),
            ("web/Dockerfile", DOCKERFILE),
            ("web/.dockerignore", "*.log\nnode_modules\n"),
            ("web/src/main.txt", "1"),
        ] {
            write(folder.path(), name, text);
        }
        let file = folder.path().join("deploy.toml");
        let project = Arc::new(load_checked(&file).unwrap().whole().unwrap());
        let outside = World::fake("/", [("PATH", "/nowhere"), ("USER", "me"), ("HOSTNAME", "here")]);
        let settings = Settings {
            profile: "minikube".to_owned(),
            seed: 1,
            speed: None,
            scenario: Scenario::default(),
            start: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        let host = Host::open(&outside, settings).await.unwrap();
        host.pretend(&project);
        let (sink, events) = Sink::new();
        let (asker, cancel) = Cancel::new();
        let run = Run::new(sink, cancel, host.world());
        let cli::Command::Watch(flags) = Cli::try_parse_from(["todo", "watch"]).unwrap().command else {
            panic!()
        };
        let mut case = Case { folder, events };
        let again = || load_checked(&file);
        let (ended, ()) = tokio::join!(Box::pin(flow::watch::watch(&run, project, &flags, &again)), async {
            let first = case.round().await;
            assert_eq!((first.changed.len(), first.built, first.failed), (0, 1, None));
            edits(&mut case).await;
            asker.cancel(todo::fault::FaultKind::Interrupted);
        });
        assert!(ended.is_ok(), "{ended:?}");
    });
    runtime.shutdown_background();
}

#[test]
fn each_kind_of_input_leads_to_a_round_that_does_what_it_asks_for() {
    watched(async |case| {
        case.write("web/src/main.txt", "2");
        let round = case.round().await;
        assert_eq!(
            (round.changed, round.built, round.failed),
            (vec!["web/src/main.txt".to_owned()], 1, None)
        );
        case.write(
            "k8s/web.yaml",
            &WEB.replace("spec:\n  selector: {m", "spec:\n  replicas: 2\n  selector: {m"),
        );
        let round = case.round().await;
        assert_eq!((round.changed, round.built, round.failed), (vec!["k8s/web.yaml".to_owned()], 0, None));
        assert!(round.written > 0);
        case.write("settings.env", "LEVEL=2\n");
        let round = case.round().await;
        assert_eq!((round.changed, round.built, round.failed), (vec!["settings.env".to_owned()], 0, None));
        assert!(round.written > 0);
        case.write("web/Dockerfile", &DOCKERFILE.replace("1000", "1001"));
        assert_eq!(case.round().await.built, 1);
    });
}

#[test]
fn what_no_input_is_leads_to_nothing() {
    watched(async |case| {
        case.write("web/debug.log", "1");
        case.write("web/node_modules/a/index.js", "1");
        case.write("notes.txt", "1");
        case.write("web/src/main.txt", "1");
        case.write("web/src/main.txt", "2");
        assert_eq!(case.round().await.changed, ["web/src/main.txt"]);
        // Rules that ignore less turn further files into inputs.
        case.write("web/.dockerignore", "node_modules\n");
        case.round().await;
        case.write("web/debug.log", "2");
        assert_eq!(case.round().await.changed, ["web/debug.log"]);
    });
}

#[test]
fn a_failure_is_told_and_the_loop_continues_with_its_repair() {
    watched(async |case| {
        case.write("web/Dockerfile", "FORM debian:12\n");
        let round = case.round().await;
        assert!(round.failed.is_some() && round.built == 0, "{round:?}");
        case.write("web/Dockerfile", DOCKERFILE);
        let round = case.round().await;
        assert_eq!((round.built, round.failed), (0, None), "it is the image that is there");
        case.write("k8s/web.yaml", "kind: [\n");
        assert!(case.round().await.failed.is_some());
        case.write("k8s/web.yaml", WEB);
        assert_eq!(case.round().await.failed, None);
    });
}

#[test]
fn a_broken_deploy_toml_does_not_hide_what_is_wrong_with_other_files() {
    watched(async |case| {
        case.write("k8s/web.yaml", "kind: [\n");
        assert_eq!(case.round().await.files, ["k8s/web.yaml"]);
        case.write("deploy.toml", &PROJECT.replace("[service.web]", "[service.web]\nprot = 80"));
        assert_eq!(case.round().await.files, ["deploy.toml", "k8s/web.yaml"]);
        case.write("k8s/web.yaml", WEB);
        assert_eq!(case.round().await.failed, None, "the last valid deploy.toml is used");
        case.write("deploy.toml", PROJECT);
        assert_eq!(case.round().await.failed, None);
    });
}

#[test]
fn a_broken_deploy_toml_leaves_the_last_one_in_force() {
    watched(async |case| {
        case.write("deploy.toml", "name = \n");
        let round = case.round().await;
        assert!(round.failed.is_some() && round.written == 0, "{round:?}");
        case.write("web/src/main.txt", "2");
        assert_eq!(case.round().await.built, 1, "the last valid deploy.toml is used");
        case.write("more.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\ndata: {a: b}\n");
        case.write("deploy.toml", &PROJECT.replace("[config", "[[manifests]]\npath = 'more.yaml'\n[config"));
        let round = case.round().await;
        assert_eq!((round.failed, round.written), (None, 1));
        case.write("more.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\ndata: {a: c}\n");
        let round = case.round().await;
        assert_eq!(round.changed, ["more.yaml"], "what the new deploy.toml names is watched");
        assert_eq!(round.written, 1);
    });
}
