//! `minikube start`, its JSON events turned into our own.
//!
//! Does not change an existing profile: minikube ignores most changed flags of it and switches the container runtime
//! without being told to, so it is started as it is.

use crate::docker;
use crate::docker::reach;
use crate::event::Amount;
use crate::event::Code;
use crate::event::Finding;
use crate::event::OpenItem;
use crate::event::Unit;
use crate::exec::Stream;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::minikube::INGRESS;
use crate::minikube::config;
use crate::minikube::config::Config;
use crate::minikube::endpoint;
use crate::minikube::events;
use crate::minikube::events::MinikubeEvent;
use crate::minikube::exclusive::Exclusive;
use crate::minikube::program;
use crate::minikube::reset;
use crate::project;
use crate::project::Runtime;
use crate::run::Run;
use bollard::Docker;
use std::cell::OnceCell;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;
use tokio::sync::Notify;

/// The interval for measuring the downloads, which minikube reports on a terminal only.
const TICK: Duration = Duration::from_secs(1);

/// The profile's state before the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StartFrom<'a> {
    /// Its saved configuration.
    pub(crate) existing: Option<&'a Config>,
    /// The engine that its nodes run in, if it answers.
    pub(crate) engine: Option<&'a Docker>,
    /// Whether its node will be made (again).
    pub(crate) fresh: bool,
    /// Whether it holds data that a reset would delete.
    pub(crate) keep: bool,
    /// The lock that minikube keeps as long as it runs.
    pub(crate) lock: &'a Exclusive,
}

/// Starts the profile, and returns notes.
///
/// # Errors
/// minikube's own reason; or that it announced a reset of a cluster to [`StartFrom::keep`], before which it is
/// stopped.
pub(crate) async fn start(
    run: &Run,
    desired: &project::Minikube,
    at: StartFrom<'_>,
    item: &OpenItem,
) -> Result<Vec<Finding>> {
    let StartFrom { existing, engine, fresh, keep, lock } = at;
    let docker = engine.is_some();
    let profile = &desired.profile;
    let mut notes: Vec<Finding> =
        in_effect(run).map(|note| note.about(format!("profile {profile}"))).into_iter().collect();
    let driver = driver(run, desired, existing, docker);
    if driver.as_deref() == Some("docker") && !docker {
        // minikube would call it a wrong usage (exit code 14).
        reach::reach(&run.world).await.map_err(|error| {
            let help = error.help();
            Code::DockerUnreachable.caused_by(FaultKind::Prerequisite, error).hint(help)
        })?;
    }
    let container = matches!(driver.as_deref(), Some("docker" | "podman"));
    let publish = if fresh && container {
        let unrouted = docker::host(&run.world).is_ok_and(|host| {
            endpoint::unrouted(&run.world, driver.as_deref().unwrap_or_default(), &host).is_some()
        });
        ports(desired, existing, unrouted, &mut notes)
    } else {
        Vec::new()
    };
    let call = program::call(run, profile, ["start", "-o", "json", "--interactive=false", "--keep-context"])?
        .args(arguments(desired, existing, driver.as_deref(), &publish))
        .holding(lock.file());
    let mut step = (None, None);
    let (announced, heard) = (OnceCell::new(), Notify::new());
    let work = call.lines(run, |stream, line| {
        // Standard error is free text, klog's errors among it, in every mode (minikube#22466).
        let event = if stream == Stream::Out { events::parse(line) } else { None };
        match event {
            Some(MinikubeEvent::Step { doing, index, total }) => {
                step = (index.or(step.0), total.or(step.1));
                let amount = step.0.map(|done| Amount { done, total: step.1, unit: Unit::Steps });
                item.progress(doing, amount);
            }
            Some(MinikubeEvent::Download { what, percent }) => {
                let amount = percent.map(|done| Amount { done, total: Some(100), unit: Unit::Percent });
                item.progress(format!("downloading {what}"), amount);
            }
            Some(MinikubeEvent::Text(text)) if events::announces_reset(&text) => {
                if keep {
                    let _ = announced.set(text);
                    heard.notify_one();
                } else {
                    notes.push(lost(desired, text));
                }
            }
            Some(MinikubeEvent::Text(text)) => item.log(text),
            Some(MinikubeEvent::Warning(text)) => {
                let help = "minikube continues; if something is missing later, this may be why";
                run.sink
                    .warn(Code::MinikubeWarning.warning(text).about(format!("profile {profile}")).help(help));
            }
            Some(MinikubeEvent::Failed(failure)) => item.log(failure.message),
            None => {}
        }
    });
    // Whichever of them is not the first is dropped at once, and minikube with it killed.
    let done = tokio::select! {
        done = work => Some(done),
        () = heard.notified() => None,
        never = watch_downloads(run, item) => match never {},
    };
    if let Some(text) = announced.into_inner() {
        return Err(reset::prevented(&run.world, engine, profile, &text).await);
    }
    if let Some(Err(error)) = done {
        let fault = program::fault(run, profile, &format!("start the profile `{profile}`"), error);
        return Err(fault.findings(notes));
    }
    Ok(notes)
}

/// The driver to name: the project's, the profile's own, or docker where the user has chosen nothing and it answers.
fn driver(run: &Run, desired: &project::Minikube, existing: Option<&Config>, docker: bool) -> Option<String> {
    if let Some(existing) = existing.filter(|existing| !existing.driver.is_empty()) {
        return Some(existing.driver.clone());
    }
    desired
        .driver
        .clone()
        .or_else(|| config::preferred_driver(&run.world))
        .or_else(|| docker.then(|| "docker".to_owned()))
}

fn arguments(
    desired: &project::Minikube,
    existing: Option<&Config>,
    driver: Option<&str>,
    publish: &[String],
) -> Vec<String> {
    let mut flags = Vec::new();
    let mut flag =
        |name: &str, value: Option<String>| flags.extend(value.map(|value| format!("--{name}={value}")));
    let runtime = existing.and_then(|existing| existing.runtime().ok()).unwrap_or(desired.runtime);
    flag("driver", driver.map(str::to_owned));
    flag("container-runtime", Some(word(runtime).to_owned()));
    // Else MINIKUBE_KUBERNETES_VERSION, or minikube's own settings, would up- or downgrade it.
    flag(
        "kubernetes-version",
        match existing {
            Some(existing) => Some(existing.kubernetes.version.clone()).filter(|version| !version.is_empty()),
            None => desired.kubernetes.clone(),
        },
    );
    if existing.is_none() {
        flag("cpus", desired.cpus.map(|cpus| cpus.to_string()));
        flag("memory", desired.memory_mib.map(|mib| format!("{mib}mb")));
        flag("disk-size", desired.disk_mib.map(|mib| format!("{mib}mb")));
        flag("nodes", Some(desired.nodes).filter(|nodes| *nodes > 1).map(|nodes| nodes.to_string()));
    }
    let addons = existing.map_or_else(
        || desired.addons.iter().map(String::as_str).filter(|addon| *addon != INGRESS).collect(),
        |existing| existing.lacking(&desired.addons),
    );
    flag("addons", Some(addons.join(",")).filter(|addons| !addons.is_empty()));
    flag("ports", Some(publish.join(",")).filter(|ports| !ports.is_empty()));
    flags
}

fn word(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Docker => "docker",
        Runtime::Containerd => "containerd",
    }
}

/// The value of `--ports`: the ports that the profile already had, and those of the project that are free. If the
/// node's address can be reached, those without a `local-port` need not be published.
///
/// Each node would publish the same ports, so a profile of several publishes none.
fn ports(
    desired: &project::Minikube,
    existing: Option<&Config>,
    unrouted: bool,
    notes: &mut Vec<Finding>,
) -> Vec<String> {
    let count =
        existing.and_then(|existing| existing.nodes.as_ref()).map_or(desired.nodes as usize, Vec::len);
    let had = existing.and_then(|existing| existing.exposed_ports.clone()).unwrap_or_default();
    if count > 1 {
        return had;
    }
    let mut ports = had;
    for publish in &desired.publish {
        let Some(port) = publish.local.or_else(|| unrouted.then_some(publish.node)) else { continue };
        let binding = format!("127.0.0.1:{port}:{}", publish.node);
        if ports.contains(&binding) {
            continue;
        }
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => ports.push(binding),
            Err(error) => notes.push(
                Code::PortNotPublished.warning(format!("port {port} of this machine is not published: {error}")).help(format!(
                    "see what uses it: `ss -ltnp 'sport = :{port}'`; or name another `local-port` in deploy.toml"
                )),
            ),
        }
    }
    ports
}

/// minikube's own variables that apply in addition to deploy.toml. Names alone: a mirror's URL may contain a
/// password.
fn in_effect(run: &Run) -> Option<Finding> {
    const OURS_OR_HARMLESS: [&str; 5] = [
        "MINIKUBE_HOME",
        "MINIKUBE_IN_STYLE",
        "MINIKUBE_WANTUPDATENOTIFICATION",
        "MINIKUBE_FORCE",
        "MINIKUBE_ROOTLESS",
    ];
    let names: Vec<&str> = run
        .world
        .variables()
        .filter_map(|(name, value)| name.to_str().filter(|_| !value.is_empty()))
        .filter(|name| name.starts_with("MINIKUBE_") && !OURS_OR_HARMLESS.contains(name))
        .filter(|name| !name.starts_with("MINIKUBE_EXISTING_") && !name.starts_with("MINIKUBE_ACTIVE_"))
        .collect();
    let message = format!("minikube also reads these variables: {}", names.join(", "));
    let note = Code::MinikubeEnvironment.note(message);
    (!names.is_empty())
        .then(|| note.help("`unset` those that should not apply; deploy.toml takes precedence"))
}

fn lost(desired: &project::Minikube, text: String) -> Finding {
    Code::MinikubeClusterReset
        .warning(
            "minikube could not restart the control plane and reset the cluster: all objects in it are gone",
        )
        .about(format!("profile {}", desired.profile))
        .evidence([text])
        .help("what this project deploys is applied again; deploy the rest again too")
}

/// Reports the size of partial downloads in minikube's cache; never ends.
async fn watch_downloads(run: &Run, item: &OpenItem) -> std::convert::Infallible {
    let cache = run.world.minikube_folder().map(|home| home.join("cache"));
    let mut before = 0;
    loop {
        tokio::time::sleep(TICK).await;
        let bytes = cache.as_deref().map_or(0, |cache| half_downloaded(cache, 4));
        if bytes > before {
            item.progress("downloading", Some(Amount { done: bytes, total: None, unit: Unit::Bytes }));
        }
        before = bytes;
    }
}

fn half_downloaded(folder: &Path, depth: u32) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let about = entry.metadata().ok()?;
        if about.is_dir() && depth > 0 {
            Some(half_downloaded(&path, depth - 1))
        } else {
            path.extension().is_some_and(|extension| extension == "download").then_some(about.len())
        }
    };
    entries.flatten().filter_map(size).sum()
}
