//! Plain HTTP sent to a port that speaks TLS: recognised, and repeated over TLS.
//!
//! A Service need not declare that its port speaks TLS, and such servers refuse plain HTTP in different ways: nginx,
//! Apache, Go and Tomcat answer 400 in plain text; OpenSSL, Java and Netty send a TLS alert record; Node, Python and
//! Envoy close the connection. An application may answer 400 itself, or close, so only a port that does speak TLS
//! when it is tried counts.

use super::http::Failed;
use super::http::HttpAnswer;
use super::http::NoAnswer;
use super::http::Question;
use super::http::try_get;
use super::http::try_get_following;
use crate::project::Expect;
use std::time::Duration;

/// The messages of servers, with status 400, to plain HTTP on their TLS port; in lower case.
///
/// nginx: `src/http/ngx_http_special_response.c` (497 is sent as 400); Go: `net/http/server.go`; Apache:
/// `server/protocol.c`; Tomcat: `TLSClientHelloExtractor.java`.
const SAYINGS: [&str; 4] = [
    "plain http request was sent to https port",
    "client sent an http request to an https server",
    "speaking plain http to an ssl-enabled server port",
    "combination of host and port requires tls",
];

/// Whether an answer over plain HTTP states that the port speaks TLS.
pub(super) fn says_so(answer: &HttpAnswer) -> bool {
    let body = answer.body.to_ascii_lowercase();
    answer.status == 400 && SAYINGS.iter().any(|saying| body.contains(saying))
}

/// Sends the request as `expect` needs it: over TLS, too, if plain HTTP seems to be wrong. Returns the result, and
/// the request that led to it.
pub(super) async fn request(
    question: &Question,
    expect: &Expect,
    limit: Duration,
) -> (Question, Result<HttpAnswer, NoAnswer>) {
    let plain = once(question, expect, limit).await;
    let demands_tls = plain.as_ref().is_ok_and(says_so);
    let doubtful = match &plain {
        Ok(answer) => demands_tls || answer.status == 400 && expect.status != Some(400),
        Err(failed) => matches!(failed.why, NoAnswer::Closed | NoAnswer::Garbled(_)),
    };
    let plain = plain.map_err(|failed| failed.why);
    if question.tls || !doubtful {
        return (question.clone(), plain);
    }
    let over = question.over_tls();
    match once(&over, expect, limit).await {
        // A server that answers 400 both ways refuses the request itself, unless its message is about the missing
        // TLS.
        Ok(answer) if answer.status == 400 && plain.is_ok() && !demands_tls => (question.clone(), plain),
        Ok(answer) => (over, Ok(answer)),
        Err(failed) if failed.tls => (over, Err(failed.why)),
        // An HTTP server that answers a TLS handshake in plain text, or waits for the end of what it takes for a
        // request, has passed on the message of another server.
        Err(Failed { why: NoAnswer::Garbled(_) | NoAnswer::Silent(_), .. }) => (question.clone(), plain),
        Err(failed) if demands_tls => (question.clone(), Err(NoAnswer::Tls(failed.why.to_string()))),
        Err(_) => (question.clone(), plain),
    }
}

/// Redirects are followed only if something is expected of the page that they point to.
async fn once(question: &Question, expect: &Expect, limit: Duration) -> Result<HttpAnswer, Failed> {
    let as_it_is =
        expect.contains.is_none() && expect.status.is_none_or(|status| (300..400).contains(&status));
    if as_it_is { try_get(question, limit).await } else { try_get_following(question, limit).await }
}

#[cfg(test)]
mod tests;
