//! As much of HTTP as a test needs: one request, one answer, over a plain socket.

use serde_json::Value;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

/// The status and the body of an answer.
pub(crate) type Answer = (u16, String);

/// Asks `url` and returns what came back.
pub(crate) fn ask(method: &str, url: &str, body: Option<&Value>) -> std::io::Result<Answer> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| std::io::Error::other(format!("not a plain URL: {url}")))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(authority)?;
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
pub(crate) fn get(url: &str) -> Answer {
    ask("GET", url, None).unwrap_or_else(|error| panic!("GET {url}: {error}"))
}

/// Tells the chatbot something and returns its JSON answer.
pub(crate) fn chat(url: &str, message: &str) -> Value {
    let url = format!("{}/api/chat", url.trim_end_matches('/'));
    let (status, body) =
        ask("POST", &url, Some(&serde_json::json!({ "message": message, "history": [] }))).unwrap();
    assert_eq!(status, 200, "{body}");
    unchunked(&body)
}

/// The titles of all tasks.
pub(crate) fn tasks(url: &str) -> Vec<String> {
    let (status, body) = get(&format!("{}/api/tasks", url.trim_end_matches('/')));
    assert_eq!(status, 200, "{body}");
    let tasks = unchunked(&body)["tasks"].as_array().cloned().unwrap_or_default();
    tasks.iter().filter_map(|task| task["title"].as_str().map(str::to_owned)).collect()
}

/// The JSON object in a body, whether or not it came in chunks.
fn unchunked(body: &str) -> Value {
    let (from, to) = (body.find('{').unwrap_or(0), body.rfind('}').map_or(0, |end| end + 1));
    serde_json::from_str(&body[from..to]).unwrap_or_else(|error| panic!("{error}: {body}"))
}
