//! The address of a Docker engine, and a connection to it that keeps its sockets.
//!
//! Not the builder (`image`) and not the profile (`minikube`): the module that preflight, minikube and image depend
//! on.

pub mod dial;
pub(crate) mod exec;
#[cfg(test)]
#[cfg(unix)]
pub(crate) mod fake;
#[cfg(windows)]
mod pipe;
mod product;
pub mod reach;
mod transport;

use crate::file;
use crate::world::Os;
use crate::world::World;
use anyhow::Context;
use bollard::API_DEFAULT_VERSION;
use bollard::Docker;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// Seconds until an answer's headers must arrive: a large image that is saved is packed first. Builds use other
/// connections.
const PATIENCE: u64 = 300;

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket.
    Unix(PathBuf),
    /// A Windows named pipe.
    Pipe(String),
    /// Plain TCP, `host:port`.
    Tcp(String),
    /// TLS, `host:port`, with the directory of `ca.pem`, `cert.pem` and `key.pem`.
    Tls(String, PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Pipe(name) => write!(f, "npipe://{name}"),
            Address::Tcp(at) | Address::Tls(at, _) => write!(f, "tcp://{at}"),
        }
    }
}

impl Address {
    /// Whether requests to it can be read and changed in transit: it is on another machine, without TLS.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let Address::Tcp(at) = self else { return false };
        let host = at.rsplit_once(':').map_or(at.as_str(), |(host, _)| host).trim_matches(['[', ']']);
        host != "localhost" && !host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }
}

/// The rustls configuration that trusts the CA of `certificates` and nothing else, and shows its client certificate.
pub fn tls(certificates: &Path) -> anyhow::Result<rustls::ClientConfig> {
    let read = |name: &str| {
        let path = certificates.join(name);
        file::read(&path, file::TEXT).with_context(|| path.display().to_string())
    };
    let in_file = |name: &str| certificates.join(name).display().to_string();
    let mut trusted = rustls::RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(&read("ca.pem")?) {
        trusted.add(authority.with_context(|| in_file("ca.pem"))?)?;
    }
    let chain = CertificateDer::pem_slice_iter(&read("cert.pem")?)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| in_file("cert.pem"))?;
    let key = PrivateKeyDer::from_pem_slice(&read("key.pem")?).with_context(|| in_file("key.pem"))?;
    Ok(rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted)
        .with_client_auth_cert(chain, key)?)
}

/// A client for the engine at `address` that uses the newest API it supports. Nothing is sent yet.
pub fn connect(address: &Address) -> anyhow::Result<Docker> {
    transport::client(address, API_DEFAULT_VERSION)
}

/// The address of the user's own engine: `DOCKER_HOST`, else the current Docker context, else the platform's default.
///
/// A shell in which `minikube docker-env` was evaluated points to a node's engine; then the previous value counts, as
/// for minikube itself (`minikube: pkg/drivers/kic/oci/oci.go`: `PointToHostDockerDaemon`).
pub fn host(world: &World) -> anyhow::Result<Address> {
    let evaluated = world.var("MINIKUBE_ACTIVE_DOCKERD").is_some();
    let prefix = if evaluated { "MINIKUBE_EXISTING_" } else { "" };
    if let Some(text) = world.var(&format!("{prefix}DOCKER_HOST")) {
        let tls = world.var(&format!("{prefix}DOCKER_TLS_VERIFY")).is_some();
        let certificates = world
            .var_os(&format!("{prefix}DOCKER_CERT_PATH"))
            .map(PathBuf::from)
            .or_else(|| world.home().map(|home| home.join(".docker")));
        return parse(text, certificates.filter(|_| tls))
            .with_context(|| format!("{prefix}DOCKER_HOST is `{}`", without_password(text)));
    }
    match context(world)? {
        Some(address) => Ok(address),
        None if world.os == Os::Windows => Ok(Address::Pipe("//./pipe/docker_engine".to_owned())),
        None => Ok(Address::Unix(PathBuf::from("/var/run/docker.sock"))),
    }
}

/// An address as `DOCKER_HOST` has it.
pub fn parse(text: &str, certificates: Option<PathBuf>) -> anyhow::Result<Address> {
    let (scheme, rest) = text.split_once("://").context("it needs a scheme: unix://, tcp:// or npipe://")?;
    match scheme {
        "unix" => Ok(Address::Unix(PathBuf::from(rest))),
        "npipe" => Ok(Address::Pipe(rest.to_owned())),
        "tcp" | "http" | "https" => {
            // moby: client/options.go and url.Parse: a user and a password are ignored.
            let at = rest.rsplit_once('@').map_or(rest, |(_, host)| host).trim_end_matches('/');
            anyhow::ensure!(!at.is_empty(), "it names no host");
            anyhow::ensure!(
                scheme != "https" || certificates.is_some(),
                "https:// needs certificates: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to their directory"
            );
            let port = if certificates.is_some() { 2376 } else { 2375 };
            let at = if at.rsplit(']').next().is_some_and(|end| end.contains(':')) {
                at.to_owned()
            } else {
                format!("{at}:{port}")
            };
            Ok(certificates
                .map_or_else(|| Address::Tcp(at.clone()), |folder| Address::Tls(at.clone(), folder)))
        }
        "ssh" => anyhow::bail!(
            "an engine behind ssh cannot be driven; forward its socket: `ssh -L /tmp/docker.sock:/var/run/docker.sock {}` and DOCKER_HOST=unix:///tmp/docker.sock",
            without_password(rest)
        ),
        other => anyhow::bail!("the scheme {other}:// is not one of unix://, tcp://, npipe://"),
    }
}

/// An address, without the password that people put into it, with a scheme or not.
fn without_password(address: &str) -> String {
    let Some((before, host)) = address.rsplit_once('@') else { return address.to_owned() };
    let (scheme, user) = before.split_once("://").map_or(("", before), |(scheme, user)| (scheme, user));
    let separator = if scheme.is_empty() { "" } else { "://" };
    match user.split_once(':') {
        Some((user, _)) => format!("{scheme}{separator}{user}:***@{host}"),
        None => address.to_owned(),
    }
}

/// Where `docker` keeps its settings and contexts.
fn settings(world: &World) -> Option<PathBuf> {
    world.var_os("DOCKER_CONFIG").map(PathBuf::from).or_else(|| world.home().map(|home| home.join(".docker")))
}

/// Whether there is a Docker context of that name.
fn has_context(world: &World, name: &str) -> bool {
    settings(world).is_some_and(|folder| metadata(&folder, name).is_file())
}

/// The file that describes a context: its directory is the SHA-256 of its name (docker/cli: `cli/context/store`).
fn metadata(folder: &Path, name: &str) -> PathBuf {
    folder.join("contexts").join("meta").join(id(name)).join("meta.json")
}

fn id(context: &str) -> String {
    hex(&<sha2::Sha256 as sha2::Digest>::digest(context.as_bytes()))
}

/// The endpoint of the current Docker context (`docker context use`), unless that is the default one.
fn context(world: &World) -> anyhow::Result<Option<Address>> {
    let Some(folder) = settings(world) else { return Ok(None) };
    let named = match world.var("DOCKER_CONTEXT") {
        Some(name) => Some(name.to_owned()),
        None => file::read(&folder.join("config.json"), file::TEXT)
            .ok()
            .and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok())
            .and_then(|config| config["currentContext"].as_str().map(str::to_owned)),
    };
    let Some(name) = named.filter(|name| !name.is_empty() && name != "default") else { return Ok(None) };
    let meta = metadata(&folder, &name);
    let text = file::read(&meta, file::TEXT)
        .with_context(|| format!("the Docker context `{name}` has no {}", meta.display()))?;
    let meta: serde_json::Value = serde_json::from_slice(&text)?;
    let host = meta["Endpoints"]["docker"]["Host"]
        .as_str()
        .with_context(|| format!("the Docker context `{name}` names no host"))?;
    let certificates = folder.join("contexts").join("tls").join(id(&name)).join("docker");
    parse(host, certificates.is_dir().then_some(certificates)).map(Some)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::Address;
    use super::host;
    use super::parse;
    use crate::world::World;
    use std::path::PathBuf;

    #[test]
    fn addresses_are_read_as_docker_host_writes_them() {
        let tls = || Some(PathBuf::from("/c"));
        assert_eq!(parse("unix:///run/d.sock", None).unwrap(), Address::Unix("/run/d.sock".into()));
        assert_eq!(parse("tcp://10.0.0.1", None).unwrap(), Address::Tcp("10.0.0.1:2375".to_owned()));
        assert_eq!(parse("tcp://h:1", tls()).unwrap(), Address::Tls("h:1".to_owned(), "/c".into()));
        assert_eq!(parse("tcp://[::1]", tls()).unwrap(), Address::Tls("[::1]:2376".to_owned(), "/c".into()));
        for bad in ["", "10.0.0.1:2375", "ftp://x", "ssh://me@x", "tcp://", "https://h:2376"] {
            assert!(parse(bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_never_shown() {
        let shown = |text: &str| match parse(text, None) {
            Ok(address) => address.to_string(),
            Err(_) => format!("{:#}", host(&World::fake("/", [("DOCKER_HOST", text)])).unwrap_err()),
        };
        for text in [
            "tcp://me:hunter2@10.0.0.1:2375",
            "tcp://me:hunter2@10.0.0.1",
            "tcp://me:hun/ter2@10.0.0.1",
            "tcp://me:hunter2@[::1]:2375",
            "http://:hunter2@10.0.0.1/",
            "https://me:hunter2@10.0.0.1",
            "ssh://me:hunter2@10.0.0.1",
            "ftp://me:hunter2@10.0.0.1",
            "me:hunter2@10.0.0.1:2375",
        ] {
            let shown = shown(text);
            assert!(!shown.contains("hunter2") && !shown.contains("ter2"), "{text}: {shown}");
        }
        let address = parse("tcp://me:hunter2@10.0.0.1", None).unwrap();
        assert_eq!(address, Address::Tcp("10.0.0.1:2375".to_owned()));
    }

    #[test]
    fn only_what_leaves_the_machine_without_tls_is_open() {
        for (text, certificates, open) in [
            ("tcp://10.0.0.1:2375", None, true),
            ("tcp://build.example", None, true),
            ("tcp://[fd00::1]:2375", None, true),
            ("tcp://10.0.0.1:2376", Some("/c"), false),
            ("tcp://127.0.0.1:2375", None, false),
            ("tcp://[::1]:2375", None, false),
            ("tcp://localhost", None, false),
            ("unix:///var/run/docker.sock", None, false),
        ] {
            let address = parse(text, certificates.map(PathBuf::from)).unwrap();
            assert_eq!(address.is_open(), open, "{text}");
        }
    }

    #[test]
    fn a_shell_with_docker_env_evaluated_still_means_the_hosts_engine() {
        let inside = [
            ("DOCKER_HOST", "tcp://192.168.49.2:2376"),
            ("MINIKUBE_ACTIVE_DOCKERD", "minikube"),
            ("HOME", "/nobody"),
        ];
        assert_eq!(host(&World::fake("/", inside)).unwrap(), Address::Unix("/var/run/docker.sock".into()));
        let before = inside.into_iter().chain([("MINIKUBE_EXISTING_DOCKER_HOST", "unix:///run/mine.sock")]);
        assert_eq!(host(&World::fake("/", before)).unwrap(), Address::Unix("/run/mine.sock".into()));
    }
}
