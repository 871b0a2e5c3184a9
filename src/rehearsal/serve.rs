//! The memory of [`crate::rehearsal::api`] behind HTTP on a port of this machine, watches included.

use crate::rehearsal::api::Api;
use crate::rehearsal::request::Answer;
use crate::rehearsal::request::Ask;
use crate::rehearsal::request::Watched;
use futures::Stream;
use futures::stream;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Serves `api` on a free port of 127.0.0.1 for as long as the runtime lives.
pub async fn serve(api: Api) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let api = api.clone();
            tokio::spawn(async move {
                let _ = socket.set_nodelay(true);
                let service = service_fn(move |request| respond(api.clone(), request));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    Ok(address)
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

async fn respond(api: Api, request: Request<Incoming>) -> std::io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let ask = Ask {
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
    match api.answer(&ask) {
        Answer::Json(code, value) => {
            let text = if let Value::String(plain) = &value { plain.clone() } else { value.to_string() };
            let body = http_body_util::Full::new(Bytes::from(text)).boxed_unsync();
            answer(code, body)
        }
        Answer::Watch(watched) => answer(200, StreamBody::new(told(api, watched)).boxed_unsync()),
        Answer::Hangup => Err(std::io::Error::other("hung up")),
    }
}

fn answer(code: u16, body: Body) -> std::io::Result<Response<Body>> {
    Response::builder()
        .status(code)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(std::io::Error::other)
}

/// The events of a watch, a line each.
fn told(api: Api, watched: Watched) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
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

fn decoded(text: &str) -> String {
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
