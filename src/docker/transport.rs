//! How requests of bollard reach an engine: over connections of our own, for any address.
//!
//! bollard's own connector for TLS opens a connection and makes a handshake for each request, and leaves Nagle's
//! algorithm on: 44 ms per request instead of 0.2.

use crate::docker::Address;
use crate::docker::PATIENCE;
use crate::docker::dial::Dialer;
use crate::docker::dial::Stream;
use crate::requests::Sent;
use bollard::BollardRequest;
use bollard::ClientVersion;
use bollard::Docker;
use bollard::errors::Error;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::Uri;
use hyper::rt::Read;
use hyper::rt::ReadBufCursor;
use hyper::rt::Write;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connected;
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioExecutor;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use tonic::codegen::Service;

/// A client for the engine at `address`. Nothing is sent yet.
pub(super) fn client(address: &Address, version: &ClientVersion) -> anyhow::Result<Docker> {
    let dialer = Dialer::new(address)?;
    let at = format!("http://{}", dialer.host());
    let mut builder = Client::builder(TokioExecutor::new());
    if !matches!(address, Address::Tls(..)) {
        // A new connection costs nothing there, and a kept one may be to an engine that has exited.
        builder.pool_max_idle_per_host(0);
    }
    let client = Arc::new(builder.build(Connector(dialer)));
    let send = move |request: BollardRequest| {
        let client = Arc::clone(&client);
        let sent = Sent::new("docker", request.method(), request.uri());
        async move {
            let answer = client.request(request).await;
            sent.answered(answer.as_ref().map(http::Response::status).map_err(|error| error as _));
            answer.map_err(Error::from)
        }
        .boxed()
    };
    Ok(Docker::connect_with_custom_transport(send, Some(at), PATIENCE, version)?)
}

/// Opens connections to one engine, whatever host a request names.
#[derive(Clone)]
struct Connector(Dialer);

impl Service<Uri> for Connector {
    type Response = Socket;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Socket>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dialer = self.0.clone();
        async move {
            dialer.open().await.map(Socket).map_err(|error| error.downcast().unwrap_or_else(io::Error::other))
        }
        .boxed()
    }
}

/// A connection to an engine.
struct Socket(Box<dyn Stream>);

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bytes)
    }
}
