//! The user's own engine, tested for an answer; if there is none, why, and what helps.
//!
//! Not a retry: an engine that does not answer is the machine's state, to be reported at once. The socket is first
//! opened directly, because the HTTP client's error for a refused or forbidden connection no longer shows which it
//! was.

use crate::docker::Address;
use crate::docker::connect;
use crate::docker::host;
use crate::docker::product;
use crate::docker::product::Product;
use crate::docker::transport;
use crate::world::Os;
use crate::world::World;
use bollard::API_DEFAULT_VERSION;
use bollard::ClientVersion;
use bollard::Docker;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::fmt;
use std::io;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tracing::debug;

/// Time limit for the engine's version: minikube gives it 6 s (`pkg/minikube/registry/drvs/docker`).
const PATIENCE: Duration = Duration::from_secs(6);

/// Why the engine cannot be used.
#[derive(Debug)]
pub struct Unreachable {
    /// Its expected address, if that could be determined.
    pub address: Option<Address>,
    why: Why,
    variable: Option<String>,
    /// How to use another engine of this machine, which runs.
    another: Option<String>,
    os: Os,
}

#[derive(Debug)]
enum Why {
    /// `DOCKER_HOST` or the Docker context has an unsupported address.
    Misnamed(anyhow::Error),
    /// Nothing listens there.
    Absent,
    /// This user may not open it.
    Forbidden,
    /// It listens and does not answer.
    Silent,
    /// It cannot be talked to.
    Broken(String),
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.address.as_ref().map_or_else(String::new, |address| format!(" at `{address}`"));
        match &self.why {
            Why::Misnamed(error) => write!(f, "the address of the Docker engine is invalid: {error:#}"),
            Why::Absent => write!(f, "no Docker engine listens{at}"),
            Why::Forbidden => write!(f, "this user is not allowed to use the Docker engine{at}"),
            Why::Silent => write!(f, "the Docker engine{at} does not answer within {} s", PATIENCE.as_secs()),
            Why::Broken(error) => write!(f, "the Docker engine{at} cannot be used: {error}"),
        }
    }
}

impl std::error::Error for Unreachable {}

impl Unreachable {
    /// What to do about it, with commands in backticks.
    #[must_use]
    pub fn help(&self) -> String {
        let product = self.address.as_ref().and_then(Product::at);
        let start = match (product.and_then(|product| product.start(self.os)), self.os) {
            (Some(command), _) => format!("start it: `{command}`"),
            (None, Os::Linux) => "start it: `sudo systemctl start docker`".to_owned(),
            (None, Os::MacOs) => "start it: `open -a Docker`".to_owned(),
            (None, Os::Windows) => "start Docker Desktop".to_owned(),
        };
        let desktop = product.map_or("Docker Desktop", |product| product.name);
        match (&self.why, &self.variable) {
            (Why::Forbidden, _) if self.os == Os::Linux => {
                "join the `docker` group: `sudo usermod -aG docker $USER && newgrp docker`".to_owned()
            }
            (Why::Forbidden, _) => format!("start {desktop} as this user"),
            (_, Some(variable)) => format!(
                "`{variable}` points there; without it (`unset {variable}`) the engine of this machine is used"
            ),
            (Why::Misnamed(_), None) => {
                "use the engine of this machine: `docker context use default`".to_owned()
            }
            (Why::Silent | Why::Broken(_), None) if self.os == Os::Linux && product.is_none() => {
                "see what it says: `docker version`; restart it: `sudo systemctl restart docker`".to_owned()
            }
            (Why::Silent | Why::Broken(_), None) => format!("restart {desktop}"),
            (Why::Absent, None) => match &self.another {
                Some(another) => format!("{start}; or use another engine: {another}"),
                None => start,
            },
        }
    }
}

/// The user's own engine and a client for it that uses the newest API that both support.
pub async fn reach(world: &World) -> Result<(Address, Docker), Unreachable> {
    let evaluated = world.var("MINIKUBE_ACTIVE_DOCKERD").is_some();
    let named = if evaluated { "MINIKUBE_EXISTING_DOCKER_HOST" } else { "DOCKER_HOST" };
    let variable = [named, "DOCKER_CONTEXT"].into_iter().find(|name| world.var(name).is_some());
    let fail = |address: Option<Address>, why| Unreachable {
        address,
        why,
        variable: variable.map(str::to_owned),
        another: None,
        os: world.os,
    };
    let address = host(world).map_err(|error| fail(None, Why::Misnamed(error)))?;
    let because = variable.unwrap_or("the current Docker context or the system's default");
    debug!("the user's Docker engine is {address}, by {because}");
    match tokio::time::timeout(PATIENCE, dial(&address)).await {
        Ok(Ok(docker)) => Ok((address, docker)),
        Ok(Err(Why::Absent)) => {
            let another = product::another(world, &address).await;
            Err(Unreachable { another, ..fail(Some(address), Why::Absent) })
        }
        Ok(Err(why)) => Err(fail(Some(address), why)),
        Err(_) => Err(fail(Some(address), Why::Silent)),
    }
}

async fn dial(address: &Address) -> Result<Docker, Why> {
    let of = |error: &io::Error| match error.kind() {
        ErrorKind::PermissionDenied => Why::Forbidden,
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => Why::Absent,
        _ => Why::Broken(error.to_string()),
    };
    match address {
        #[cfg(unix)]
        Address::Unix(path) => {
            let socket = tokio::net::UnixStream::connect(path).await.map_err(|error| of(&error))?;
            greeted(address, socket).await
        }
        Address::Tcp(at) => {
            let socket = tokio::net::TcpStream::connect(at.as_str()).await.map_err(|error| of(&error))?;
            greeted(address, socket).await
        }
        Address::Tls(at, _) => {
            tokio::net::TcpStream::connect(at.as_str()).await.map_err(|error| of(&error))?;
            negotiated(address).await
        }
        #[cfg(windows)]
        Address::Pipe(name) => {
            let pipe = super::pipe::open(name).await.map_err(|error| of(&error))?;
            greeted(address, pipe).await
        }
        #[cfg(not(unix))]
        Address::Unix(_) => negotiated(address).await,
        #[cfg(not(windows))]
        Address::Pipe(_) => negotiated(address).await,
    }
}

async fn negotiated(address: &Address) -> Result<Docker, Why> {
    let docker = connect(address).map_err(|error| Why::Broken(format!("{error:#}")))?;
    docker.negotiate_version().await.map_err(|error| Why::Broken(error.to_string()))
}

/// Requests the API's version by a ping, as `docker` does: `/version` starts three programs in the engine and takes
/// 10 ms.
async fn greeted<S>(address: &Address, socket: S) -> Result<Docker, Why>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let broken = |error: hyper::Error| Why::Broken(error.to_string());
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(broken)?;
    tokio::spawn(connection);
    let ping = http::Request::get("/_ping").header("host", "docker").body(Empty::<Bytes>::new());
    let ping = ping.map_err(|error| Why::Broken(error.to_string()))?;
    let answer = sender.send_request(ping).await.map_err(broken)?;
    let theirs =
        answer.headers().get("api-version").and_then(|version| version.to_str().ok()).and_then(version);
    let Some(theirs) = theirs else { return negotiated(address).await };
    let version = if theirs < *API_DEFAULT_VERSION { &theirs } else { API_DEFAULT_VERSION };
    transport::client(address, version).map_err(|error| Why::Broken(format!("{error:#}")))
}

fn version(text: &str) -> Option<ClientVersion> {
    let (major, minor) = text.split_once('.')?;
    Some(ClientVersion { major_version: major.parse().ok()?, minor_version: minor.parse().ok()? })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::reach;
    use crate::world::World;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_told_apart_from_one_that_is_forbidden_or_misnamed() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        let at = format!("unix://{}", socket.display());
        let describe = async |host: &str| {
            let world = World::fake("/", [("DOCKER_HOST", host), ("HOME", "/nobody")]);
            let fault = reach(&world).await.err().unwrap();
            format!("{fault}; {}", fault.help())
        };
        assert!(describe(&at).await.starts_with("no Docker engine listens at `unix://"));
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        drop(listener);
        assert!(describe(&at).await.contains("`unset DOCKER_HOST`"));
        assert!(describe("ssh://me@there").await.contains("behind ssh"));
        assert!(
            describe("tcp://127.0.0.1:1")
                .await
                .starts_with("no Docker engine listens at `tcp://127.0.0.1:1`")
        );

        let _listener = {
            std::fs::remove_file(&socket).unwrap();
            std::os::unix::net::UnixListener::bind(&socket).unwrap()
        };
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o000)).unwrap();
        if std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(describe(&at).await.contains("may not use"), "only root may");
        }
    }

    #[tokio::test]
    async fn without_a_variable_the_help_starts_the_machines_engine() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let mut world = World::fake("/", [("HOME", home), ("DOCKER_CONTEXT", "")]);
        world.os = crate::world::Os::Windows;
        // On this platform a pipe cannot be opened at all, which is the same to the user.
        let fault = reach(&world).await.err().unwrap();
        assert!(fault.help().contains("Docker Desktop"), "{fault}");
    }
}
