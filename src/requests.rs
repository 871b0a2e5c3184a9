//! Requests over HTTP, as `TODO_LOG=debug` shows them: the server, the request, the status and the time to the answer.
//!
//! Never a body, nor the arguments of a command that is run in a container: both may contain unregistered secrets.

use http::Method;
use http::Uri;
use std::fmt::Display;
use std::time::Instant;
use tracing::debug;
use tracing::enabled;

/// A request that was sent; nothing is kept of it where the log is off.
#[derive(Debug)]
pub struct Sent(Option<Kept>);

#[derive(Debug)]
struct Kept {
    to: &'static str,
    method: Method,
    what: String,
    began: Instant,
}

impl Sent {
    /// A request that is sent now.
    pub fn new(to: &'static str, method: &Method, uri: &Uri) -> Sent {
        Sent(enabled!(tracing::Level::DEBUG).then(|| Kept {
            to,
            method: method.clone(),
            what: shown(uri),
            began: Instant::now(),
        }))
    }

    /// The head of its answer came, or why none did.
    pub fn answered(self, status: Result<http::StatusCode, &dyn Display>) {
        let Some(Kept { to, method, what, began }) = self.0 else { return };
        let took_ms = began.elapsed().as_millis();
        match status {
            Ok(status) => debug!(status = status.as_u16(), took_ms, "{to} {method} {what}"),
            Err(error) => debug!(%error, took_ms, "{to} {method} {what}"),
        }
    }
}

/// Path and parameters, without the arguments of a command (`pods/exec`) and of a build.
fn shown(uri: &Uri) -> String {
    let hidden =
        |parameter: &&str| !["command=", "buildargs="].iter().any(|name| parameter.starts_with(name));
    let parameters: Vec<&str> = uri.query().unwrap_or_default().split('&').filter(hidden).collect();
    let query = parameters.join("&");
    if query.is_empty() { uri.path().to_owned() } else { format!("{}?{query}", uri.path()) }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn arguments_are_left_out() {
        for (uri, text) in [
            ("https://h:1/api/v1/pods?limit=5&watch=1", "/api/v1/pods?limit=5&watch=1"),
            ("/api/v1/pods/a/exec?command=sh&command=pw&stdin=true", "/api/v1/pods/a/exec?stdin=true"),
            ("/build?buildargs=%7B%7D", "/build"),
            ("/_ping", "/_ping"),
        ] {
            assert_eq!(shown(&uri.parse().unwrap()), text);
        }
    }
}
