//! One raw connection to an engine, where a pool does not suffice: an upgrade, a response that takes minutes, and a
//! request that ends on the engine's side when its connection closes.

use crate::docker::Address;
use crate::requests::Sent;
use anyhow::Context;
use http::Request;
use http::Response;
use hyper::body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tonic::codegen::Service;

/// How long an engine may take to begin a response: it may have to work first, so the limit is much longer than for a
/// mere query, but not infinite.
const HEAD: Duration = Duration::from_secs(300);

/// Opens connections to one engine; certificates are read once. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dialer {
    address: Address,
    tls: Option<Arc<rustls::ClientConfig>>,
}

/// A request in progress on a connection of its own; dropping it closes the connection, whatever the engine does.
#[derive(Debug)]
pub struct Call {
    connection: JoinHandle<()>,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

pub(super) trait Stream: hyper::rt::Read + hyper::rt::Write + Unpin + Send {}
impl<T: hyper::rt::Read + hyper::rt::Write + Unpin + Send> Stream for T {}

impl Dialer {
    /// Connections to the engine at `address`. Nothing is opened yet.
    pub fn new(address: &Address) -> anyhow::Result<Dialer> {
        let tls = match address {
            Address::Tls(_, certificates) => Some(Arc::new(super::tls(certificates)?)),
            _ => None,
        };
        Ok(Dialer { address: address.clone(), tls })
    }

    /// Sends `request` on a new connection and returns the response's head; its body lives as long as the [`Call`].
    ///
    /// # Errors
    /// Also when there is no head after five minutes.
    pub async fn send<B>(&self, request: Request<B>) -> anyhow::Result<(Response<Incoming>, Call)>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let silent =
            || format!("the engine at {} has not answered for {} min", self.address, HEAD.as_secs() / 60);
        tokio::time::timeout(HEAD, self.send_all(request)).await.with_context(silent)?
    }

    /// As [`Dialer::send`], for a request that the engine answers only after it has read all of its body: without a
    /// limit.
    pub async fn send_all<B>(&self, request: Request<B>) -> anyhow::Result<(Response<Incoming>, Call)>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let stream =
            self.open().await.with_context(|| format!("cannot reach the engine at {}", self.address))?;
        let (mut sender, connection) = http1::handshake(stream).await?;
        let connection = tokio::spawn(async move {
            // The response's body reports how the connection ended.
            let _ = connection.with_upgrades().await;
        });
        let call = Call { connection };
        let sent = Sent::new("docker", request.method(), request.uri());
        let answer = sender.send_request(request).await;
        sent.answered(answer.as_ref().map(Response::status).map_err(|error| error as _));
        Ok((answer?, call))
    }

    /// The value of the Host header.
    #[must_use]
    pub fn host(&self) -> &str {
        match &self.address {
            Address::Tcp(at) | Address::Tls(at, _) => at,
            Address::Unix(_) | Address::Pipe(_) => "docker",
        }
    }

    pub(super) async fn open(&self) -> anyhow::Result<Box<dyn Stream>> {
        match &self.address {
            #[cfg(unix)]
            Address::Unix(path) => Ok(Box::new(TokioIo::new(tokio::net::UnixStream::connect(path).await?))),
            #[cfg(windows)]
            Address::Pipe(name) => Ok(Box::new(TokioIo::new(super::pipe::open(name).await?))),
            Address::Tcp(at) => Ok(Box::new(tcp().call(format!("http://{at}").parse()?).await?)),
            Address::Tls(at, _) => {
                let tls = self.tls.clone().context("a TLS address without certificates")?;
                let mut https = hyper_rustls::HttpsConnector::from((tcp(), tls));
                https
                    .call(format!("https://{at}").parse()?)
                    .await
                    .map(|stream| Box::new(stream) as Box<dyn Stream>)
                    .map_err(anyhow::Error::from_boxed)
            }
            #[cfg(not(unix))]
            Address::Unix(path) => anyhow::bail!("a Unix socket ({}) needs Unix", path.display()),
            #[cfg(not(windows))]
            Address::Pipe(name) => anyhow::bail!("a named pipe ({name}) needs Windows"),
        }
    }
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp
}
