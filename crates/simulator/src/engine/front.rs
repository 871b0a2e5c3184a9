//! The engine's HTTP: which call it is, what the fault injector does to it, and the upgrade to a session.

use crate::engine::Engine;
use crate::engine::Open;
use crate::engine::build::Build;
use crate::engine::build::Order;
use crate::engine::session::Asking;
use crate::injector::Effect;
use crate::listener::Stream;
use crate::scenario::Does;
use crate::scenario::Party;
use futures::StreamExt;
use futures::stream;
use http::HeaderMap;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The API that it speaks, Docker 27's.
pub(super) const API: &str = "1.47";

/// How long a build waits for its session.
const SESSION: Duration = Duration::from_secs(5);

/// A call, taken apart.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// Without the version.
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: HeaderMap,
}

impl Asked {
    fn from_head(head: &http::request::Parts) -> Asked {
        let path = head.uri.path();
        let bare = path.strip_prefix("/v").and_then(|rest| {
            let (version, rest) = rest.split_once('/')?;
            version.chars().all(|c| c.is_ascii_digit() || c == '.').then(|| format!("/{rest}"))
        });
        let pairs = head.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        Asked {
            method: head.method.clone(),
            path: decoded(&bare.unwrap_or_else(|| path.to_owned())),
            query: pairs.map(|(name, value)| (decoded(name), decoded(value))).collect(),
            headers: head.headers.clone(),
        }
    }

    /// Between `before` and `after`, where the path begins and ends so.
    pub(super) fn between<'a>(&'a self, before: &str, after: &str) -> Option<&'a str> {
        self.path.strip_prefix(before)?.strip_suffix(after).filter(|name| !name.is_empty())
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.text(name), "1" | "true" | "True")
    }

    fn writes(&self) -> bool {
        // A session changes nothing, and a build what it has built.
        !matches!(self.method, Method::GET | Method::HEAD)
            && !matches!(self.path.as_str(), "/session" | "/build")
    }
}

impl Engine {
    /// Answers the calls of one connection.
    pub(crate) async fn serve(&self, stream: Stream) {
        let engine = self.clone();
        let service = service_fn(move |request| {
            let engine = engine.clone();
            async move { engine.respond(request).await }
        });
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    }

    async fn respond(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (head, body) = request.into_parts();
        let asked = Asked::from_head(&head);
        let what = format!("{} {}", asked.method, asked.path);
        match self.injector().call(Party::Engine, &what, asked.writes()) {
            Effect::Well => self.answer(asked, Request::from_parts(head, body)).await,
            Effect::Die => {
                let _ = self.answer(asked, Request::from_parts(head, body)).await;
                Err(hung_up())
            }
            Effect::Badly(does) => match does {
                Does::Fail { code, message } => Ok(json_response(code, &json!({ "message": message }))),
                Does::Hang => std::future::pending().await,
                Does::Slow(time) => {
                    tokio::time::sleep(time).await;
                    self.answer(asked, Request::from_parts(head, body)).await
                }
                Does::Close | Does::Gone => Err(hung_up()),
                Does::Garbage => {
                    let _ = self.answer(asked, Request::from_parts(head, body)).await?;
                    Ok(json_response(200, &Value::String("\u{fffd}<html>this is no JSON".to_owned())))
                }
                Does::Cut(bytes) => {
                    let handle = self.answer(asked, Request::from_parts(head, body)).await?;
                    Ok(handle.map(|body| cut(body, bytes)))
                }
            },
        }
    }

    async fn answer(&self, asked: Asked, request: Request<Incoming>) -> io::Result<Response<Body>> {
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET" | "HEAD", "/_ping") => {
                let mut pong = bytes(200, Bytes::from_static(b"OK"));
                let headers = pong.headers_mut();
                headers.insert("api-version", http::HeaderValue::from_static(API));
                headers.insert("builder-version", http::HeaderValue::from_static("2"));
                headers.insert("ostype", http::HeaderValue::from_static("linux"));
                Ok(pong)
            }
            ("GET", "/version") => Ok(json_response(
                200,
                &json!({"Version": "27.4.1", "ApiVersion": API, "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64",
                    "KernelVersion": "6.8.0", "GoVersion": "go1.22", "GitCommit": "rehearsal"}),
            )),
            ("GET", "/info") => {
                let machine = &self.0.machine;
                Ok(json_response(
                    200,
                    &json!({"ServerVersion": "27.4.1", "NCPU": machine.cpus,
                        "MemTotal": machine.memory_mib * 1024 * 1024, "OperatingSystem": "a rehearsal",
                        "OSType": "linux", "Architecture": "x86_64", "DockerRootDir": "/var/lib/docker"}),
                ))
            }
            ("POST", "/session") => Ok(self.session(&asked, request)),
            ("POST", "/build") => Ok(self.begin(&asked).await),
            _ => {
                if let Some(answer) = self.about_images(&asked) {
                    return answer.with(self, request).await;
                }
                let body = match self.about_pods(&asked, request.into_body()).await? {
                    Ok(answer) => return Ok(answer),
                    Err(body) => body,
                };
                let answer = self.about_containers(&asked, body).await?;
                Ok(answer.unwrap_or_else(|| {
                    let message = format!("a rehearsed engine does not know {} {}", asked.method, asked.path);
                    json_response(501, &json!({ "message": message }))
                }))
            }
        }
    }

    /// Becomes the asking end of a session.
    fn session(&self, asked: &Asked, mut request: Request<Incoming>) -> Response<Body> {
        let header = |name: &str| {
            asked.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let (id, shared) =
            (header("x-docker-expose-session-uuid"), header("x-docker-expose-session-sharedkey"));
        let engine = self.clone();
        let upgrade = hyper::upgrade::on(&mut request);
        let life = self.injector().open_connection();
        tokio::spawn(async move {
            let Some((now, mut life)) = life else { return };
            let held = async {
                let upgraded = upgrade.await.ok()?;
                let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), upgraded);
                let (sender, connection) = shaken.await.ok()?;
                engine.sessions().insert(id.clone(), Open { asking: Asking(sender), shared });
                connection.await.ok()
            };
            tokio::select! {
                _ = held => {}
                _ = life.wait_for(|life| *life != now) => {}
            }
            engine.sessions().remove(&id);
        });
        let mut answer = bytes(101, Bytes::new());
        let headers = answer.headers_mut();
        headers.insert(header::CONNECTION, http::HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, http::HeaderValue::from_static("h2c"));
        answer
    }

    async fn begin(&self, asked: &Asked) -> Response<Body> {
        let map = |name: &str| serde_json::from_str(asked.text(name)).unwrap_or_default();
        let given = |name: &str| asked.query.get(name).filter(|value| !value.is_empty()).cloned();
        let id = asked.text("session").to_owned();
        let open = tokio::time::timeout(SESSION, async {
            loop {
                if let Some(open) = self.sessions().get(&id).cloned() {
                    return open;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let Ok(Open { asking, shared }) = open.await else {
            return json_response(
                500,
                &json!({"message": format!("no active session for {id}: context deadline exceeded")}),
            );
        };
        let order = Order {
            tags: given("t").into_iter().collect(),
            target: given("target"),
            platform: given("platform"),
            args: map("buildargs"),
            labels: map("labels"),
            shared,
        };
        let (lines, receiver) = mpsc::channel(64);
        let build = Build { engine: self.clone(), order, session: asking, lines };
        let task = Ends(tokio::spawn(build.run()));
        let body = ReceiverStream::new(receiver).map(move |line| {
            // The build ends when its reader is dropped.
            let _ = &task;
            Ok(Frame::data(line))
        });
        streamed(StreamBody::new(body).boxed_unsync())
    }
}

/// A task that ends with this.
pub(super) struct Ends(pub(super) JoinHandle<()>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn hung_up() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionReset)
}

pub(super) fn json_response(code: u16, value: &Value) -> Response<Body> {
    let text = if let Value::String(plain) = value { plain.clone() } else { value.to_string() };
    let mut answer = bytes(code, Bytes::from(text));
    answer.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    answer
}

pub(super) fn bytes(code: u16, bytes: Bytes) -> Response<Body> {
    let mut answer = Response::new(Full::new(bytes).map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

pub(super) fn streamed(body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    answer.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    answer
}

/// So many bytes of a body, and then a broken connection.
fn cut(body: Body, bytes: usize) -> Body {
    let pieces = stream::unfold((body, bytes, false), |(mut body, left, over)| async move {
        if over {
            return None;
        }
        match body.frame().await {
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                if data.len() < left {
                    let left = left - data.len();
                    return Some((Ok(Frame::data(data)), (body, left, false)));
                }
                let piece = data.slice(..left.min(data.len()));
                if piece.is_empty() {
                    return Some((Err(hung_up()), (body, 0, true)));
                }
                Some((Ok(Frame::data(piece)), (body, 0, false)))
            }
            _ => Some((Err(hung_up()), (body, 0, true))),
        }
    });
    StreamBody::new(pieces).boxed_unsync()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            plain.push(byte);
            at += 3;
        } else {
            plain.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
            at += 1;
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}
