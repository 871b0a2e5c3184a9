//! A Docker engine on a Unix socket, for tests: HTTP by hand, one request a connection.

use std::path::Path;
use std::sync::Arc;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;

/// Listens at `socket` for as long as the test runs; `answer` gets `METHOD /path` and returns a status and a body.
pub(crate) fn serve(socket: &Path, answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) {
    let listener = tokio::net::UnixListener::bind(socket).unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(exchange(socket, move |request| answer(request)));
        }
    });
}

/// Answers one request, identified as `METHOD /path` without the API's version and the query, and closes.
pub(crate) async fn exchange(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    answer: impl FnOnce(&str) -> (u16, String),
) {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < head + length && socket.read_buf(&mut bytes).await.unwrap_or(0) > 0 {}
    let first = String::from_utf8_lossy(&bytes[..head]);
    let mut words = first.split_whitespace();
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let path = path.split('?').next().unwrap();
    let path = match path.strip_prefix("/v1.").and_then(|rest| rest.split_once('/')) {
        Some((_, rest)) => format!("/{rest}"),
        None => path.to_owned(),
    };
    let (status, body) = answer(&format!("{method} {path}"));
    let head = format!(
        "HTTP/1.1 {status} x\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nX-Docker-Container-Path-Stat: {STAT}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let body = if method == "HEAD" { String::new() } else { body };
    let _ = socket.write_all(format!("{head}{body}").as_bytes()).await;
}

/// `{"name":"x","size":0,"mode":0,"mtime":"2026-01-01T00:00:00Z","linkTarget":""}`
const STAT: &str = "eyJuYW1lIjoieCIsInNpemUiOjAsIm1vZGUiOjAsIm10aW1lIjoiMjAyNi0wMS0wMVQwMDowMDowMFoiLCJsaW5rVGFyZ2V0IjoiIn0=";
