//! The engine that both sides use, and the `docker` of the other side.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;
use todo::world::World;

/// An engine, as its address in `DOCKER_HOST`.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) address: String,
    pub(crate) base: String,
    certificates: Option<PathBuf>,
    docker: String,
}

impl Engine {
    pub(crate) fn of_this_machine() -> Engine {
        Engine::from_world(&World::of_this_process().unwrap())
    }

    pub(crate) fn from_world(world: &World) -> Engine {
        let or = |name: &str, otherwise: &str| world.var(name).unwrap_or(otherwise).to_owned();
        Engine {
            address: or("TODO_TEST_ENGINE", "unix:///var/run/docker.sock"),
            base: or("TODO_TEST_BASE", "debian:bookworm-slim"),
            certificates: world.var_os("TODO_TEST_CERTS").map(PathBuf::from),
            docker: or("TODO_TEST_DOCKER", "docker"),
        }
    }

    /// The same engine behind another address.
    pub(crate) fn at(&self, address: String) -> Engine {
        Engine { address, ..self.clone() }
    }

    /// The socket that it listens on, if it is one.
    pub(crate) fn socket(&self) -> Option<&str> {
        self.address.strip_prefix("unix://")
    }

    pub(crate) fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.docker);
        command.args(arguments).env("DOCKER_HOST", &self.address).env("DOCKER_BUILDKIT", "1");
        if let Some(folder) = &self.certificates {
            command.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", folder);
        }
        command
    }

    /// `docker build` of a context of the project in `folder`.
    pub(crate) fn build(&self, folder: &Path, context: &str) -> Command {
        let tag = tag(context);
        let mut command = self.docker(&["build", "--quiet", "--tag", &tag]);
        command.arg(folder.join(context));
        command
    }
}

/// What `docker build` calls an image of this run.
pub(crate) fn tag(context: &str) -> String {
    format!("todo-bench-{}/{}", std::process::id(), context.replace('/', "-"))
}

/// What a command prints; its failure ends the run.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// How long it takes.
pub(crate) fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// User and system time of the processes that this one waited for; 100 ticks a second, exact over many of them (Linux only).
pub(crate) fn processors_of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = fields.get(13..15).unwrap_or_default().iter().filter_map(|ticks| ticks.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}
