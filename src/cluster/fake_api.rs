//! An API server in this process: lists, watches that stay open, logs, refusals. For tests, at the wire.

use futures::StreamExt as _;
use http::Request;
use http::Response;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;
use hyper::body::Frame;
use kube::client::Body;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::mpsc;

type FakeResponse = Response<UnsyncBoxBody<Bytes, io::Error>>;
type Piece = Result<Frame<Bytes>, io::Error>;

#[derive(Default)]
struct FakeState {
    lists: BTreeMap<String, BTreeMap<String, Value>>,
    watches: BTreeMap<String, mpsc::UnboundedSender<Piece>>,
    refused: BTreeSet<String>,
    stumbles: BTreeMap<String, Vec<u16>>,
    slow: BTreeMap<String, Duration>,
    logs: BTreeMap<String, String>,
    requests: Vec<String>,
}

/// The server, and the requests that it received.
#[derive(Clone, Default)]
pub(crate) struct FakeApi {
    state: Arc<Mutex<FakeState>>,
}

impl FakeApi {
    /// A server, and a client of it.
    pub(crate) fn start() -> (FakeApi, kube::Client) {
        let server = FakeApi::default();
        let (service, mut handle) = tower_test::mock::pair::<Request<Body>, FakeResponse>();
        let answering = server.clone();
        tokio::spawn(async move {
            while let Some((request, respond)) = handle.next_request().await {
                let answering = answering.clone();
                tokio::spawn(async move {
                    let slow = answering.state.lock().unwrap().slow.get(request.uri().path()).copied();
                    tokio::time::sleep(slow.unwrap_or_default()).await;
                    respond.send_response(answering.handle(&request));
                });
            }
        });
        (server, kube::Client::new(service, "todo"))
    }

    /// Adds an object, and sends it to the watch of its list, like `/apis/apps/v1/namespaces/todo/deployments`.
    pub(crate) fn put(&self, path: &str, object: Value) {
        let event = json!({"type": "MODIFIED", "object": object});
        self.put_silently(path, object);
        self.send_event(path, &event);
    }

    /// Adds an object without an event for the watch, like a change while a watch is lost.
    pub(crate) fn put_silently(&self, path: &str, object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        self.state.lock().unwrap().lists.entry(path.to_owned()).or_default().insert(name, object);
    }

    /// Sends one event to the open watch of a list.
    pub(crate) fn send_event(&self, path: &str, event: &Value) {
        let line = Bytes::from(format!("{event}\n"));
        if let Some(watch) = self.state.lock().unwrap().watches.get(path) {
            let _ = watch.send(Ok(Frame::data(line)));
        }
    }

    /// Breaks the connection of the open watch of a list.
    pub(crate) fn reset(&self, path: &str) {
        if let Some(watch) = self.state.lock().unwrap().watches.remove(path) {
            let _ = watch.send(Err(io::Error::from(io::ErrorKind::ConnectionReset)));
        }
    }

    /// Ends all open watches, as a server does that is shut down.
    pub(crate) fn close(&self) {
        self.state.lock().unwrap().watches.clear();
    }

    /// Answers the next requests for a list with these codes.
    pub(crate) fn stumble(&self, path: &str, codes: &[u16]) {
        let codes = codes.iter().rev().copied().collect();
        self.state.lock().unwrap().stumbles.insert(path.to_owned(), codes);
    }

    /// Delays every answer about a list.
    pub(crate) fn slow_down(&self, path: &str, by: Duration) {
        self.state.lock().unwrap().slow.insert(path.to_owned(), by);
    }

    /// Refuses to list and watch.
    pub(crate) fn refuse(&self, path: &str) {
        self.state.lock().unwrap().refused.insert(path.to_owned());
    }

    /// The log of a pod.
    pub(crate) fn log(&self, pod: &str, text: &str) {
        self.state.lock().unwrap().logs.insert(pod.to_owned(), text.to_owned());
    }

    /// All requests so far: `GET path`, and `WATCH path` for watches.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Waits until a list is being watched.
    pub(crate) async fn watched(&self, path: &str) {
        while !self.state.lock().unwrap().watches.contains_key(path) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn handle(&self, request: &Request<Body>) -> FakeResponse {
        let path = request.uri().path().to_owned();
        let watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let mut state = self.state.lock().unwrap();
        state.requests.push(format!("{} {path}", if watch { "WATCH" } else { request.method().as_str() }));
        if state.refused.contains(&path) {
            return status(403, "Forbidden");
        }
        if let Some(code) = state.stumbles.get_mut(&path).and_then(Vec::pop) {
            return status(code, if code == 429 { "TooManyRequests" } else { "ServiceUnavailable" });
        }
        if watch {
            let (tell, events) = mpsc::unbounded_channel::<Piece>();
            state.watches.insert(path, tell);
            let events = tokio_stream::wrappers::UnboundedReceiverStream::new(events).boxed();
            return Response::new(UnsyncBoxBody::new(StreamBody::new(events)));
        }
        let mut parts: Vec<&str> = path.split('/').collect();
        if parts.last() == Some(&"log") {
            let log = state.logs.get(parts[parts.len() - 2]).cloned();
            return log.map_or_else(|| status(404, "NotFound"), whole);
        }
        if parts.len().is_multiple_of(2) && parts[1] == "api"
            || !parts.len().is_multiple_of(2) && parts[1] == "apis"
        {
            let items: Vec<&Value> = state.lists.get(&path).into_iter().flat_map(BTreeMap::values).collect();
            return json(
                &json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1"}, "items": items}),
            );
        }
        let name = parts.pop().unwrap_or_default();
        match state.lists.get(&parts.join("/")).and_then(|list| list.get(name)) {
            Some(object) => json(object),
            None => status(404, "NotFound"),
        }
    }
}

fn json(value: &Value) -> FakeResponse {
    whole(value.to_string())
}

fn whole(text: String) -> FakeResponse {
    Response::new(UnsyncBoxBody::new(Full::new(Bytes::from(text)).map_err(|never| match never {})))
}

fn status(code: u16, reason: &str) -> FakeResponse {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason, "code": code});
    let mut response = json(&body);
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap();
    response
}
