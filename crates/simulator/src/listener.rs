//! A port of this machine on which a part of the rehearsal answers, over TLS as in a real cluster.

use crate::injector::FaultInjector;
use crate::virtual_clock::VirtualClock;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A connection, deciphered.
pub(crate) type Stream = TlsStream<Monitored<TcpStream>>;

/// A port that is answered until this is dropped; with it, every connection breaks.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    open: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.open.abort();
    }
}

impl Listener {
    /// Opens a port, and lets `serve` answer each connection of the current run.
    pub(crate) async fn open<S, F>(
        address: SocketAddr,
        tls: TlsAcceptor,
        virtual_clock: VirtualClock,
        injector: FaultInjector,
        serve: S,
    ) -> io::Result<Listener>
    where
        S: Fn(Stream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let serve = Arc::new(serve);
        let open = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                virtual_clock.touch();
                while connections.try_join_next().is_some() {}
                let Some((now, mut life)) = injector.open_connection() else { continue };
                let (tls, virtual_clock, serve) = (tls.clone(), virtual_clock.clone(), Arc::clone(&serve));
                connections.spawn(async move {
                    let _ = socket.set_nodelay(true);
                    let answered = async {
                        if let Ok(stream) = tls.accept(Monitored { stream: socket, virtual_clock }).await {
                            serve(stream).await;
                        }
                    };
                    tokio::select! {
                        // Connections of a killed run are no longer served.
                        biased;
                        _ = life.wait_for(|life| *life != now) => {}
                        () = answered => {}
                    }
                });
            }
        });
        Ok(Listener { address, open })
    }
}

/// A stream that reports when data passes through it.
#[derive(Debug)]
pub(crate) struct Monitored<S> {
    stream: S,
    virtual_clock: VirtualClock,
}

impl<S: AsyncRead + Unpin> AsyncRead for Monitored<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.virtual_clock.touch();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Monitored<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_ready() {
            self.virtual_clock.touch();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
