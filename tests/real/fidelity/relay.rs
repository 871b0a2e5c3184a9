//! A socket between the program and an API server, which records the conversation.
//!
//! Every client is taken for the user of the kubeconfig behind it, so it listens on this machine's loopback and for the
//! length of a test.

use futures::TryFutureExt;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request and its answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Exchange {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    /// The content type of the request.
    pub(super) content: String,
    pub(super) accept: String,
    pub(super) sent: Vec<u8>,
    pub(super) status: u16,
    /// The content type of the answer.
    pub(super) kind: String,
    pub(super) retry_after: bool,
    pub(super) answered: Vec<u8>,
}

type Said = Arc<Mutex<Vec<Arc<Mutex<Exchange>>>>>;

/// Listens until it is dropped.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    said: Said,
    listening: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Relay {
    pub(super) async fn before(server: Client) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let said = Said::default();
        let heard = Arc::clone(&said);
        let listening = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let _ = socket.set_nodelay(true);
                let (server, heard) = (server.clone(), Arc::clone(&heard));
                let service = service_fn(move |request| pass(server.clone(), Arc::clone(&heard), request));
                let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
                tokio::spawn(connection.with_upgrades());
            }
        });
        Relay { address, said, listening }
    }

    /// The conversation since the last call.
    pub(super) fn said(&self) -> Vec<Exchange> {
        let said = std::mem::take(&mut *self.said.lock().unwrap());
        said.iter().map(|exchange| exchange.lock().unwrap().clone()).collect()
    }
}

async fn pass(
    server: Client,
    said: Said,
    request: Request<Incoming>,
) -> std::io::Result<Response<UnsyncBoxBody<Bytes, std::io::Error>>> {
    let (mut head, body) = request.into_parts();
    let sent = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let text = |headers: &http::HeaderMap, name| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let mut exchange = Exchange {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        content: text(&head.headers, header::CONTENT_TYPE),
        accept: text(&head.headers, header::ACCEPT),
        sent: sent.to_vec(),
        ..Exchange::default()
    };
    let way = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    head.uri = way.parse().map_err(std::io::Error::other)?;
    let ours = head.extensions.remove::<OnUpgrade>();
    for name in [header::HOST, header::CONTENT_LENGTH] {
        head.headers.remove(name);
    }
    if !head.headers.contains_key(header::UPGRADE) {
        head.headers.remove(header::CONNECTION);
    }
    let request = Request::from_parts(head, Body::from(sent.to_vec()));
    let (mut head, body) = server.send(request).map_err(std::io::Error::other).await?.into_parts();
    if let (StatusCode::SWITCHING_PROTOCOLS, Some(ours)) = (head.status, ours)
        && let Some(theirs) = head.extensions.remove::<OnUpgrade>()
    {
        tokio::spawn(join(ours, theirs));
    }
    exchange.status = head.status.as_u16();
    exchange.kind = text(&head.headers, header::CONTENT_TYPE);
    exchange.retry_after = head.headers.contains_key(header::RETRY_AFTER);
    head.headers.remove(header::TRANSFER_ENCODING);
    let exchange = Arc::new(Mutex::new(exchange));
    said.lock().unwrap().push(Arc::clone(&exchange));
    let body = body.map_frame(move |frame| {
        if let Some(data) = frame.data_ref() {
            exchange.lock().unwrap().answered.extend_from_slice(data);
        }
        frame
    });
    Ok(Response::from_parts(head, body.map_err(std::io::Error::other).boxed_unsync()))
}

/// The data of an upgraded connection is not the API's, and is not recorded.
async fn join(ours: OnUpgrade, theirs: OnUpgrade) {
    if let (Ok(ours), Ok(theirs)) = (ours.await, theirs.await) {
        let _ = copy_bidirectional(&mut TokioIo::new(ours), &mut TokioIo::new(theirs)).await;
    }
}
