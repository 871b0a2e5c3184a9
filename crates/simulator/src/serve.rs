//! The memory of [`crate::api`] behind HTTP on a port of this machine, watches included.

use crate::api::Api;
use crate::request::ApiResponse;
use crate::request::Ask;
use crate::request::Watched;
use futures::Stream;
use futures::stream;
use http::HeaderValue;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;
use hyper::body::Frame;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Serves `api` on a free port of 127.0.0.1 for as long as the runtime lives.
pub async fn serve(api: Api) -> std::io::Result<SocketAddr> {
    Ok(Server::start(api, SocketAddr::from(([127, 0, 0, 1], 0))).await?.address)
}

/// A server that can be stopped, and started again at the same address.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    listening: JoinHandle<()>,
}

impl Server {
    /// Serves `api` at `address` until it is stopped.
    pub async fn start(api: Api, address: SocketAddr) -> std::io::Result<Server> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let listening = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let api = api.clone();
                connections.spawn(async move {
                    let _ = socket.set_nodelay(true);
                    let service = service_fn(move |request| respond(api.clone(), request));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Server { address, listening })
    }

    /// Breaks all connections and accepts no more.
    pub async fn stop(self) {
        self.listening.abort();
        let _ = self.listening.await;
    }
}

/// A kubeconfig whose context `name` is the server at `address`, marked as a minikube's.
#[must_use]
pub fn kubeconfig(name: &str, address: SocketAddr) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {name}\nclusters:\n- name: {name}\n  cluster:\n    \
         server: http://{address}\n    extensions:\n    - name: cluster_info\n      \
         extension: {{provider: minikube.sigs.k8s.io}}\ncontexts:\n- name: {name}\n  context: \
         {{cluster: {name}, user: {name}}}\nusers:\n- name: {name}\n  user: {{}}\n"
    )
}

/// Answers one request, without a socket.
///
/// # Errors
/// Where a real server would close the connection.
pub async fn respond<B>(api: Api, request: Request<B>) -> std::io::Result<Response<Body>>
where
    B: hyper::body::Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let mut ask = Ask {
        method: head.method.to_string(),
        path: decoded(head.uri.path()),
        query: head
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (decoded(name), decoded(&value.replace('+', " "))))
            .collect(),
        content: head
            .headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    };
    let accepts = head.headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
    for form in ["APIGroupDiscoveryList", "PartialObjectMetadataList"] {
        if accepts.is_some_and(|accepts| accepts.contains(&format!("as={form}"))) {
            ask.query.insert("as".to_owned(), form.to_owned());
        }
    }
    let mut result = api.handle(&ask);
    if let ApiResponse::Slow(time) = result {
        tokio::time::sleep(time).await;
        result = api.answer_plainly(&ask);
    }
    match result {
        ApiResponse::Json(code, value) => {
            let mut response = response(code, whole(text(&value)))?;
            if let Some(kind) = unusual(&value) {
                response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
            }
            Ok(response)
        }
        ApiResponse::Watch(watched) => response(200, StreamBody::new(stream(api, watched)).boxed_unsync()),
        ApiResponse::Cut => match api.answer_plainly(&ask) {
            ApiResponse::Json(code, value) => response(code, half(&text(&value))),
            _ => Err(std::io::Error::other("hung up")),
        },
        ApiResponse::Later(seconds) => {
            let mut later = response(429, whole("Too many requests, please try again later.".to_owned()))?;
            later.headers_mut().insert(http::header::RETRY_AFTER, seconds.into());
            Ok(later)
        }
        ApiResponse::Hangup | ApiResponse::Slow(_) => Err(std::io::Error::other("hung up")),
    }
}

/// The content type of an answer that is not plain JSON.
fn unusual(value: &Value) -> Option<&'static str> {
    if value.is_string() {
        Some("text/plain; charset=utf-8")
    } else if value["kind"] == "APIGroupDiscoveryList" {
        Some("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
    } else {
        None
    }
}

fn text(value: &Value) -> String {
    if let Value::String(plain) = value { plain.clone() } else { value.to_string() }
}

pub(crate) fn whole(text: String) -> Body {
    http_body_util::Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()
}

/// The first half of a text, and then no more.
fn half(text: &str) -> Body {
    let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    StreamBody::new(stream::iter([Ok(Frame::data(half)), Err(broken)])).boxed_unsync()
}

fn response(code: u16, body: Body) -> std::io::Result<Response<Body>> {
    Response::builder()
        .status(code)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(std::io::Error::other)
}

/// The events of a watch, a line each.
fn stream(api: Api, watched: Watched) -> impl Stream<Item = std::io::Result<Frame<Bytes>>> + Send {
    let end = Instant::now() + Duration::from_secs(watched.seconds);
    let news = api.news();
    let (first, after) = api.start(&watched);
    let state = (api, watched, news, after, Some(first), false);
    stream::unfold(state, move |(api, watched, mut news, mut after, mut first, over)| async move {
        if over {
            return None;
        }
        loop {
            let events = first.take().unwrap_or_else(|| {
                news.borrow_and_update();
                let (events, version) = api.events(&watched, after);
                after = version;
                events
            });
            if !events.is_empty() {
                let over = events.iter().any(|event| event["type"] == "ERROR");
                let mut lines = String::new();
                for event in &events {
                    lines.push_str(&event.to_string());
                    lines.push('\n');
                }
                return Some((Ok(Frame::data(Bytes::from(lines))), (api, watched, news, after, None, over)));
            }
            if after != *news.borrow() && api.events(&watched, after).1 != after {
                continue;
            }
            match tokio::time::timeout_at(end, news.changed()).await {
                Ok(Ok(())) => {}
                _ => return None,
            }
        }
    })
}

pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            plain.push(byte);
            at += 3;
        } else {
            plain.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}
