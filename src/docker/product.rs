//! The products that include a Docker engine: where each of them listens, and how it is started.
//!
//! Only for the help. Which engine is used is decided by `DOCKER_HOST` and the Docker context alone, because minikube
//! starts the program `docker`, which decides by the same.

use crate::docker::Address;
use crate::world::Os;
use crate::world::World;
use std::path::Path;
use std::path::PathBuf;
#[cfg(unix)]
use std::time::Duration;

/// Time limit for opening a socket.
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_millis(500);

/// A product.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Product {
    /// Its name.
    pub(crate) name: &'static str,
    /// The ends of its sockets' paths, and the directory that they are in.
    sockets: &'static [(Base, &'static str)],
    /// The end of its pipe's name, on Windows.
    pipe: Option<&'static str>,
    /// The Docker context that it creates.
    context: Option<&'static str>,
    /// How it is started: on macOS, on other systems.
    start: [&'static str; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Home,
    Runtime,
    Temporary,
}

const PRODUCTS: [Product; 6] = [
    Product {
        name: "Docker Desktop",
        // docs.docker.com: "Permission requirements for Mac"; "Install Docker Desktop on Linux".
        sockets: &[(Base::Home, ".docker/run/docker.sock"), (Base::Home, ".docker/desktop/docker.sock")],
        pipe: Some("dockerDesktopLinuxEngine"),
        context: Some("desktop-linux"),
        start: ["open -a Docker", "systemctl --user start docker-desktop"],
    },
    Product {
        name: "Colima",
        // colima: docs/FAQ.md; the second where XDG_CONFIG_HOME is set.
        sockets: &[
            (Base::Home, ".colima/default/docker.sock"),
            (Base::Home, ".config/colima/default/docker.sock"),
        ],
        pipe: None,
        context: Some("colima"),
        start: ["colima start", "colima start"],
    },
    Product {
        name: "OrbStack",
        // docs.orbstack.dev: "Docker containers".
        sockets: &[(Base::Home, ".orbstack/run/docker.sock")],
        pipe: None,
        context: Some("orbstack"),
        start: ["orb start", "orb start"],
    },
    Product {
        name: "Rancher Desktop",
        sockets: &[(Base::Home, ".rd/docker.sock")],
        pipe: None,
        context: Some("rancher-desktop"),
        start: ["rdctl start", "rdctl start"],
    },
    Product {
        name: "Podman",
        // podman: pkg/machine/env; the first until Podman 4, the second since 5, the third without a virtual machine.
        sockets: &[
            (Base::Home, ".local/share/containers/podman/machine/podman.sock"),
            (Base::Temporary, "podman/podman-machine-default-api.sock"),
            (Base::Runtime, "podman/podman.sock"),
        ],
        pipe: Some("podman-machine-default"),
        context: None,
        start: ["podman machine start", "systemctl --user start podman.socket"],
    },
    Product {
        name: "rootless Docker",
        sockets: &[(Base::Runtime, "docker.sock")],
        pipe: None,
        context: Some("rootless"),
        start: ["", "systemctl --user start docker"],
    },
];

impl Product {
    /// The product that listens at `address`, by its path or name.
    pub(crate) fn at(address: &Address) -> Option<&'static Product> {
        PRODUCTS.iter().find(|product| match address {
            Address::Unix(path) => product.sockets.iter().any(|(base, end)| {
                // `/run/docker.sock` is not that of a user.
                path.ends_with(end) && (*base != Base::Runtime || path.starts_with("/run/user"))
            }),
            Address::Pipe(name) => product.pipe.is_some_and(|pipe| name.ends_with(pipe)),
            Address::Tcp(_) | Address::Tls(..) => false,
        })
    }

    /// The command that starts it.
    pub(crate) fn start(&self, os: Os) -> Option<&'static str> {
        match os {
            Os::MacOs => Some(self.start[0]),
            Os::Linux => Some(self.start[1]),
            // Those that Windows has are the same there.
            Os::Windows => Some(self.start[0]).filter(|start| !start.starts_with("open ")),
        }
        .filter(|start| !start.is_empty())
    }

    fn sockets(&self, world: &World) -> Vec<PathBuf> {
        let of = |(base, end): &(Base, &str)| {
            let folder = match base {
                Base::Home => world.home(),
                Base::Runtime => world.var_os("XDG_RUNTIME_DIR").map(PathBuf::from),
                Base::Temporary => world.var_os("TMPDIR").map(PathBuf::from),
            };
            folder.map(|folder| folder.join(end))
        };
        self.sockets.iter().filter_map(of).collect()
    }
}

/// How to use an engine that listens at another address than the current one, if there is one.
pub(crate) async fn another(world: &World, used: &Address) -> Option<String> {
    for product in &PRODUCTS {
        for socket in product.sockets(world) {
            if *used != Address::Unix(socket.clone()) && listens(&socket).await {
                let way = match product.context.filter(|name| super::has_context(world, name)) {
                    Some(context) => format!("`docker context use {context}`"),
                    None => format!("`export DOCKER_HOST=unix://{}`", socket.display()),
                };
                return Some(format!("that of {} runs: {way}", product.name));
            }
        }
    }
    None
}

#[cfg(unix)]
async fn listens(socket: &Path) -> bool {
    let opened = tokio::time::timeout(PATIENCE, tokio::net::UnixStream::connect(socket)).await;
    opened.is_ok_and(|opened| opened.is_ok())
}

#[cfg(not(unix))]
async fn listens(_: &Path) -> bool {
    std::future::ready(false).await
}

#[cfg(test)]
mod tests {
    use super::Product;
    use crate::docker::Address;
    use crate::docker::host;
    use crate::docker::metadata;
    use crate::world::Os;
    use crate::world::World;
    use std::path::Path;

    /// The traces of each product in a home directory: its name, the context that it creates, and the engine's
    /// address.
    const MADE: [(&str, &str, &str); 6] = [
        ("Docker Desktop", "desktop-linux", "unix:///Users/kim/.docker/run/docker.sock"),
        ("Colima", "colima", "unix:///Users/kim/.colima/default/docker.sock"),
        ("OrbStack", "orbstack", "unix:///Users/kim/.orbstack/run/docker.sock"),
        ("Rancher Desktop", "rancher-desktop", "unix:///Users/kim/.rd/docker.sock"),
        ("Docker Desktop", "desktop-linux", "npipe:////./pipe/dockerDesktopLinuxEngine"),
        ("Podman", "podman-machine", "npipe:////./pipe/podman-machine-default"),
    ];

    /// Writes the files of `docker context create` and `docker context use`.
    fn context(home: &Path, name: &str, host: &str, current: bool) {
        let file = metadata(&home.join(".docker"), name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let meta = serde_json::json!({
            "Name": name, "Metadata": {"Description": name},
            "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": false}},
        });
        std::fs::write(file, meta.to_string()).unwrap();
        if current {
            let config =
                serde_json::json!({"auths": {}, "credsStore": "osxkeychain", "currentContext": name});
            std::fs::write(home.join(".docker/config.json"), config.to_string()).unwrap();
        }
    }

    fn world(home: &Path, os: Os) -> World {
        let home = home.to_str().unwrap();
        let mut world = World::fake("/", [("HOME", home), ("USERPROFILE", home)]);
        world.os = os;
        world
    }

    #[test]
    fn the_engine_of_the_current_context_is_used_and_its_product_known() {
        for (name, context_name, at) in MADE {
            let home = tempfile::tempdir().unwrap();
            context(home.path(), context_name, at, true);
            context(home.path(), "other", "tcp://10.0.0.1:2375", false);
            let os = if at.starts_with("npipe") { Os::Windows } else { Os::MacOs };
            let used = host(&world(home.path(), os)).unwrap();
            assert_eq!(used.to_string(), at);
            let product = Product::at(&used).unwrap();
            assert_eq!(product.name, name);
            assert_eq!(
                product.start(os).is_some(),
                at != "npipe:////./pipe/dockerDesktopLinuxEngine",
                "{at}"
            );
        }
    }

    #[test]
    fn sockets_of_no_product_are_of_none() {
        for path in ["/var/run/docker.sock", "/run/docker.sock", "/tmp/docker.sock"] {
            assert_eq!(Product::at(&Address::Unix(path.into())), None, "{path}");
        }
        let rootless = Product::at(&Address::Unix("/run/user/1000/docker.sock".into()));
        assert_eq!(rootless.unwrap().start(Os::Linux), Some("systemctl --user start docker"));
        assert_eq!(Product::at(&Address::Tcp("127.0.0.1:2375".to_owned())), None);
    }

    #[tokio::test]
    #[cfg(unix)]
    async fn an_engine_that_runs_elsewhere_is_named_with_the_way_to_use_it() {
        let home = tempfile::tempdir().unwrap();
        let world = world(home.path(), Os::MacOs);
        let used = host(&world).unwrap();
        assert_eq!(super::another(&world, &used).await, None);
        let socket = home.path().join(".colima/default/docker.sock");
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        std::fs::write(&socket, "").unwrap();
        assert_eq!(super::another(&world, &used).await, None, "a file is no engine");
        std::fs::remove_file(&socket).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let message = super::another(&world, &used).await.unwrap();
        assert!(message.contains(&format!("export DOCKER_HOST=unix://{}", socket.display())), "{message}");
        context(home.path(), "colima", &format!("unix://{}", socket.display()), false);
        let message = super::another(&world, &used).await.unwrap();
        assert!(message.contains("`docker context use colima`"), "{message}");
        assert_eq!(super::another(&world, &Address::Unix(socket)).await, None, "that is the one in use");
    }
}
