//! A project, a rehearsed cluster, and the flows between them, on a clock that jumps.

use clap::Parser;
use simulator::cluster::Cluster;
use simulator::cluster::Node;
use simulator::cluster::Settings;
use simulator::cluster::fault::Faults;
use simulator::cluster::fault::NoFaults;
use simulator::cluster::image::App;
use simulator::cluster::image::ImageInfo;
use simulator::cluster::image::Images;
use simulator::cluster::image::PullError;
use simulator::serve::kubeconfig;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tempfile::TempDir;
use todo::cli::Cli;
use todo::cli::Command;
use todo::clock::Clock;
use todo::event::EventKind;
use todo::event::Place;
use todo::event::Sink;
use todo::fault::Fault;
use todo::flow;
use todo::flow::Answer;
use todo::project::OtherCluster;
use todo::project::check::load;
use todo::report::failed;
use todo::report::fault::FaultStyle;
use todo::report::fault::finding;
use todo::report::fault::lines;
use todo::report::style::TerminalCaps;
use todo::run::Run;
use todo::signal::Cancel;
use todo::world::World;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

/// No run that is rehearsed may last longer than this, by the rehearsal's clock.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// An image store that begins empty, and a registry that has a few images.
#[derive(Default)]
struct Store {
    here: Mutex<BTreeSet<String>>,
}

impl Images for Store {
    fn find(&self, reference: &str) -> Option<ImageInfo> {
        self.here.lock().unwrap().contains(reference).then(|| found(reference))
    }

    fn pull(&self, reference: &str) -> Result<ImageInfo, PullError> {
        if !["busybox:1.36", "controller:1", "nginx:1", "nginx:2", "postgres:16"].contains(&reference) {
            return Err(PullError::not_found(reference));
        }
        self.here.lock().unwrap().insert(reference.to_owned());
        Ok(found(reference))
    }
}

/// An engine without any image, for every request.
async fn engine(listener: UnixListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            while stream.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {
                let nothing =
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]";
                let _ = stream.write_all(nothing.as_bytes()).await;
            }
        });
    }
}

fn found(reference: &str) -> ImageInfo {
    let mut app = App { routes: reference.starts_with("controller"), ..App::default() };
    if reference.starts_with("busybox") {
        let programs = ["sh", "sleep", "cat", "false", "true", "tail", "echo"];
        app.programs = Some(programs.map(str::to_owned).into());
        app.root = true;
    }
    ImageInfo { id: format!("sha256:{reference}"), size: 4_000_000, app }
}

/// A project in a rehearsed cluster.
pub(crate) struct Harness {
    pub(crate) project: Project,
    pub(crate) cluster: Cluster,
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.serving.abort();
        self.cluster.stop();
    }
}

/// A directory with a project, and what `todo` does with it in the cluster at an address.
pub(crate) struct Project {
    pub(crate) folder: TempDir,
    _engine: Engine,
    clock: Clock,
}

/// The engine's task, which ends with it.
struct Engine(JoinHandle<()>);

impl Drop for Engine {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct RunOutput {
    pub(crate) code: u8,
    /// From the first error on, or the warnings of a run that succeeded.
    pub(crate) report: String,
    /// The action on each object.
    pub(crate) done: Vec<String>,
    /// By the clock of the runtime.
    pub(crate) took: Duration,
    pub(crate) answer: Option<Answer>,
}

impl Harness {
    pub(crate) async fn new() -> Harness {
        Harness::with(7, Arc::new(NoFaults)).await
    }

    pub(crate) async fn with(seed: u64, faults: Arc<dyn Faults>) -> Harness {
        let clock = simulator::clock::Clock::starting_at(jiff::Timestamp::now());
        let cluster = Cluster::start(Settings {
            clock: clock.clone(),
            seed,
            nodes: vec![Node { name: "mini".into(), cpus: 2, memory: 4096, address: [127, 77, 0, 1].into() }],
            images: Arc::new(Store::default()),
            faults,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = cluster.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let served = served.clone();
                tokio::spawn(async move { served.serve(stream).await });
            }
        });
        let project = Project { clock: clock.into(), ..Project::at(address) };
        Harness { project, cluster, address, serving }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        self.project.write(name, text);
    }

    pub(super) fn copy(&self, from: &Path) {
        self.project.copy(from);
    }

    pub(super) async fn todo(&self, arguments: &[&str]) -> RunOutput {
        self.project.todo(arguments).await
    }
}

impl Project {
    /// An empty directory, and the API server at `address`, which does not authenticate clients.
    pub(crate) fn at(address: SocketAddr) -> Project {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig("mini", address)).unwrap();
        let engine = tokio::spawn(engine(UnixListener::bind(folder.path().join("docker.sock")).unwrap()));
        Project { folder, _engine: Engine(engine), clock: Clock::system() }
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Copies a project.
    pub(crate) fn copy(&self, from: &Path) {
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() {
                for file in std::fs::read_dir(entry.path()).unwrap().map(Result::unwrap) {
                    let text = std::fs::read_to_string(file.path()).unwrap();
                    self.write(&format!("{name}/{}", file.file_name().to_string_lossy()), &text);
                }
            } else {
                self.write(&name, &std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }

    /// Runs `todo` with these arguments, in this process.
    pub(crate) async fn todo(&self, arguments: &[&str]) -> RunOutput {
        let began = tokio::time::Instant::now();
        let (sink, mut events) = Sink::new();
        let covers = sink.clone();
        let (_asker, cancel) = Cancel::new();
        let kubeconfig = self.folder.path().join("kubeconfig");
        let engine = format!("unix://{}", self.folder.path().join("docker.sock").display());
        let variables = [
            ("KUBECONFIG", kubeconfig.to_str().unwrap()),
            ("DOCKER_HOST", engine.as_str()),
            ("USER", "kim"),
            ("HOSTNAME", "box"),
        ];
        let mut world = World::fake(self.folder.path(), variables);
        world.clock = self.clock.clone();
        let run = Run::new(sink, cancel, world);
        let ended = tokio::time::timeout(LONGEST, Box::pin(self.flow(&run, arguments))).await;
        let took = began.elapsed();
        let page = FaultStyle { caps: TerminalCaps::BARE, width: None, source: None };
        let mut warnings = Vec::new();
        let mut done = Vec::new();
        while let Ok(event) = events.try_recv() {
            match event.kind {
                EventKind::Warned { finding: found } => warnings.extend(finding(page, &found)),
                EventKind::ItemFinished { item, outcome, .. } => done.push(format!("{outcome:?} {item}")),
                EventKind::Waiting { item, why, .. } if ended.is_err() => done.push(format!("{item}: {why}")),
                _ => {}
            }
        }
        let ended = ended.unwrap_or_else(|_| panic!("it hangs: {done:#?}"));
        match ended {
            Ok(answer) => {
                RunOutput { code: 0, report: warnings.join("\n"), done, took, answer: Some(answer) }
            }
            Err(fault) => {
                let EventKind::RunFailed { reason, causes, findings, hints, .. } =
                    covers.covered(failed(0, &fault))
                else {
                    panic!("{fault:?}")
                };
                let report = lines(page, reason, &causes, &findings, &hints).join("\n");
                RunOutput { code: fault.kind.exit_code(), report, done, took, answer: None }
            }
        }
    }

    async fn flow(&self, run: &Run, arguments: &[&str]) -> Result<Answer, Fault> {
        let cli = Cli::try_parse_from([&["todo"], arguments].concat()).unwrap();
        let mut project = load(&self.folder.path().join("deploy.toml"))?;
        let (name, context) = ("mini".to_owned(), "mini".to_owned());
        let place = Place::file("deploy.toml");
        project.elsewhere = Some(OtherCluster { name, place, context, registry: None });
        let project = Arc::new(project);
        match &cli.command {
            Command::Up(flags) => Box::pin(flow::up::up(run, &project, flags)).await,
            Command::Plan(flags) => flow::plan::plan(run, &project, flags).await,
            Command::History => flow::history::history(run, &project).await,
            Command::Unlock => flow::unlock::unlock(run, &project).await,
            Command::Doctor(flags) => flow::doctor::doctor(run, &project, flags).await,
            Command::Restart(flags) => flow::restart::restart(run, &project, flags).await,
            Command::Down(flags) => flow::down::down(run, &project, flags).await,
            Command::Status(_) => flow::status::status(run, &project).await,
            Command::Logs(flags) => flow::logs::logs(run, &project, flags).await,
            Command::Rollback(flags) => flow::history::rollback(run, &project, flags).await,
            other => panic!("{other:?} is not rehearsed"),
        }
    }
}
