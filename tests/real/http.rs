//! As much of HTTP as a test needs: one request, one answer, over a plain socket.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

/// Where names lead that this machine does not know.
static RESOLVED: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// From now on `host` is at `address`, as an entry of the hosts file would have it.
pub(crate) fn resolve(host: &str, address: &str) {
    RESOLVED.lock().unwrap().insert(host.to_owned(), format!("{address}:80"));
}

/// The status and the body of an answer.
pub(crate) type HttpAnswer = (u16, String);

/// Requests `url` and returns the answer.
pub(crate) fn ask(method: &str, url: &str, body: Option<&Value>) -> std::io::Result<HttpAnswer> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| std::io::Error::other(format!("not a plain URL: {url}")))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = match RESOLVED.lock().unwrap().get(authority) {
        Some(address) => TcpStream::connect(address)?,
        None => TcpStream::connect(authority)?,
    };
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    write!(
        stream,
        "{method} /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("no HTTP answer: {answer:?}")))?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    Ok((status, body))
}

/// Gets `url`; anything but an answer fails the test.
pub(crate) fn get(url: &str) -> HttpAnswer {
    ask("GET", url, None).unwrap_or_else(|error| panic!("GET {url}: {error}"))
}

/// Gets `url` until the body contains `text`, right after pods were replaced.
///
/// Until kube-proxy has learnt of it, some connections still go to the address of an old pod, which answers, refuses or is
/// no longer there.
#[track_caller]
pub(crate) fn get_until(url: &str, text: &str) {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let answer = ask("GET", url, None);
        if answer.as_ref().is_ok_and(|(_, body)| body.contains(text)) {
            return;
        }
        assert!(Instant::now() < until, "GET {url}: no {text:?} in {answer:?}");
    }
}

/// Sends the chatbot a message and returns its JSON answer.
pub(crate) fn chat(url: &str, message: &str) -> Value {
    api("POST", url, "chat", Some(&serde_json::json!({ "message": message, "history": [] })))
}

/// The titles of all tasks.
pub(crate) fn tasks(url: &str) -> Vec<String> {
    let tasks = api("GET", url, "tasks", None)["tasks"].as_array().cloned().unwrap_or_default();
    tasks.iter().filter_map(|task| task["title"].as_str().map(str::to_owned)).collect()
}

/// Asks the backend, through the page's server.
///
/// That may be a moment ahead of kube-proxy, which has yet to learn where the backend's new pod is; a person does not
/// notice, a test asks again.
fn api(method: &str, url: &str, path: &str, body: Option<&Value>) -> Value {
    let url = format!("{}/api/{path}", url.trim_end_matches('/'));
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match ask(method, &url, body).unwrap() {
            (200, body) => return unchunked(&body),
            (status, body) => assert!(Instant::now() < until, "{url}: {status}: {body}"),
        }
    }
}

/// The JSON object in a body, whether or not it came in chunks.
fn unchunked(body: &str) -> Value {
    let (from, to) = (body.find('{').unwrap_or(0), body.rfind('}').map_or(0, |end| end + 1));
    serde_json::from_str(&body[from..to]).unwrap_or_else(|error| panic!("{error}: {body}"))
}
