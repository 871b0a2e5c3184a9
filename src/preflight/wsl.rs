//! Windows' programs in WSL, and WSL's in Windows: each side has a minikube, profiles and a kubeconfig of its own.
//!
//! `minikube.exe` can be called from WSL, and creates clusters that this `todo` would not find in Linux' home
//! directory.

use crate::event::Code;
use crate::event::Finding;
use crate::exec;
use crate::file;
use crate::preflight::install::Tool;
use crate::preflight::install::install;
use crate::world::Os;
use crate::world::World;
use std::path::Path;

/// The kernel's version text; empty if that cannot be read.
pub(super) fn kernel(world: &World) -> String {
    match world.os {
        Os::Linux => file::read_text(Path::new("/proc/version"), file::TEXT).unwrap_or_default(),
        Os::MacOs | Os::Windows => String::new(),
    }
}

/// Where the minikube that is found is the other side's; `kernel` is the text of `/proc/version`.
pub(super) fn mismatch(world: &World, kernel: &str) -> Option<Finding> {
    let found = exec::find(world, "minikube");
    match world.os {
        // "…-microsoft-standard-WSL2", and "…-Microsoft" in WSL 1.
        Os::Linux if kernel.to_lowercase().contains("microsoft") => {
            let windows =
                found.or_else(|| exec::find(world, "minikube.exe")).filter(|path| is_windows(path))?;
            let message = format!(
                "this is WSL, and the only minikube on the PATH is Windows': `{}`",
                windows.display()
            );
            Some(Code::WslMismatch.error(message).help(
                "install minikube in this Linux (https://minikube.sigs.k8s.io/docs/start), or run `todo.exe` in Windows: their clusters are separate",
            ))
        }
        Os::Windows if found.is_none() && is_in_wsl(&world.folder) => {
            let message = "this is Windows' `todo` in a directory of WSL, and there is no minikube in Windows; that of WSL is not used from here";
            let help = format!("run Linux' `todo` in WSL, or {}", install(world, Tool::Minikube));
            Some(Code::WslMismatch.error(message).help(help))
        }
        _ => None,
    }
}

/// How a minikube is got that is not there; that of WSL is none of Windows.
pub(super) fn install_minikube(world: &World) -> String {
    let install = install(world, Tool::Minikube);
    if world.os == Os::Windows && exec::find(world, "wsl").is_some() {
        return format!("{install}; if it is in WSL, run Linux' `todo` there: `wsl todo`");
    }
    install
}

/// `\\wsl.localhost\Debian\home\kim`, or `\\wsl$\…` (Microsoft: "Working across Windows and Linux file systems").
fn is_in_wsl(folder: &Path) -> bool {
    let folder = folder.to_string_lossy().to_lowercase().replace('\\', "/");
    ["//wsl.localhost/", "//wsl$/"].iter().any(|share| folder.starts_with(share))
}

/// Whether a program is a Windows program, also behind a link of another name.
fn is_windows(path: &Path) -> bool {
    let is = |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("exe"));
    is(path) || std::fs::canonicalize(path).is_ok_and(|path| is(&path))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::mismatch;
    use crate::event::Code;
    use crate::world::Os;
    use crate::world::World;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::fs::symlink;

    const WSL2: &str =
        "Linux version 6.6.87.2-microsoft-standard-WSL2 (root@439a258ad544) (gcc (GCC) 11.2.0) #1 SMP\n";
    const WSL1: &str =
        "Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com) (gcc version 5.4.0) #1237\n";
    const DEBIAN: &str = "Linux version 6.12.48+deb13-amd64 (debian-kernel@lists.debian.org) #1 SMP\n";

    fn code(os: Os, kernel: &str, programs: &[&str]) -> Option<Code> {
        told_in("/", os, kernel, programs)
    }

    fn told_in(place: &str, os: Os, kernel: &str, programs: &[&str]) -> Option<Code> {
        let folder = tempfile::tempdir().unwrap();
        for program in programs {
            let path = folder.path().join(program);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut world = World::fake(place, [("PATH", folder.path())]);
        world.os = os;
        mismatch(&world, kernel).map(|finding| finding.code)
    }

    #[test]
    fn the_minikube_of_the_other_side_is_none() {
        let is = Some(Code::WslMismatch);
        for (os, kernel, programs, expected) in [
            (Os::Linux, WSL2, &["minikube.exe"][..], is),
            (Os::Linux, WSL1, &["minikube.exe"], is),
            (Os::Linux, WSL2, &["minikube", "minikube.exe"], None),
            (Os::Linux, WSL2, &[], None),
            (Os::Linux, DEBIAN, &["minikube.exe"], None),
            (Os::Linux, "", &["minikube.exe"], None),
            (Os::Windows, "", &["wsl"], None),
            (Os::Windows, "", &[], None),
            (Os::MacOs, "", &["minikube.exe"], None),
        ] {
            assert_eq!(code(os, kernel, programs), expected, "{os:?} {kernel} {programs:?}");
        }
        for (folder, programs, expected) in [
            (r"\\wsl.localhost\Debian\home\kim", &[][..], is),
            (r"\\wsl$\Debian", &[], is),
            (r"\\wsl$\Debian", &["minikube"], None),
            (r"\\server\share", &[], None),
        ] {
            assert_eq!(told_in(folder, Os::Windows, "", programs), expected, "{folder} {programs:?}");
        }
    }

    #[test]
    fn a_link_to_windows_program_is_windows() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("c").join("minikube.exe");
        std::fs::create_dir(folder.path().join("c")).unwrap();
        std::fs::write(&program, "").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink(&program, folder.path().join("minikube")).unwrap();
        let world = World::fake("/", [("PATH", folder.path())]);
        assert!(mismatch(&world, WSL2).is_some() && mismatch(&world, DEBIAN).is_none());
    }
}
