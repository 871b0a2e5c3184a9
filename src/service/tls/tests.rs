//! Against servers that speak TLS and refuse plain HTTP as the known ones do, and against some that only seem to.

use super::request;
use crate::project::Expect;
use crate::service::fake;
use crate::service::fake::Reply;
use crate::service::http::HttpAnswer;
use crate::service::http::NoAnswer;
use crate::service::http::Question;
use std::net::SocketAddr;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(1);
const NGINX: &str = "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>";
const GO: &str = "Client sent an HTTP request to an HTTPS server.\n";
const APACHE: &str = "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />";
const TOMCAT: &str = "Bad Request\nThis combination of host and port requires TLS.\n";
/// A fatal alert of TLS 1.2: unexpected_message.
const ALERT: &str = "\x15\x03\x03\0\x02\x02\x0a";
/// The same record, as a server answers a handshake that it does not like: handshake_failure.
const REFUSAL: &str = "\x15\x03\x03\0\x02\x02\x28";

async fn asked(at: SocketAddr, status: Option<u16>) -> (Question, Result<HttpAnswer, NoAnswer>) {
    let question =
        Question { connect: at.to_string(), authority: at.to_string(), tls: false, path: "/".to_owned() };
    request(&question, &Expect { status, contains: None }, LIMIT).await
}

fn raw(text: &str) -> Reply {
    Reply::Raw(text.to_owned())
}

#[tokio::test]
async fn the_url_of_a_port_that_speaks_tls_is_https_however_it_refuses_plain_http() {
    let refusals: [fn() -> Reply; 7] = [
        || fake::text(400, NGINX),
        || fake::text(400, GO),
        || fake::text(400, APACHE),
        || fake::text(400, TOMCAT),
        || fake::text(400, "no"),
        || raw(ALERT),
        || Reply::Close,
    ];
    for (number, plain) in refusals.into_iter().enumerate() {
        let at = fake::tls_server(plain, || None, || fake::text(200, "over TLS")).await;
        let (question, answer) = asked(at, None).await;
        assert_eq!(question.url(), format!("https://{at}/"), "{number}");
        assert_eq!(answer.map(|answer| answer.body), Ok("over TLS".to_owned()), "{number}");
    }
}

type Answers = fn() -> Reply;

#[tokio::test]
async fn what_an_application_says_over_plain_http_is_its_answer() {
    // The answer, and the expectation.
    let table: [(Answers, Option<u16>); 4] = [
        (|| fake::text(400, "which user?"), None),
        (|| fake::text(400, "which user?"), Some(400)),
        // It passes on the message of another server.
        (|| fake::text(400, NGINX), None),
        (|| fake::text(403, GO), None),
    ];
    for (reply, expected) in table {
        let at = fake::server(move |_, _| reply()).await;
        let (question, answer) = asked(at, expected).await;
        assert!(!question.tls && answer.is_ok(), "{question:?} {answer:?}");
    }
    let both = fake::tls_server(|| fake::text(400, "which user?"), || None, || fake::text(400, "")).await;
    let (question, answer) = asked(both, None).await;
    assert!(!question.tls && answer.is_ok(), "{answer:?}");

    let closes = fake::server(|_, _| Reply::Close).await;
    let (question, answer) = asked(closes, None).await;
    assert_eq!((question.tls, answer), (false, Err(NoAnswer::Closed)));
}

#[tokio::test]
async fn a_port_that_speaks_tls_and_does_not_answer_is_told_as_such() {
    let refuses: [fn() -> Option<Reply>; 2] = [|| Some(raw(REFUSAL)), || Some(Reply::Close)];
    for shake in refuses {
        let at = fake::tls_server(|| fake::text(400, NGINX), shake, || Reply::Close).await;
        let (_, answer) = asked(at, None).await;
        assert!(matches!(answer, Err(NoAnswer::Tls(_))), "{answer:?}");
    }
    // A refusal in the words of TLS is proof by itself.
    let at = fake::tls_server(|| Reply::Close, refuses[0], || Reply::Close).await;
    assert!(matches!(asked(at, None).await.1, Err(NoAnswer::Tls(_))));
    // After the handshake https fails.
    let at = fake::tls_server(|| Reply::Close, || None, || Reply::Close).await;
    let (question, answer) = asked(at, None).await;
    assert_eq!((question.tls, answer), (true, Err(NoAnswer::Closed)));
}

#[test]
fn the_authority_of_a_url_names_its_port_unless_the_scheme_does() {
    for (connect, authority, wanted) in [
        ("10.0.0.1:30943", "10.0.0.1:30943", "10.0.0.1:30943"),
        ("10.0.0.1:443", "10.0.0.1:443", "10.0.0.1"),
        ("10.0.0.1:80", "web.example", "web.example:80"),
        ("[fd00::1]:80", "[fd00::1]", "[fd00::1]:80"),
        ("[fd00::1]:9443", "[fd00::1]:9443", "[fd00::1]:9443"),
    ] {
        let (connect, authority) = (connect.to_owned(), authority.to_owned());
        let plain = Question { connect, authority, tls: false, path: "/".to_owned() };
        assert_eq!(plain.over_tls().authority, wanted);
    }
}
