//! The API server's side of a connection: injected faults, subresources (logs, port-forwards), and the
//! objects.

use crate::cluster::fault::ApiCall;
use crate::cluster::fault::ApiFault;
use crate::cluster::forward;
use crate::cluster::world::World;
use crate::kinds;
use crate::request::Where;
use crate::request::failure;
use crate::request::locate;
use crate::serve::Body;
use crate::serve::decoded;
use crate::serve::respond;
use crate::serve::whole;
use futures::StreamExt;
use futures::stream;
use http::Request;
use http::Response;
use http::header;
use http_body_util::BodyExt;
use http_body_util::BodyStream;
use http_body_util::StreamBody;
use hyper::body::Bytes;
use hyper::body::Frame;
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

type Answered = std::io::Result<Response<Body>>;

/// Answers one request, or closes the connection.
pub(super) async fn handle(world: Arc<World>, request: Request<Incoming>) -> Answered {
    let path = decoded(request.uri().path());
    let query: BTreeMap<String, String> = request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    let at = locate(&path);
    let call = call(&request, &path, &query, &at);
    match world.settings.faults.api(&call) {
        None => done(world, request, &at, &query).await,
        Some(ApiFault::Status(code, reason)) => {
            let message = format!("the rehearsal refuses this: {reason}");
            let mut answer = status(code, &reason, &message)?;
            if code == 429 || code == 503 {
                answer.headers_mut().insert(header::RETRY_AFTER, 1.into());
            }
            Ok(answer)
        }
        Some(ApiFault::Hang) => std::future::pending().await,
        Some(ApiFault::Close) => Err(std::io::ErrorKind::ConnectionReset.into()),
        Some(ApiFault::Slow(time)) => {
            let answer = done(world, request, &at, &query).await;
            tokio::time::sleep(time).await;
            answer
        }
        Some(ApiFault::CutAfter(bytes)) => Ok(cut(done(world, request, &at, &query).await?, bytes)),
        Some(ApiFault::Garbage) => {
            let code = done(world, request, &at, &query).await?.status().as_u16();
            plain(code, "application/json", "\u{1}{\"kind\": <html>502</html>".to_owned())
        }
        Some(ApiFault::Gone) => {
            let gone = failure(410, "Expired", "too old resource version: 1 (2)", &Value::Null);
            if call.verb == "watch" {
                let event = serde_json::json!({"type": "ERROR", "object": gone});
                return plain(200, "application/json", format!("{event}\n"));
            }
            plain(410, "application/json", gone.to_string())
        }
    }
}

fn call(request: &Request<Incoming>, path: &str, query: &BTreeMap<String, String>, at: &Where) -> ApiCall {
    let content = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let watches = matches!(query.get("watch").map(String::as_str), Some("true" | "1"));
    let verb = match (request.method().as_str(), at.name.is_empty()) {
        ("GET", _) if at.plural.is_empty() => "get",
        ("GET", true) if watches => "watch",
        ("GET", true) => "list",
        ("GET", false) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) if content.is_some_and(|content| content.contains("apply-patch")) => "apply",
        ("PATCH", _) => "patch",
        _ => "delete",
    };
    let resource = if at.subresource.is_empty() {
        at.plural.clone()
    } else {
        format!("{}/{}", at.plural, at.subresource)
    };
    ApiCall {
        verb,
        resource,
        group: at.group.clone(),
        namespace: at.namespace.clone(),
        name: at.name.clone(),
        dry_run: query.contains_key("dryRun"),
        path: path.to_owned(),
    }
}

async fn done(
    world: Arc<World>,
    request: Request<Incoming>,
    at: &Where,
    query: &BTreeMap<String, String>,
) -> Answered {
    if at.plural == "pods" && !at.name.is_empty() {
        match at.subresource.as_str() {
            "log" => return log(world, at, query),
            "portforward" => return port_forward(&world, request, at, query),
            _ => {}
        }
    }
    respond(world.api.clone(), request).await
}

fn plain(code: u16, kind: &str, text: String) -> Answered {
    Response::builder()
        .status(code)
        .header(header::CONTENT_TYPE, kind)
        .body(whole(text))
        .map_err(std::io::Error::other)
}

fn status(code: u16, reason: &str, message: &str) -> Answered {
    plain(code, "application/json", failure(code, reason, message, &Value::Null).to_string())
}

/// The first bytes of an answer, and then no more.
fn cut(answer: Response<Body>, bytes: usize) -> Response<Body> {
    answer.map(|body| {
        let frames = BodyStream::new(body);
        let state = (frames, bytes, false);
        let cut = stream::unfold(state, |(mut frames, left, broken)| async move {
            if broken {
                return None;
            }
            if left == 0 {
                let error = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                return Some((Err(error), (frames, 0, true)));
            }
            let Some(frame) = frames.next().await else {
                let error = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                return Some((Err(error), (frames, 0, true)));
            };
            let data = frame.ok().and_then(|frame| frame.into_data().ok()).unwrap_or_default();
            let part = data.slice(..data.len().min(left));
            let left = left - part.len();
            Some((Ok(Frame::data(part)), (frames, left, false)))
        });
        StreamBody::new(cut).boxed_unsync()
    })
}

fn no_pod(at: &Where) -> Answered {
    status(404, "NotFound", &format!("pods \"{}\" not found", at.name))
}

fn log(world: Arc<World>, at: &Where, query: &BTreeMap<String, String>) -> Answered {
    let Some(pod) = world.get(kinds::POD, &at.namespace, &at.name) else { return no_pod(at) };
    let is = |name: &str| query.get(name).is_some_and(|value| value == "true" || value == "1");
    let container = query.get("container").cloned();
    let containers: Vec<&str> = pod["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|container| container["name"].as_str())
        .collect();
    if container.is_none() && containers.len() > 1 {
        let why = format!(
            "a container name must be specified for pod {}, choose one of: [{}]",
            at.name,
            containers.join(" ")
        );
        return status(400, "BadRequest", &why);
    }
    let Some(running) = world.kubelet.running(&at.namespace, &at.name) else {
        let name = container.as_deref().or(containers.first().copied()).unwrap_or_default();
        let why =
            format!("container \"{name}\" in pod \"{}\" is waiting to start: ContainerCreating", at.name);
        return status(400, "BadRequest", &why);
    };
    let lines = match running.log(container.as_deref(), is("previous")) {
        Ok(lines) => lines,
        Err((code, why)) => return status(code, "BadRequest", &why),
    };
    let since = query.get("sinceTime").and_then(|moment| moment.parse::<Timestamp>().ok());
    let stamps = is("timestamps");
    let kept: Vec<&(Timestamp, String)> = lines
        .iter()
        .filter(|(at, _)| since.is_none_or(|since| at.as_second() >= since.as_second()))
        .collect();
    let tail = query.get("tailLines").and_then(|count| count.parse::<usize>().ok()).unwrap_or(usize::MAX);
    let kept = &kept[kept.len().saturating_sub(tail)..];
    let mut text: String = kept.iter().map(|(at, line)| shown(*at, line, stamps)).collect();
    if let Some(limit) = query.get("limitBytes").and_then(|bytes| bytes.parse::<usize>().ok()) {
        while text.len() > limit {
            text.pop();
        }
    }
    if !is("follow") {
        return plain(200, "text/plain", text);
    }
    let follow = Follow { world, at: at.clone(), container, read: lines.len(), stamps };
    let rest = stream::unfold((Some(text), follow), |(first, mut follow)| async move {
        let more = match first {
            Some(text) => text,
            None => follow.next().await?,
        };
        Some((Ok(Frame::data(Bytes::from(more))), (None, follow)))
    });
    Response::builder()
        .header(header::CONTENT_TYPE, "text/plain")
        .body(StreamBody::new(rest).boxed_unsync())
        .map_err(std::io::Error::other)
}

fn shown(at: Timestamp, line: &str, stamps: bool) -> String {
    if stamps { format!("{} {line}\n", at.strftime("%Y-%m-%dT%H:%M:%S.%9fZ")) } else { format!("{line}\n") }
}

/// A log that is read while it grows.
struct Follow {
    world: Arc<World>,
    at: Where,
    container: Option<String>,
    read: usize,
    stamps: bool,
}

impl Follow {
    /// The added text; `None` when the run is over.
    async fn next(&mut self) -> Option<String> {
        loop {
            let running = self.world.kubelet.running(&self.at.namespace, &self.at.name)?;
            let talking = running.is_talking(self.container.as_deref());
            let lines = running.log(self.container.as_deref(), false).ok()?;
            if lines.len() > self.read {
                let more =
                    lines[self.read..].iter().map(|(at, line)| shown(*at, line, self.stamps)).collect();
                self.read = lines.len();
                return Some(more);
            }
            if !talking || lines.len() < self.read {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn port_forward(
    world: &Arc<World>,
    mut request: Request<Incoming>,
    at: &Where,
    query: &BTreeMap<String, String>,
) -> Answered {
    if world.get(kinds::POD, &at.namespace, &at.name).is_none() {
        return no_pod(at);
    }
    let key = request.headers().get("sec-websocket-key").map(|key| derive_accept_key(key.as_bytes()));
    let (Some(key), Some(port)) = (key, query.get("ports").and_then(|port| port.parse::<u16>().ok())) else {
        return status(400, "BadRequest", "unable to upgrade: a WebSocket and one port are needed");
    };
    let running = world.kubelet.running(&at.namespace, &at.name);
    let behind = running.and_then(|running| running.behind(port)).ok_or_else(|| {
        format!(
            "error forwarding port {port} to pod {}, uid : failed to execute portforward in network namespace \"/var/run/netns/rehearsal\": failed to connect to localhost:{port} inside namespace \"rehearsal\", IPv4: dial tcp4 127.0.0.1:{port}: connect: connection refused IPv6 dial tcp6: address localhost: no suitable address found ",
            at.name
        )
    });
    tokio::spawn(forward::lead(hyper::upgrade::on(&mut request), Arc::clone(world), port, behind));
    Response::builder()
        .status(101)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header("sec-websocket-accept", key)
        .header("sec-websocket-protocol", "v4.channel.k8s.io")
        .body(whole(String::new()))
        .map_err(std::io::Error::other)
}
