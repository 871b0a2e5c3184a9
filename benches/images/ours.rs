//! Our side: starts this program again, which performs the image step of `todo up`, and reports its cost.

use crate::contexts::Sources;
use crate::engine::Engine;
use serde_json::Value;
use serde_json::json;
use std::path::Path;
use std::process::Command;
use todo::docker;
use todo::event::EventKind;
use todo::event::Sink;
use todo::image;
use todo::image::Destination;
use todo::image::NodeStore;
use todo::image::survey::survey;
use todo::project::check::load;
use todo::run::Run;
use todo::signal::Cancel;
use todo::world::World;

const ASKED: &str = "TODO_BENCH_BUILD";

/// Builds, where this process was started for that; what it cost.
pub(crate) fn asked() -> Option<Value> {
    let folder = std::env::var(ASKED).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let done = runtime.block_on(build(Path::new(&folder)));
    runtime.shutdown_background();
    Some(done)
}

async fn build(folder: &Path) -> Value {
    let world = World::of_this_process().unwrap();
    let builder = Engine::from_world(&world).address;
    let builder = docker::parse(&builder, world.var_os("TODO_TEST_CERTS").map(Into::into)).unwrap();
    let node = match world.var("TODO_BENCH_SHIP") {
        Some(container) => {
            NodeStore::Containerd { host: docker::host(&world).unwrap(), container: container.to_owned() }
        }
        None => NodeStore::Docker(builder.clone()),
    };
    let to = Destination { builder, nodes: vec![node], registry: None };
    let (sink, mut events) = Sink::new();
    let run = Run::new(sink, Cancel::new().1, world);
    let project = load(&folder.join("deploy.toml")).unwrap();
    if run.world.var("TODO_BENCH_CLEAN").is_some() {
        image::remove_all(&project.image_owner(), &to).await.unwrap();
        return Value::Null;
    }
    let surveyed = survey(&run, &project).unwrap();
    let built = image::make(&run, &project.image_owner(), &to, &surveyed).await;
    let built = built.unwrap_or_else(|fault| panic!("{:?}: {:?}", fault.causes(), fault.findings));
    drop(run);
    let mut reported = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let EventKind::ItemFinished { detail, .. } = event.kind {
            reported.extend(detail);
        }
    }
    json!({
        "outcomes": built.iter().map(|image| format!("{:?}", image.outcome)).collect::<Vec<_>>(),
        "reference": built[0].reference,
        "told": reported,
        "peak_kib": peak_kib(),
    })
}

/// The most memory that this process held, as Linux counts it; 0 elsewhere.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The command that builds `sources` with `engine`.
pub(crate) fn command(engine: &Engine, sources: &Sources) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .env(ASKED, sources.folder.path())
        .env("TODO_TEST_ENGINE", &engine.address)
        .env("XDG_CACHE_HOME", sources.path("cache"));
    command
}

/// The reported cost.
pub(crate) fn run(command: &mut Command) -> Value {
    serde_json::from_str(&crate::engine::output(command)).unwrap()
}

/// Removes the built images.
pub(crate) fn clean(engine: &Engine, sources: &Sources) {
    crate::engine::output(command(engine, sources).env("TODO_BENCH_CLEAN", "1"));
}
