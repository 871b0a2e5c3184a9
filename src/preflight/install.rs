//! How a missing program is installed here: by the package manager of this machine, if that has the program, else the
//! page with instructions.

use crate::exec;
use crate::world::World;

/// A program that a run needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    Minikube,
    Docker,
    Kubectl,
    Helm,
}

/// The program of each package manager, and its command. Those of the system come before additional ones.
const MANAGERS: [(&str, &str); 8] = [
    ("apt-get", "sudo apt-get install"),
    ("dnf", "sudo dnf install"),
    ("pacman", "sudo pacman -S"),
    ("zypper", "sudo zypper install"),
    ("brew", "brew install"),
    ("winget", "winget install"),
    ("scoop", "scoop install"),
    ("choco", "choco install"),
];

/// The package name of the program; `None` if the package manager does not have it without another repository.
fn package(manager: &str, tool: Tool) -> Option<&'static str> {
    let name = match (tool, manager) {
        (Tool::Minikube, "pacman" | "zypper" | "brew" | "scoop" | "choco") => "minikube",
        (Tool::Minikube, "winget") => "Kubernetes.minikube",
        (Tool::Docker, "apt-get") => "docker.io",
        (Tool::Docker, "dnf") => "moby-engine",
        (Tool::Docker, "pacman" | "zypper") => "docker",
        (Tool::Docker, "winget") => "Docker.DockerDesktop",
        (Tool::Docker, "choco") => "docker-desktop",
        (Tool::Kubectl, "dnf" | "zypper") => "kubernetes-client",
        (Tool::Kubectl, "pacman" | "scoop") => "kubectl",
        (Tool::Kubectl, "brew" | "choco") => "kubernetes-cli",
        (Tool::Kubectl, "winget") => "Kubernetes.kubectl",
        (Tool::Helm, "pacman" | "zypper" | "brew" | "scoop") => "helm",
        (Tool::Helm, "choco") => "kubernetes-helm",
        (Tool::Helm, "winget") => "Helm.Helm",
        _ => return None,
    };
    Some(name)
}

fn page(tool: Tool) -> &'static str {
    match tool {
        Tool::Minikube => "https://minikube.sigs.k8s.io/docs/start",
        Tool::Docker => "https://docs.docker.com/engine/install",
        Tool::Kubectl => "https://kubernetes.io/docs/tasks/tools",
        Tool::Helm => "https://helm.sh/docs/intro/install",
    }
}

/// `install it: …`.
pub(super) fn install(world: &World, tool: Tool) -> String {
    let mut found = MANAGERS.iter().filter(|(program, _)| exec::find(world, program).is_some());
    let command =
        found.find_map(|(program, command)| Some(format!("`{command} {}`", package(program, tool)?)));
    format!("install it: {}", command.unwrap_or_else(|| page(tool).to_owned()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::Tool;
    use super::install;
    use crate::world::World;
    use std::os::unix::fs::PermissionsExt;

    fn with(programs: &[&str], tool: Tool) -> String {
        let folder = tempfile::tempdir().unwrap();
        for program in programs {
            let path = folder.path().join(program);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        install(&World::fake("/", [("PATH", folder.path())]), tool)
    }

    #[test]
    fn the_package_manager_that_has_the_program_is_named() {
        for (programs, tool, named) in [
            (&["pacman"][..], Tool::Minikube, "`sudo pacman -S minikube`"),
            (&["apt-get"], Tool::Docker, "`sudo apt-get install docker.io`"),
            (&["apt-get", "brew"], Tool::Helm, "`brew install helm`"),
            (&["apt-get"], Tool::Helm, "https://helm.sh/docs/intro/install"),
            (&["dnf"], Tool::Kubectl, "`sudo dnf install kubernetes-client`"),
            (&["scoop", "choco"], Tool::Minikube, "`scoop install minikube`"),
            (&[], Tool::Minikube, "https://minikube.sigs.k8s.io/docs/start"),
        ] {
            assert_eq!(with(programs, tool), format!("install it: {named}"), "{programs:?} {tool:?}");
        }
    }
}
