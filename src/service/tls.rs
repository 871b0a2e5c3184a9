//! Plain HTTP asked of a port that speaks TLS: recognised, and asked again over TLS.
//!
//! A Service need not say that its port speaks TLS, and such servers refuse plain HTTP each in its way: nginx, Apache, Go and
//! Tomcat answer 400 in plain text; OpenSSL, Java and Netty send a TLS alert record; Node, Python and Envoy close the
//! connection. An application may answer 400 itself, or close, so only a port that does speak TLS when it is asked counts.

use super::http::Failed;
use super::http::HttpAnswer;
use super::http::NoAnswer;
use super::http::Question;
use super::http::try_get;
use super::http::try_get_following;
use crate::project::Expect;
use std::time::Duration;

/// What servers answer, with status 400, when plain HTTP is asked of their TLS port; in lower case.
///
/// nginx: `src/http/ngx_http_special_response.c` (497 is sent as 400); Go: `net/http/server.go`; Apache: `server/protocol.c`;
/// Tomcat: `TLSClientHelloExtractor.java`.
const SAYINGS: [&str; 4] = [
    "plain http request was sent to https port",
    "client sent an http request to an https server",
    "speaking plain http to an ssl-enabled server port",
    "combination of host and port requires tls",
];

/// Whether an answer over plain HTTP says that the port speaks TLS.
pub(super) fn says_so(answer: &HttpAnswer) -> bool {
    let body = answer.body.to_ascii_lowercase();
    answer.status == 400 && SAYINGS.iter().any(|saying| body.contains(saying))
}

/// Asks as `expect` needs it: over TLS, too, where plain HTTP seems to be the wrong question. Returns what came, and the
/// question that it came of.
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
        // Who answers 400 both ways has said it of the request, unless in so many words of the missing TLS.
        Ok(answer) if answer.status == 400 && plain.is_ok() && !demands_tls => (question.clone(), plain),
        Ok(answer) => (over, Ok(answer)),
        Err(failed) if failed.tls => (over, Err(failed.why)),
        // An HTTP server that answers a TLS handshake in plain text, or waits for the end of the request that it takes it for,
        // passes on what another server has said.
        Err(Failed { why: NoAnswer::Garbled(_) | NoAnswer::Silent(_), .. }) => (question.clone(), plain),
        Err(failed) if demands_tls => (question.clone(), Err(NoAnswer::Tls(failed.why.to_string()))),
        Err(_) => (question.clone(), plain),
    }
}

/// Redirects are followed only where something is expected of the page that they lead to.
async fn once(question: &Question, expect: &Expect, limit: Duration) -> Result<HttpAnswer, Failed> {
    let as_it_is =
        expect.contains.is_none() && expect.status.is_none_or(|status| (300..400).contains(&status));
    if as_it_is { try_get(question, limit).await } else { try_get_following(question, limit).await }
}

#[cfg(test)]
mod tests;
