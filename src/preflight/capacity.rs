//! CPUs, memory, disk and kernel limits against the needs of a new node.

use crate::event::Code;
use crate::event::Finding;
use crate::file;
use crate::preflight::engine::EngineFacts;
use crate::project;
use crate::world::World;
use std::path::Path;

/// minikube's minimum (`pkg/minikube/constants`, `cmd/minikube/cmd/start.go`).
const CPUS: u64 = 2;
const MEMORY: u64 = 1800;

/// Below that a new node does not fit; below the second it soon will not.
const DISK: u64 = 3 << 30;
const DISK_SOON: u64 = 8 << 30;

/// With less a stopped node will not start properly.
const DISK_EXISTING: u64 = 1 << 30;

/// CPUs and memory, for a node that is to be created. With `MINIKUBE_FORCE` minikube tries anyway, and so do we.
pub(super) fn check(asked: &project::Minikube, facts: &EngineFacts, forced: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut wrong = |message: String, help: &str| {
        let finding =
            if forced { Code::DockerTooSmall.warning(message) } else { Code::DockerTooSmall.error(message) };
        found.push(finding.about("minikube").help(help));
    };
    let give = if facts.desktop {
        "give Docker Desktop more: Settings → Resources; or ask for less"
    } else {
        "ask for less"
    };
    let (cpus, memory) = (u64::from(asked.cpus.unwrap_or(2)), asked.memory_mib);
    if cpus < CPUS {
        wrong(format!("a node needs {CPUS} CPUs, deploy.toml asks for {cpus}"), "`cpus = 2` in deploy.toml");
    } else if facts.cpus != 0 && cpus > facts.cpus {
        let help = format!("{give}: `cpus` in deploy.toml");
        wrong(format!("deploy.toml asks for {cpus} CPUs, the Docker engine has {}", facts.cpus), &help);
    }
    match memory {
        Some(memory) if memory < MEMORY => {
            let message = format!("a node needs {MEMORY} MiB of memory, deploy.toml asks for {memory} MiB");
            wrong(message, "`memory = \"2g\"` in deploy.toml, or more");
        }
        Some(memory) if facts.memory != 0 && memory > facts.memory => {
            let help = format!("{give}: `memory` in deploy.toml");
            let message = format!(
                "deploy.toml asks for {memory} MiB of memory, the Docker engine has {} MiB",
                facts.memory
            );
            wrong(message, &help);
        }
        _ if facts.memory != 0 && facts.memory < MEMORY => {
            let message =
                format!("a node needs {MEMORY} MiB of memory, the Docker engine has {} MiB", facts.memory);
            wrong(message, give);
        }
        Some(memory) if facts.memory != 0 && memory * u64::from(asked.nodes) > facts.memory => found.push(
            Code::DockerTooSmall
                .warning(format!(
                    "{} nodes of {memory} MiB are more than the {} MiB of the Docker engine",
                    asked.nodes, facts.memory
                ))
                .about("minikube")
                .help("fewer `nodes` or less `memory` in deploy.toml"),
        ),
        _ => {}
    }
    found
}

/// Free space in the directories of the engine and minikube, if they are on this machine.
pub(super) fn disk(facts: &EngineFacts, world: &World, new: bool) -> Vec<Finding> {
    let home = world.minikube_folder();
    let nearest = |path: &Path| path.ancestors().find_map(|path| fs4::available_space(path).ok());
    let places = [(facts.root.as_deref(), "docker system prune"), (home.as_deref(), "minikube cache delete")];
    let mut found: Vec<Finding> = Vec::new();
    for (place, command) in places {
        let Some((place, free)) = place.and_then(|place| Some((place, nearest(place)?))) else { continue };
        found.extend(tight(place, free, new, command));
    }
    found
}

fn tight(place: &Path, free: u64, new: bool, command: &str) -> Option<Finding> {
    let message = format!("{} MiB are free at `{}`", free >> 20, place.display());
    let finding = match (new, free) {
        (true, ..DISK) => Code::DiskSpaceLow.error(format!("{message}; a new node needs {} MiB", DISK >> 20)),
        (true, ..DISK_SOON) | (false, ..DISK_EXISTING) => Code::DiskSpaceLow.warning(message),
        _ => return None,
    };
    Some(finding.help(format!("free some space, for example: `{command}`")))
}

/// How many inotify instances a node needs: systemd, the engine, the kubelet and the programs of its pods.
const INSTANCES: usize = 40;

/// The instances and watches that systemd and the kubelet need by themselves, 12 instances and 196 watches (systemd
/// 252, Kubernetes 1.35.1). Without them neither starts: "Failed to allocate manager object: Too many open files", or
/// a boot that never ends.
const LEAST: (usize, usize) = (10, 150);

/// How many files the kernel lets each user watch at least, unless an administrator has set less (`inotify(7)`, since
/// Linux 5.11).
const WATCHES: usize = 8192;

/// The kernel's limits of file watchers. Beyond them systemd of a new node exits, kubelets of further nodes crash
/// with "inotify_init: too many open files", and programs that watch files fail with "no space left on device".
///
/// An error if a node is to be `started` that cannot start.
pub(super) fn watches(facts: &EngineFacts, started: bool) -> Vec<Finding> {
    if !facts.local {
        return Vec::new();
    }
    let limit = |name: &str| {
        let text =
            file::read_text(Path::new("/proc/sys/fs/inotify").join(name).as_path(), file::TEXT).ok()?;
        text.trim().parse().ok()
    };
    let instances =
        limit("max_user_instances").and_then(|limit| too_few_instances(limit, facts.nodes, started));
    let watches = limit("max_user_watches").and_then(|limit| too_few_watches(limit, started));
    instances.into_iter().chain(watches).collect()
}

fn too_few_instances(limit: usize, nodes: usize, started: bool) -> Option<Finding> {
    if started && limit < LEAST.0 {
        return Some(no_node(limit, "instances", LEAST.0).help(MORE_INSTANCES));
    }
    let running = match nodes {
        0 => "for a node of minikube".to_owned(),
        1 => "besides the node of minikube that runs already".to_owned(),
        nodes => format!("besides the {nodes} nodes of minikube that run already"),
    };
    let few = limit < INSTANCES * (nodes + 1);
    few.then(|| {
        let message = format!("the kernel allows {limit} inotify instances, which is low {running}");
        let other = "or stop a profile that you do not need: `minikube profile list`";
        Code::InotifyLimitLow.warning(message).help(format!("{MORE_INSTANCES}, {other}"))
    })
}

fn too_few_watches(limit: usize, started: bool) -> Option<Finding> {
    if started && limit < LEAST.1 {
        return Some(no_node(limit, "watches", LEAST.1).help(MORE_WATCHES));
    }
    (limit < WATCHES).then(|| {
        Code::InotifyLimitLow
            .warning(format!(
                "the kernel lets a user watch {limit} files by inotify, which is low for a node of minikube"
            ))
            .help(MORE_WATCHES)
    })
}

const MORE_INSTANCES: &str = "`sudo sysctl fs.inotify.max_user_instances=1024`";
const MORE_WATCHES: &str = "`sudo sysctl fs.inotify.max_user_watches=524288`";

fn no_node(limit: usize, what: &str, least: usize) -> Finding {
    Code::InotifyLimitLow.error(format!(
        "the kernel allows {limit} inotify {what} (fs.inotify.max_user_{what}): systemd and the kubelet of a node need at least {least}"
    ))
}

#[cfg(test)]
mod tests {
    use super::check;
    use super::tight;
    use super::too_few_instances;
    use super::too_few_watches;
    use crate::event::Finding;
    use crate::event::Severity;
    use crate::preflight::engine::EngineFacts;
    use crate::preflight::unspecific;
    use crate::project::Minikube;
    use std::path::Path;

    fn messages(cpus: Option<u32>, memory: Option<u64>, nodes: u32, forced: bool) -> Vec<(Severity, String)> {
        let asked = Minikube { cpus, memory_mib: memory, nodes, ..unspecific() };
        let facts = EngineFacts { cpus: 4, memory: 8000, ..EngineFacts::default() };
        check(&asked, &facts, forced).into_iter().map(|f| (f.severity, f.message)).collect()
    }

    #[test]
    fn what_the_engine_has_is_held_against_what_is_asked() {
        assert!(messages(None, None, 1, false).is_empty());
        assert!(messages(Some(4), Some(8000), 1, false).is_empty());
        let both = messages(Some(8), Some(16000), 1, false);
        assert_eq!(both.len(), 2);
        assert!(both.iter().all(|(severity, _)| *severity == Severity::Error));
        assert!(both[0].1.contains("8 CPUs") && both[0].1.contains("has 4"));
        assert!(messages(Some(8), None, 1, true).iter().all(|(severity, _)| *severity == Severity::Warning));
        assert!(messages(Some(1), Some(1000), 1, false)[1].1.contains("1800 MiB"));
        assert_eq!(messages(None, Some(5000), 2, false)[0].0, Severity::Warning);
    }

    #[test]
    fn an_engine_that_says_nothing_is_not_held_against_anything() {
        assert!(
            check(&Minikube { cpus: Some(64), ..unspecific() }, &EngineFacts::default(), false).is_empty()
        );
        let small = EngineFacts { cpus: 2, memory: 1000, desktop: true, ..EngineFacts::default() };
        let found = check(&unspecific(), &small, false);
        assert!(found[0].help.as_deref().unwrap().contains("Docker Desktop"));
    }

    #[test]
    fn a_full_disk_is_told_by_what_is_to_be_put_on_it() {
        let severity = |free: u64, new| tight(Path::new("/d"), free << 20, new, "x").map(|f| f.severity);
        assert_eq!(
            [severity(100, true), severity(4000, true), severity(9000, true)],
            [Some(Severity::Error), Some(Severity::Warning), None]
        );
        assert_eq!([severity(100, false), severity(4000, false)], [Some(Severity::Warning), None]);
    }

    #[test]
    fn many_nodes_need_many_watches() {
        for (limit, nodes, few) in
            [(128, 0, false), (128, 1, false), (128, 3, true), (1024, 3, false), (39, 0, true), (64, 1, true)]
        {
            assert_eq!(too_few_instances(limit, nodes, true).is_some(), few, "{limit} {nodes}");
        }
        assert!(too_few_watches(65536, true).is_none() && too_few_watches(200, true).is_some());
    }

    #[test]
    fn what_no_node_can_start_with_is_an_error_where_one_is_to_start() {
        let severity = |finding: Option<Finding>| finding.unwrap().severity;
        for (started, expected) in [(true, Severity::Error), (false, Severity::Warning)] {
            assert_eq!(severity(too_few_instances(2, 0, started)), expected);
            assert_eq!(severity(too_few_watches(20, started)), expected);
        }
        assert_eq!(severity(too_few_instances(12, 0, true)), Severity::Warning);
        assert_eq!(severity(too_few_watches(196, true)), Severity::Warning);
    }
}
