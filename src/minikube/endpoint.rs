//! Where a node's engine and API server are, from the outside: published ports and addresses.
//!
//! Not `minikube docker-env`: that starts minikube for half a second, and may restart the engine of the node
//! (`cmd/minikube/cmd/docker-env.go`). The ports are in the container's inspection, the certificates in minikube's
//! directory.

use crate::docker;
use crate::world::Os;
use crate::world::World;
use bollard::models::ContainerInspectResponse;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;

/// The port on which the node's own engine listens, with TLS (`pkg/minikube/constants/constants.go`).
const ENGINE: u16 = 2376;

/// The address under which ports that the engine publishes are reached, if that is another machine's.
pub(crate) async fn remote(host: &docker::Address) -> Option<IpAddr> {
    let (docker::Address::Tcp(at) | docker::Address::Tls(at, _)) = host else { return None };
    let found = tokio::net::lookup_host(at.as_str()).await.ok()?.next()?;
    Some(found.ip()).filter(|ip| !ip.is_loopback())
}

/// Container port → address outside, for TCP.
pub(crate) fn published(
    node: &ContainerInspectResponse,
    remote: Option<IpAddr>,
) -> BTreeMap<u16, SocketAddr> {
    let ports = node.network_settings.as_ref().and_then(|network| network.ports.as_ref());
    let mut published = BTreeMap::new();
    for (name, bindings) in ports.into_iter().flatten() {
        let Some(port) = name.strip_suffix("/tcp").and_then(|port| port.parse().ok()) else { continue };
        let address = bindings.iter().flatten().find_map(|binding| {
            let outside = binding.host_port.as_deref()?.parse().ok()?;
            let ip = binding.host_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok());
            let ip = ip.filter(|ip| !ip.is_unspecified()).unwrap_or(Ipv4Addr::LOCALHOST.into());
            Some(SocketAddr::new(remote.unwrap_or(ip), outside))
        });
        published.extend(address.map(|address| (port, address)));
    }
    published
}

/// When the container was started.
pub(crate) fn started(node: &ContainerInspectResponse) -> Option<Timestamp> {
    node.state.as_ref()?.started_at.as_deref()?.parse().ok()
}

/// The container's own address in its network.
pub(crate) fn address(node: &ContainerInspectResponse) -> Option<IpAddr> {
    let networks = node.network_settings.as_ref()?.networks.as_ref()?;
    let mut addresses: Vec<IpAddr> =
        networks.values().filter_map(|network| network.ip_address.as_deref()?.parse().ok()).collect();
    addresses.sort_unstable();
    addresses.first().copied()
}

/// Why a node's own address is not expected to be reachable from this machine, if that is known: minikube's
/// `NeedsPortForward` (`pkg/minikube/driver/driver.go`), without the cases that only the engine itself knows.
pub(crate) fn unrouted(world: &World, driver: &str, host: &docker::Address) -> Option<&'static str> {
    if !matches!(driver, "docker" | "podman") {
        return None;
    }
    let far = |at: &str| !["127.", "localhost", "[::1]"].iter().any(|here| at.starts_with(here));
    match host {
        docker::Address::Tcp(at) | docker::Address::Tls(at, _) if far(at) => {
            return Some("its container engine runs on another machine");
        }
        docker::Address::Unix(path) => {
            let path = path.to_string_lossy();
            if path.contains("/.docker/desktop/") {
                return Some("Docker Desktop runs it in a virtual machine");
            }
            if path.starts_with("/run/user/") {
                return Some("a rootless engine keeps its networks to itself");
            }
        }
        _ => {}
    }
    match world.os {
        Os::MacOs | Os::Windows => Some("its container engine runs in a virtual machine"),
        Os::Linux => ["WSL_DISTRO_NAME", "WSLPATH"]
            .iter()
            .any(|name| world.var(name).is_some())
            .then_some("Windows has no route to the containers of WSL"),
    }
}

/// The node's engine as it is published, with minikube's client certificates.
pub(crate) fn engine(published: &BTreeMap<u16, SocketAddr>, home: &Path) -> Option<docker::Address> {
    published.get(&ENGINE).map(|address| docker::Address::Tls(address.to_string(), home.join("certs")))
}

/// The engine of a node that has an address of its own: a virtual machine.
pub(crate) fn engine_at(address: IpAddr, home: &Path) -> docker::Address {
    docker::Address::Tls(SocketAddr::new(address, ENGINE).to_string(), home.join("certs"))
}

/// Whether the kubeconfig's `server` is one of `addresses`.
pub(crate) fn leads_to(server: &str, addresses: &[SocketAddr]) -> bool {
    let Ok(uri) = server.parse::<http::Uri>() else { return false };
    let Some(host) = uri.host().map(|host| host.trim_start_matches('[').trim_end_matches(']')) else {
        return false;
    };
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
    addresses.iter().any(|address| {
        let same = host
            .parse::<IpAddr>()
            .map_or(host == "localhost" && address.ip().is_loopback(), |ip| ip == address.ip());
        same && port == address.port()
    })
}

#[cfg(test)]
mod tests {
    use super::address;
    use super::engine;
    use super::leads_to;
    use super::published;
    use super::unrouted;
    use crate::docker::Address;
    use crate::world::Os;
    use crate::world::World;
    use bollard::models::ContainerInspectResponse;
    use serde_json::json;
    use std::net::SocketAddr;
    use std::path::Path;

    fn node() -> ContainerInspectResponse {
        serde_json::from_value(json!({"NetworkSettings": {
            "Ports": {
                "2376/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32776"}],
                "8443/tcp": [{"HostIp": "0.0.0.0", "HostPort": "32774"}, {"HostIp": "::", "HostPort": "32774"}],
                "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}],
                "9000/tcp": null,
                "22/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}],
            },
            "Networks": {"mini": {"IPAddress": "192.168.49.2"}, "old": {"IPAddress": ""}},
        }}))
        .unwrap()
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ports_lead_where_the_engine_publishes_them() {
        let here = published(&node(), None);
        assert_eq!(
            here.into_iter().collect::<Vec<_>>(),
            [(2376, at("127.0.0.1:32776")), (8443, at("127.0.0.1:32774"))]
        );
        let there = published(&node(), Some("10.1.2.3".parse().unwrap()));
        assert_eq!(there[&2376], at("10.1.2.3:32776"));
        assert_eq!(
            engine(&there, Path::new("/m")),
            Some(Address::Tls("10.1.2.3:32776".to_owned(), "/m/certs".into()))
        );
        assert_eq!(address(&node()), Some("192.168.49.2".parse().unwrap()));
        assert!(published(&ContainerInspectResponse::default(), None).is_empty());
        assert_eq!(address(&ContainerInspectResponse::default()), None);
    }

    #[test]
    fn where_the_node_cannot_be_reached_by_its_nature_is_known() {
        let unix = |path: &str| Address::Unix(path.into());
        let socket = unix("/var/run/docker.sock");
        let wsl = ("WSL_DISTRO_NAME", "Ubuntu");
        // the driver, the system, a variable, the engine, whether a reason is known
        let table = [
            ("docker", Os::Linux, ("A", "b"), socket.clone(), false),
            ("docker", Os::Linux, ("A", "b"), Address::Tcp("127.0.0.1:2375".to_owned()), false),
            ("docker", Os::Linux, ("A", "b"), Address::Tcp("10.1.2.3:2375".to_owned()), true),
            (
                "docker",
                Os::Linux,
                ("A", "b"),
                Address::Tls("build.example:2376".to_owned(), "c".into()),
                true,
            ),
            ("docker", Os::Linux, ("A", "b"), unix("/home/me/.docker/desktop/docker.sock"), true),
            ("podman", Os::Linux, ("A", "b"), unix("/run/user/1000/podman/podman.sock"), true),
            ("docker", Os::Linux, wsl, socket.clone(), true),
            ("docker", Os::MacOs, ("A", "b"), socket.clone(), true),
            ("docker", Os::Windows, ("A", "b"), Address::Pipe("docker".to_owned()), true),
            ("kvm2", Os::Linux, ("A", "b"), socket.clone(), false),
            ("hyperkit", Os::MacOs, ("A", "b"), socket, false),
        ];
        for (driver, os, variable, host, known) in table {
            let mut world = World::fake("/", [variable]);
            world.os = os;
            assert_eq!(unrouted(&world, driver, &host).is_some(), known, "{driver} {os:?} {host:?}");
        }
    }

    #[test]
    fn a_kubeconfig_entry_is_stale_when_it_leads_elsewhere() {
        let api = [at("192.168.49.2:8443"), at("127.0.0.1:32774")];
        for good in ["https://192.168.49.2:8443", "https://127.0.0.1:32774/", "https://localhost:32774"] {
            assert!(leads_to(good, &api), "{good}");
        }
        for bad in
            ["https://192.168.49.2:8444", "https://127.0.0.1:8443", "https://localhost:8443", "", "x y"]
        {
            assert!(!leads_to(bad, &api), "{bad}");
        }
    }
}
