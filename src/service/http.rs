//! One HTTP GET over a connection of its own, and what became of it.
//!
//! Not a client for the internet: no pool, no cookies, no proxy. The proxy variables are ignored on purpose: what is
//! asked here is a node of this machine or this machine itself, and a proxy in front of it would answer in its place.
//! For the same reason certificates are not checked: a development cluster signs its own, and nothing secret is sent.

use http::Request;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::fmt;
use std::io;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

/// How much of a body is read, in bytes.
const BODY: usize = 1 << 20;

/// How many redirects on one host are followed.
const REDIRECTS: usize = 5;

/// What is asked, and through which address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Where to connect to, `host:port`; an IPv6 address in brackets.
    pub(crate) connect: String,
    /// The authority of the URL, which the Host header repeats.
    pub(crate) authority: String,
    /// Whether it is https.
    pub(crate) tls: bool,
    /// The path, with the query.
    pub(crate) path: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The first MiB of the body; what is not UTF-8 is replaced.
    pub(crate) body: String,
    /// The Location header of a redirect.
    pub(crate) location: Option<String>,
    /// From the first byte sent to the last one read.
    pub(crate) took: Duration,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// There is no way to the address from here.
    Unreachable(String),
    /// The address is there, nobody listens.
    Refused,
    /// The connection was made and cut off before an answer.
    Closed,
    /// The connection was made and nothing came in time.
    Silent(Duration),
    /// Something came that is not HTTP, or not TLS where TLS was spoken.
    Garbled(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Unreachable(why) => write!(f, "cannot be reached from here: {why}"),
            NoAnswer::Refused => f.write_str("refuses connections"),
            NoAnswer::Closed => f.write_str("closes connections without an answer"),
            NoAnswer::Silent(limit) => {
                write!(f, "accepts connections but does not answer within {} s", limit.as_secs_f32())
            }
            NoAnswer::Garbled(why) => write!(f, "does not speak HTTP: {why}"),
        }
    }
}

impl Question {
    /// The URL as one would type it.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}{}", if self.tls { "https" } else { "http" }, self.authority, self.path)
    }

    /// Where an answer of this question redirects to, if that is on the same host.
    fn follows(&self, answer: &Answer) -> Option<Question> {
        let location = answer.location.as_deref().filter(|_| (300..400).contains(&answer.status))?;
        let target: http::Uri = location.parse().ok()?;
        let same_host = target.authority().is_none_or(|to| to.as_str().eq_ignore_ascii_case(&self.authority));
        let same_scheme = target.scheme_str().is_none_or(|scheme| (scheme == "https") == self.tls);
        let path = target.path_and_query()?.as_str();
        (same_host && same_scheme && path.starts_with('/'))
            .then(|| Question { path: path.to_owned(), ..self.clone() })
    }
}

/// Asks once and gives up after `limit`. A quarter of that is for the connection: a node of this machine shakes hands in
/// less than a millisecond or, behind a hypervisor, never.
pub(crate) async fn get(question: &Question, limit: Duration) -> Result<Answer, NoAnswer> {
    let shake = limit / 4;
    let stream = match tokio::time::timeout(shake, TcpStream::connect(&question.connect)).await {
        Ok(stream) => stream.map_err(|error| unconnected(&error))?,
        Err(_) => {
            return Err(NoAnswer::Unreachable(format!("no connection within {} s", shake.as_secs_f32())));
        }
    };
    let _ = stream.set_nodelay(true);
    tokio::time::timeout(limit, speak(question, stream)).await.unwrap_or(Err(NoAnswer::Silent(limit)))
}

/// Asks, and asks again where the answer sends us, as long as that is the same host.
pub(crate) async fn get_following(question: &Question, limit: Duration) -> Result<Answer, NoAnswer> {
    let mut question = question.clone();
    let mut answer = get(&question, limit).await?;
    for _ in 0..REDIRECTS {
        let Some(next) = question.follows(&answer) else { break };
        answer = get(&next, limit).await?;
        question = next;
    }
    Ok(answer)
}

async fn speak(question: &Question, stream: TcpStream) -> Result<Answer, NoAnswer> {
    if question.tls {
        let host =
            question.authority.parse::<http::uri::Authority>().map(|authority| authority.host().to_owned());
        let host = host.unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = rustls::pki_types::ServerName::try_from(host)
            .map_err(|error| NoAnswer::Garbled(error.to_string()))?;
        let connector =
            TlsConnector::from(unchecked().map_err(|error| NoAnswer::Garbled(error.to_string()))?);
        exchange(question, connector.connect(name, stream).await.map_err(|error| cut(&error))?).await
    } else {
        exchange(question, stream).await
    }
}

async fn exchange<S>(question: &Question, stream: S) -> Result<Answer, NoAnswer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let began = Instant::now();
    let (mut send, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| lost(&error))?;
    let driver = tokio::spawn(connection);
    let request = Request::get(&question.path)
        .header(header::HOST, &question.authority)
        .header(header::USER_AGENT, concat!("todo/", env!("CARGO_PKG_VERSION")))
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| NoAnswer::Garbled(error.to_string()))?;
    let answer = async {
        let response = send.send_request(request).await.map_err(|error| lost(&error))?;
        let status = response.status().as_u16();
        let location = response.headers().get(header::LOCATION);
        let location = location.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = read(response.into_body()).await?;
        Ok(Answer { status, body, location, took: began.elapsed() })
    }
    .await;
    driver.abort();
    answer
}

async fn read(mut body: Incoming) -> Result<String, NoAnswer> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|error| lost(&error))?.into_data() {
            bytes.extend_from_slice(&data[..data.len().min(BODY - bytes.len())]);
        }
        if bytes.len() == BODY {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(crate) fn unconnected(error: &io::Error) -> NoAnswer {
    match error.kind() {
        ErrorKind::ConnectionRefused => NoAnswer::Refused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => NoAnswer::Closed,
        _ => NoAnswer::Unreachable(error.to_string()),
    }
}

fn cut(error: &io::Error) -> NoAnswer {
    match error.kind() {
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected => NoAnswer::Closed,
        _ => NoAnswer::Garbled(error.to_string()),
    }
}

fn lost(error: &hyper::Error) -> NoAnswer {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause {
        Some(cause) => cut(cause),
        None if error.is_parse() => NoAnswer::Garbled(error.to_string()),
        None => NoAnswer::Closed,
    }
}

/// TLS that takes any certificate; the signature of the handshake is still verified.
fn unchecked() -> Result<Arc<rustls::ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &rustls::pki_types::CertificateDer<'_>,
        _intermediates: &[rustls::pki_types::CertificateDer<'_>],
        _server_name: &rustls::pki_types::ServerName<'_>,
        _ocsp_response: &[u8],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::NoAnswer;
    use super::Question;
    use super::get;
    use super::get_following;
    use crate::service::fake;
    use std::net::SocketAddr;
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_millis(400);

    fn ask(at: SocketAddr) -> Question {
        Question { connect: at.to_string(), authority: at.to_string(), tls: false, path: "/".to_owned() }
    }

    #[tokio::test]
    async fn an_answer_has_its_status_and_its_body() {
        let at = fake::server(|_, _| fake::text(200, "hello")).await;
        let answer = get(&ask(at), LIMIT).await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
    }

    #[tokio::test]
    async fn what_went_wrong_is_told_apart() {
        assert_eq!(get(&ask(fake::closed_port().await), LIMIT).await, Err(NoAnswer::Refused));
        let closes = fake::server(|_, _| fake::Reply::Close).await;
        assert_eq!(get(&ask(closes), LIMIT).await, Err(NoAnswer::Closed));
        let hangs = fake::server(|_, _| fake::Reply::Hang).await;
        assert_eq!(get(&ask(hangs), LIMIT).await, Err(NoAnswer::Silent(LIMIT)));
        let ssh = fake::server(|_, _| fake::Reply::Raw("SSH-2.0-OpenSSH_9.2\r\n".to_owned())).await;
        assert!(matches!(get(&ask(ssh), LIMIT).await, Err(NoAnswer::Garbled(_))));
        let nowhere = Question { connect: "no-such-host.invalid:80".to_owned(), ..ask(ssh) };
        assert!(matches!(get(&nowhere, LIMIT).await, Err(NoAnswer::Unreachable(_))));
    }

    #[tokio::test]
    async fn a_server_that_speaks_no_tls_is_not_a_closed_door() {
        let at = fake::server(|_, _| fake::text(200, "plain")).await;
        let answer = get(&Question { tls: true, ..ask(at) }, LIMIT).await;
        assert!(
            matches!(answer, Err(NoAnswer::Garbled(_) | NoAnswer::Closed | NoAnswer::Silent(_))),
            "{answer:?}"
        );
    }

    #[tokio::test]
    async fn redirects_are_followed_on_one_host_only() {
        let at = fake::server(|_, path| match path {
            "/" => fake::redirect("/app/"),
            "/app/" => fake::text(200, "the app"),
            _ => fake::redirect("http://elsewhere.invalid/"),
        })
        .await;
        assert_eq!(get_following(&ask(at), LIMIT).await.unwrap().body, "the app");
        let away = Question { path: "/away".to_owned(), ..ask(at) };
        assert_eq!(get_following(&away, LIMIT).await.unwrap().status, 302);
    }

    #[tokio::test]
    async fn a_loop_of_redirects_ends() {
        let at = fake::server(|_, _| fake::redirect("/")).await;
        assert_eq!(get_following(&ask(at), LIMIT).await.unwrap().status, 302);
    }

    #[tokio::test]
    async fn a_body_without_end_is_read_up_to_its_limit() {
        let long = "x".repeat(super::BODY + 10_000);
        let at = fake::server(move |_, _| fake::text(200, &long)).await;
        assert_eq!(get(&ask(at), Duration::from_secs(5)).await.unwrap().body.len(), super::BODY);
    }
}
