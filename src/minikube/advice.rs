//! minikube's reason ids and exit codes → the kind of failure, and what helps.
//!
//! Not its own texts: those are translated and change. The exit code's decade is the category of the cause
//! (`minikube: pkg/minikube/reason/exitcodes.go`), the reason id the cause itself (`pkg/minikube/reason/reason.go`).

use crate::fault::FaultKind;
use crate::minikube::events::Failure;
use crate::project::name::Profile;
use crate::world::Os;

/// The fault kind of an exit code of minikube: up to 79 a missing prerequisite of the machine, beyond that the
/// cluster.
pub(crate) fn kind(code: Option<i32>, reason: &str) -> FaultKind {
    match code {
        // The driver's decade, but about minikube's own data on the node.
        _ if matches!(reason, "DRV_CP_ENDPOINT" | "DRV_PORT_FORWARD") => FaultKind::Minikube,
        Some(20..=79) => FaultKind::Prerequisite,
        _ => FaultKind::Minikube,
    }
}

/// What to do about a failure, most useful first.
pub(crate) fn hints(profile: &Profile, os: Os, code: Option<i32>, failure: &Failure) -> Vec<String> {
    let mut hints: Vec<String> = own(profile, os, code, &failure.reason).into_iter().collect();
    if lacks_inotify(&failure.message) {
        hints.insert(0, MORE_INOTIFY.to_owned());
    }
    let lines: Vec<&str> = failure.advice.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // Some advice is printed with its placeholders, such as `{{.profileArg}}` (v1.38.1).
    if hints.is_empty() && !lines.is_empty() && !failure.advice.contains("{{") {
        hints.push(format!("minikube advises: {}", lines.join(" ")));
    }
    if hints.is_empty() {
        hints.push(format!("see what the node says: `minikube logs -p {profile} --length=50`"));
        hints.push(format!(
            "recreate it (the data in its volumes is lost): `minikube delete -p {profile}`, then `todo up`"
        ));
    }
    if !failure.url.is_empty() {
        hints.push(format!("read {}", failure.url));
    }
    hints
}

const MORE_INOTIFY: &str = "`sudo sysctl fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=524288`, or stop what watches many files";

/// Whether the node's last log lines, which minikube prints, show that the kernel refused its systemd an inotify
/// instance or watch (systemd's `src/core/cgroup.c`, `src/core/manager.c`). They are systemd's, in English.
pub(crate) fn lacks_inotify(message: &str) -> bool {
    let lacks = |line: &str| line.contains("Too many open files") || line.contains("No space left on device");
    message.lines().any(|line| line.contains("inotify") && lacks(line))
}

fn own(profile: &Profile, os: Os, code: Option<i32>, reason: &str) -> Option<String> {
    let desktop = os != Os::Linux;
    let hint = match reason {
        "DRV_AS_ROOT" => {
            "run it as a user who may use Docker (`sudo usermod -aG docker $USER`), or override it: `export MINIKUBE_FORCE=true`".to_owned()
        }
        "DRV_NEEDS_ROOT" => "the driver `none` needs sudo without a password; `driver = \"docker\"` does not".to_owned(),
        "PROVIDER_DOCKER_NEWGRP" => "`sudo usermod -aG docker $USER && newgrp docker`".to_owned(),
        "PROVIDER_DOCKER_NOT_RUNNING" | "DRV_DOCKER_NOT_RUNNING" => match os {
            Os::Linux => "start Docker: `sudo systemctl start docker`".to_owned(),
            Os::MacOs => "start Docker: `open -a Docker`".to_owned(),
            Os::Windows => "start Docker Desktop".to_owned(),
        },
        "PROVIDER_DOCKER_NOT_FOUND" => {
            "minikube needs the `docker` program on the PATH: https://docs.docker.com/engine/install".to_owned()
        }
        "DRV_NOT_DETECTED" | "DRV_NOT_HEALTHY" => {
            "install Docker (https://docs.docker.com/engine/install), or name a driver in deploy.toml: `driver = …`".to_owned()
        }
        "RSRC_INSUFFICIENT_CORES" | "RSRC_DOCKER_CORES" if desktop => {
            "give Docker Desktop at least 2 CPUs: Settings → Resources".to_owned()
        }
        "RSRC_INSUFFICIENT_CORES" | "RSRC_DOCKER_CORES" => {
            "minikube needs 2 CPUs at least; ask for what the machine has: `cpus` in deploy.toml".to_owned()
        }
        "RSRC_INSUFFICIENT_REQ_MEMORY" => "minikube needs 1800 MiB at least: `memory = \"2g\"` in deploy.toml".to_owned(),
        "RSRC_INSUFFICIENT_SYS_MEMORY" | "RSRC_INSUFFICIENT_CONTAINER_MEMORY" | "RSRC_DOCKER_MEMORY" if desktop => {
            "give Docker Desktop more memory: Settings → Resources".to_owned()
        }
        "RSRC_OVER_ALLOC_MEM" => "ask for less `memory` in deploy.toml than the machine has".to_owned(),
        "RSRC_DOCKER_STORAGE" | "RSRC_INSUFFICIENT_STORAGE" | "GUEST_PROVISION_NOSPACE" => {
            "free disk space: `docker system df` shows what uses it, `docker system prune` removes what nothing uses".to_owned()
        }
        "GUEST_DRIVER_MISMATCH" => format!(
            "name the profile's own driver in deploy.toml, or recreate it (the data in its volumes is lost): `minikube delete -p {profile}`, then `todo up`"
        ),
        "K8S_DOWNGRADE_UNSUPPORTED" => format!(
            "name the profile's own Kubernetes version in deploy.toml, or recreate it (the data in its volumes is lost): `minikube delete -p {profile}`, then `todo up`"
        ),
        "K8S_OLD_UNSUPPORTED" | "K8S_NEW_UNSUPPORTED" | "MK_PATCH_NOT_FOUND" | "K8S_FAIL_CONNECT" => {
            "name another `kubernetes` in deploy.toml, or none: this minikube takes the newest it knows".to_owned()
        }
        "HOST_HOME_PERMISSION" | "HOST_KUBECONFIG_PERMISSION" => {
            "`sudo chown -R $USER $HOME/.minikube $HOME/.kube && chmod -R u+wrx $HOME/.minikube`".to_owned()
        }
        "IF_DEDICATED_NETWORK" => {
            "the network of the node cannot be made, often because of a VPN or of leftovers: `docker network prune`".to_owned()
        }
        "MK_USAGE" if code == Some(14) => return None,
        _ if matches!(code, Some(40..=49)) || reason.starts_with("INET_") => {
            "minikube could not download what it needs; behind a proxy: `export HTTPS_PROXY=…`, `export NO_PROXY=192.168.49.0/24,10.96.0.0/12,127.0.0.1`".to_owned()
        }
        _ if code == Some(14) => "this minikube does not know one of the options; update it: https://minikube.sigs.k8s.io/docs/start".to_owned(),
        _ => return None,
    };
    Some(hint)
}

#[cfg(test)]
mod tests {
    use super::hints;
    use super::kind;
    use crate::fault::FaultKind;
    use crate::minikube::events::Failure;
    use crate::project::name::Profile;
    use crate::world::Os;

    fn first(os: Os, code: i32, reason: &str, advice: &str) -> String {
        let failure = Failure { reason: reason.to_owned(), advice: advice.to_owned(), ..Failure::default() };
        hints(&Profile::parse("mini").unwrap(), os, Some(code), &failure).remove(0)
    }

    #[test]
    fn what_the_machine_lacks_is_told_from_what_is_wrong_with_the_cluster() {
        for (code, expected) in [
            (23, FaultKind::Prerequisite),
            (37, FaultKind::Prerequisite),
            (40, FaultKind::Prerequisite),
            (57, FaultKind::Prerequisite),
            (69, FaultKind::Prerequisite),
            (70, FaultKind::Prerequisite),
            (10, FaultKind::Minikube),
            (14, FaultKind::Minikube),
            (80, FaultKind::Minikube),
            (105, FaultKind::Minikube),
        ] {
            assert_eq!(kind(Some(code), ""), expected, "{code}");
        }
        assert_eq!(kind(None, ""), FaultKind::Minikube);
        assert_eq!(kind(Some(50), "DRV_CP_ENDPOINT"), FaultKind::Minikube);
    }

    #[test]
    fn a_node_without_inotify_is_told_from_one_without_files_or_disk() {
        for (line, lacks) in [
            ("Failed to create control group inotify object: Too many open files", true),
            ("init.scope: Failed to add control inotify watch descriptor: No space left on device", true),
            ("Failed to fork: Too many open files", false),
            ("write /var/lib/x: no space left on device", false),
        ] {
            let failure = Failure { message: format!("creating host\n{line}\nexited"), ..Failure::default() };
            assert_eq!(super::lacks_inotify(&failure.message), lacks, "{line}");
            let hints = hints(&Profile::parse("mini").unwrap(), Os::Linux, Some(80), &failure);
            assert_eq!(hints[0].contains("max_user_watches"), lacks, "{line}");
        }
    }

    #[test]
    fn every_failure_ends_in_something_to_do() {
        assert!(first(Os::Linux, 57, "DRV_AS_ROOT", "").contains("MINIKUBE_FORCE=true"));
        assert!(first(Os::MacOs, 63, "PROVIDER_DOCKER_NOT_RUNNING", "").contains("`open -a Docker`"));
        assert!(first(Os::Windows, 29, "RSRC_DOCKER_CORES", "").contains("Settings"));
        assert!(first(Os::Linux, 41, "INET_CACHE_BINARIES", "").contains("HTTPS_PROXY"));
        assert!(first(Os::Linux, 14, "", "").contains("update"));
        assert_eq!(first(Os::Linux, 80, "GUEST_NEW", "turn it\n off"), "minikube advises: turn it off");
        assert!(first(Os::Linux, 80, "GUEST_PROVISION", "").contains("`minikube logs -p mini"));
        assert!(!first(Os::Linux, 50, "DRV_CP_ENDPOINT", "minikube delete {{.profileArg}}").contains("{{"));
        assert!(first(Os::Linux, 81, "GUEST_DRIVER_MISMATCH", "").contains("minikube delete -p mini"));
    }
}
