//! HTTP servers on 127.0.0.1 that misbehave as applications do.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// How a server answers a request.
pub(super) enum Reply {
    /// Writes this and closes.
    Raw(String),
    /// Closes without an answer.
    Close,
    /// Never answers.
    Hang,
}

/// A well-formed answer.
pub(super) fn text(status: u16, body: &str) -> Reply {
    Reply::Raw(format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ))
}

/// An answer of an API server.
pub(super) fn json(body: &serde_json::Value) -> Reply {
    let body = body.to_string();
    Reply::Raw(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ))
}

/// A redirect.
pub(super) fn redirect(to: &str) -> Reply {
    Reply::Raw(format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    ))
}

/// A server that answers the number of the request, from 0, and its path, by `reply`.
pub(super) async fn server(reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    serve(listener, reply);
    at
}

/// The same on a listener that exists already.
pub(super) fn serve(listener: TcpListener, reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) {
    let reply = Arc::new(reply);
    tokio::spawn(async move {
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let reply = Arc::clone(&reply);
            tokio::spawn(async move {
                let path = head(&mut stream).await.1;
                write(&mut stream, reply(number, &path)).await;
            });
        }
    });
}

/// Answers one request; later connections are refused.
pub(super) async fn serve_one(listener: TcpListener, reply: Reply) {
    let (mut stream, _) = listener.accept().await.unwrap();
    drop(listener);
    head(&mut stream).await;
    write(&mut stream, reply).await;
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), reply: Reply) {
    match reply {
        Reply::Raw(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Reply::Close => {}
        Reply::Hang => std::future::pending().await,
    }
}

/// A server that answers `plain` to anything but a TLS handshake, `reply` over TLS; and `shake`, if it is one, to a
/// handshake.
pub(super) async fn tls_server(
    plain: impl Fn() -> Reply + Send + Sync + 'static,
    shake: impl Fn() -> Option<Reply> + Send + Sync + 'static,
    reply: impl Fn() -> Reply + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (tls, served) = (acceptor(), Arc::new((plain, shake, reply)));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (tls, served) = (tls.clone(), Arc::clone(&served));
            tokio::spawn(async move {
                let (plain, shake, reply) = &*served;
                let mut first = [0];
                let _ = stream.peek(&mut first).await;
                match shake() {
                    _ if first != [0x16] => {
                        head(&mut stream).await;
                        write(&mut stream, plain()).await;
                    }
                    Some(refusal) => {
                        let _ = stream.read(&mut [0; 4096]).await;
                        write(&mut stream, refusal).await;
                    }
                    None => {
                        let mut stream = tls.accept(stream).await.unwrap();
                        head(&mut stream).await;
                        write(&mut stream, reply()).await;
                    }
                }
            });
        }
    });
    at
}

fn acceptor() -> TlsAcceptor {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.into()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A port at which connections are neither accepted nor refused, for as long as both live: Linux drops connections to
/// a full queue.
pub(super) async fn lost() -> (SocketAddr, TcpListener, TcpStream) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(0).unwrap();
    let at = listener.local_addr().unwrap();
    let only = TcpStream::connect(at).await.unwrap();
    (at, listener, only)
}

/// Reads a request's head; returns it and its path.
pub(super) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> (String, String) {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.is_ok_and(|count| count == 1) {
        read.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&read).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    (head, path)
}

/// A port on which nothing listens.
pub(super) async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
