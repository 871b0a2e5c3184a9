//! A rehearsed machine in a thread of its own, on which a project is up; and the program, which is run against it.

use crate::sample::NAME;
use clap::Parser;
use serde_json::json;
use simulator::host::Settings;
use simulator::scenario::Scenario;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::thread::JoinHandle;
use todo::cli;
use todo::cli::Cli;
use todo::event::Sink;
use todo::flow::up::up;
use todo::project::check::load;
use todo::rehearsal::Host;
use todo::run::Run;
use todo::signal::Cancel;
use todo::world::World;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// The speed factor of its clock: the first `up` need not take long, and its clock is not to spin.
const SPEED: f64 = 50.0;

/// A machine that runs until it is dropped.
pub(crate) struct Machine {
    folder: PathBuf,
    variables: Vec<(OsString, OsString)>,
    over: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.over.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Machine {
    /// Brings the project in `folder` up on a new machine.
    pub(crate) fn with(folder: &Path) -> Machine {
        let (tell, message) = mpsc::channel();
        let (over, ends) = oneshot::channel();
        let project = folder.to_owned();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let host = open().await;
                first(&host, &project).await;
                let world = host.world();
                let variables = world.variables().map(|(name, value)| (name.to_owned(), value.to_owned()));
                tell.send(variables.collect()).unwrap();
                let _ = ends.await;
            });
        });
        let variables = message.recv().unwrap();
        // The machine's own minikube is no program; its version is set from outside.
        let bin = folder.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let minikube = bin.join("minikube");
        std::fs::write(&minikube, "#!/bin/sh\necho '{\"minikubeVersion\":\"v1.38.1\"}'\n").unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&minikube, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        Machine { folder: folder.to_owned(), variables, over: Some(over), thread: Some(thread) }
    }

    /// `todo up` against it, not run yet.
    pub(crate) fn up(&self) -> Command {
        let mut command = program(&self.folder);
        command.arg("up").env_clear().envs(self.variables.iter().cloned());
        command.env("PATH", self.folder.join("bin"));
        command
    }
}

/// `todo rehearse`, not run yet.
pub(crate) fn rehearsal(folder: &Path) -> Command {
    let mut command = program(folder);
    command.arg("rehearse");
    command
}

fn program(folder: &Path) -> Command {
    let program = std::env::var_os("TODO_TEST_PROGRAM")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_todo")), PathBuf::from);
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}

async fn open() -> Host {
    let settings = Settings {
        profile: NAME.to_owned(),
        seed: 1,
        speed: Some(SPEED),
        scenario: Scenario::default(),
        start: jiff::Timestamp::now(),
    };
    let host = Host::open(&World::of_this_process().unwrap(), settings).await.unwrap();
    let api = host.cluster().api();
    let mut node = api.get("api/v1/nodes", "", NAME).unwrap();
    for amounts in ["capacity", "allocatable"] {
        node["status"][amounts]["pods"] = json!("5000");
    }
    api.put("api/v1/nodes", node);
    host
}

async fn first(host: &Host, folder: &Path) {
    let project = load(&folder.join("deploy.toml"));
    let project = Arc::new(project.unwrap_or_else(|fault| panic!("{:?}", fault.causes())));
    host.pretend(&project);
    let Cli { command: cli::Command::Up(flags), .. } = Cli::try_parse_from(["todo", "up"]).unwrap() else {
        panic!("`todo up` is `up`")
    };
    let run = Run::new(Sink::new().0, Cancel::new().1, host.world());
    let ended = Box::pin(up(&run, &project, &flags)).await;
    ended.unwrap_or_else(|fault| panic!("{:?} {:?}", fault.causes(), fault.findings));
}
