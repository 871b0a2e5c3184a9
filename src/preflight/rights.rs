//! The user who runs this, their write permissions, and the proxies in use.

use crate::event::Code;
use crate::event::Finding;
use crate::world::Os;
use crate::world::World;
use std::path::Path;

/// Whether the user told minikube to skip its checks, as Go parses a boolean.
pub(super) fn forced(world: &World) -> bool {
    matches!(world.var("MINIKUBE_FORCE"), Some("1" | "t" | "T" | "true" | "TRUE" | "True"))
}

/// minikube refuses its docker driver to root (`cmd/minikube/cmd/start.go`: `validateUser`).
pub(super) fn root(world: &World) -> Option<Finding> {
    (is_root() && !forced(world)).then(|| {
        Code::MinikubeAsRoot.error("minikube's docker driver cannot be used as root").help(
            "run this as a user who may use Docker (`sudo usermod -aG docker $USER`), or override it: `export MINIKUBE_FORCE=true`",
        )
    })
}

/// Directories of minikube and kubectl that belong to root because of an earlier `sudo`.
pub(super) fn folders(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    let minikube = world.minikube_folder();
    let kube =
        world.var("KUBECONFIG").is_none().then(|| world.home()).flatten().map(|home| home.join(".kube"));
    let below = |folder: &Path| ["profiles", "machines", "config"].map(|name| folder.join(name)).to_vec();
    let places = minikube.iter().flat_map(|folder| [vec![folder.clone()], below(folder)].concat());
    for folder in places.chain(kube.clone()).chain(kube.map(|folder| folder.join("config"))) {
        if folder.exists() && !is_writable(&folder) {
            let message = format!("`{}` is not writable by this user", folder.display());
            let owner = folder.display();
            found.push(Code::FileNotWritable.error(message).help(match world.os {
                Os::Windows => "make it writable in its properties".to_owned(),
                _ => format!("change its owner: `sudo chown -R $USER {owner} && chmod -R u+rwX {owner}`"),
            }));
            if minikube.as_deref() == Some(&folder) {
                break;
            }
        }
    }
    found
}

/// Proxies that a node cannot use, or that would intercept requests from this machine to its node.
pub(super) fn proxies(world: &World) -> Vec<Finding> {
    const NODES: &str = "192.168.49.0/24";
    let set: Vec<(&str, &str)> = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"]
        .into_iter()
        .filter_map(|name| Some((name, world.var(name)?)))
        .collect();
    let mut found = Vec::new();
    if let Some((name, _)) = set.iter().find(|(_, url)| {
        let host = url.rsplit('@').next().unwrap_or_default();
        host.contains("127.0.0.1") || host.contains("localhost")
    }) {
        found.push(
            Code::ProxyUnreachable.warning(format!("`{name}` points to a proxy on this machine, which the node cannot reach")).help(
                "use an address that the node can reach, such as `host.minikube.internal`, in the Docker engine of the node",
            ),
        );
    }
    let spared = world.var("NO_PROXY").or_else(|| world.var("no_proxy")).unwrap_or_default();
    if !set.is_empty() && !spared.contains("192.168.") && spared != "*" {
        let message =
            "a proxy is set, and `NO_PROXY` does not exclude the node: other tools will not reach it";
        found.push(
            Code::NoProxyIncomplete
                .note(message)
                .help(format!("`export NO_PROXY=$NO_PROXY,{NODES},10.96.0.0/12,127.0.0.1`")),
        );
    }
    found
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(unix)]
fn is_writable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn is_writable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.is_dir() || !about.permissions().readonly())
}

#[cfg(test)]
mod tests {
    use super::forced;
    use super::proxies;
    use crate::world::World;

    #[test]
    fn force_is_what_go_takes_for_true() {
        for (value, truth) in
            [("true", true), ("1", true), ("T", true), ("yes", false), ("0", false), ("", false)]
        {
            assert_eq!(forced(&World::fake("/", [("MINIKUBE_FORCE", value)])), truth, "{value}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_work_is_told_without_its_password() {
        let findings = |variables: &[(&str, &str)]| {
            proxies(&World::fake("/", variables.iter().copied()))
                .into_iter()
                .map(|f| f.message)
                .collect::<Vec<_>>()
        };
        assert!(findings(&[]).is_empty());
        assert!(
            findings(&[("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", "192.168.49.0/24")]).is_empty()
        );
        let local = findings(&[("https_proxy", "http://me:secret@127.0.0.1:3128")]);
        assert_eq!(local.len(), 2);
        assert!(local[0].contains("cannot reach") && !local.concat().contains("secret"));
    }
}
