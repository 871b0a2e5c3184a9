//! One HTTP GET over a connection of its own, and its result.
//!
//! Not a client for the internet: no pool, no cookies, no proxy. The proxy variables are ignored on purpose: the
//! server is a node of this machine or this machine itself, and a proxy in front of it would answer in its place. For
//! the same reason certificates are not checked: a development cluster signs its own, and nothing secret is sent.

use super::certificate::unchecked;
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
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How much of a body is read, in bytes.
pub(crate) const BODY: usize = 1 << 20;

/// How many redirects on one host are followed.
pub(crate) const REDIRECTS: usize = 5;

/// A request, and the address that it is sent to.
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

/// The response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpAnswer {
    /// The status.
    pub(crate) status: u16,
    /// The first MiB of the body; parts of it that are not UTF-8 are replaced.
    pub(crate) body: String,
    /// The Location header of a redirect.
    pub(crate) location: Option<String>,
    /// From the first byte sent to the last one read.
    pub(crate) took: Duration,
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// There is no route to the address, and the operating system reports that at once.
    Unreachable(String),
    /// The attempt to connect was not answered, or a router reported the address as unreachable: a lost packet, a pod
    /// that was deleted, a firewall, or an unused address.
    NoConnection(String),
    /// The host answers, but nothing listens.
    Refused,
    /// The connection was made and closed before an answer.
    Closed,
    /// The connection was made and nothing was received in time.
    Silent(Duration),
    /// The data received is not HTTP, or not TLS where TLS was spoken.
    Garbled(String),
    /// The port speaks TLS, but the handshake fails: why.
    Tls(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Unreachable(why) => write!(f, "cannot be reached from here: {why}"),
            NoAnswer::NoConnection(why) => write!(f, "does not take connections: {why}"),
            NoAnswer::Refused => f.write_str("refuses connections"),
            NoAnswer::Closed => f.write_str("closes connections without an answer"),
            NoAnswer::Silent(limit) => {
                write!(f, "accepts connections but does not answer within {} s", limit.as_secs_f32())
            }
            NoAnswer::Garbled(why) => write!(f, "does not speak HTTP: {why}"),
            NoAnswer::Tls(why) => write!(f, "speaks TLS, but the handshake fails: {why}"),
        }
    }
}

impl NoAnswer {
    /// Whether a Service whose pods are being replaced looks like this for a moment. kube-proxy writes its rules at
    /// most once a second (`minSyncPeriod`): until then they point to a pod that has closed its port (refused, reset)
    /// or was deleted (no answer, or "no route to host" from the node); while no pod is ready they reject.
    pub(crate) fn is_like_a_rollout(&self) -> bool {
        matches!(self, NoAnswer::NoConnection(_) | NoAnswer::Refused | NoAnswer::Closed)
    }
}

/// The error, and whether the port had shown by then that it speaks TLS.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) why: NoAnswer,
    pub(super) tls: bool,
}

impl From<NoAnswer> for Failed {
    fn from(why: NoAnswer) -> Failed {
        Failed { tls: matches!(why, NoAnswer::Tls(_)), why }
    }
}

impl Question {
    /// The URL as typed in a browser.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}{}", if self.tls { "https" } else { "http" }, self.authority, self.path)
    }

    /// Where it connects to, without the port.
    pub(super) fn host(&self) -> &str {
        self.connect.rsplit_once(':').map_or("", |(host, _)| host.trim_matches(['[', ']']))
    }

    /// The same over TLS.
    pub(super) fn over_tls(&self) -> Question {
        let port = self.connect.rsplit_once(':').map_or("443", |(_, port)| port);
        let host = match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.authority,
        };
        let authority = if port == "443" { host.to_owned() } else { format!("{host}:{port}") };
        Question { authority, tls: true, ..self.clone() }
    }

    /// Where an answer of this question redirects to, if that is on the same host and port.
    pub(crate) fn follows(&self, answer: &HttpAnswer) -> Option<Question> {
        let location = answer.location.as_deref().filter(|_| (300..400).contains(&answer.status))?;
        let target: http::Uri = self.resolved(location).parse().ok()?;
        let same_host = target.authority().is_none_or(|to| to.as_str().eq_ignore_ascii_case(&self.authority));
        let scheme = target.scheme_str();
        if scheme.is_some_and(|scheme| !["http", "https"].contains(&scheme)) {
            return None;
        }
        let tls = scheme.map_or(self.tls, |scheme| scheme == "https");
        // With a port in it the same authority is the same port, which then answers both.
        let has_port = target.authority().is_some_and(|to| to.port().is_some());
        let path = target.path_and_query()?.as_str();
        (same_host && (tls == self.tls || tls && has_port) && path.starts_with('/')).then(|| Question {
            path: path.to_owned(),
            tls,
            ..self.clone()
        })
    }
}

impl Question {
    /// A Location as an absolute URL (RFC 9110, 10.2.2: it may be relative to the request's).
    fn resolved(&self, location: &str) -> String {
        let location = location.split('#').next().unwrap_or_default();
        let scheme = if self.tls { "https" } else { "http" };
        let path = self.path.split('?').next().unwrap_or_default();
        let of_host = |rest: &str| format!("{scheme}://{}{rest}", self.authority);
        let named = location.split(['/', '?']).next().unwrap_or_default();
        if named.ends_with(':') {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{scheme}:{location}")
        } else if location.starts_with('/') {
            of_host(location)
        } else if location.is_empty() || location.starts_with('?') {
            of_host(&format!("{path}{location}"))
        } else {
            let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
            of_host(&format!("{folder}{location}"))
        }
    }
}

/// Sends one request and gives up after `limit`. Half of that is for the connection: a lost SYN is sent again only
/// after 1 s (RFC 6298), and a new attempt has a port of its own, for which kube-proxy chooses a pod again.
pub(crate) async fn get(question: &Question, limit: Duration) -> Result<HttpAnswer, NoAnswer> {
    try_get(question, limit).await.map_err(|failed| failed.why)
}

/// Sends a request, and follows redirects as long as they point to the same host.
pub(crate) async fn get_following(question: &Question, limit: Duration) -> Result<HttpAnswer, NoAnswer> {
    try_get_following(question, limit).await.map_err(|failed| failed.why)
}

/// [`get`], and how far it got.
pub(super) async fn try_get(question: &Question, limit: Duration) -> Result<HttpAnswer, Failed> {
    let stream = connect(&question.connect, limit / 2).await?;
    let _ = stream.set_nodelay(true);
    let silent = || NoAnswer::Silent(limit);
    if question.tls {
        let stream = tokio::time::timeout(limit, shake(question, stream)).await.map_err(|_| silent())??;
        let answer = tokio::time::timeout(limit, exchange(question, stream)).await;
        return answer.unwrap_or_else(|_| Err(silent())).map_err(|why| Failed { why, tls: true });
    }
    let answer = tokio::time::timeout(limit, exchange(question, stream)).await;
    Ok(answer.unwrap_or_else(|_| Err(silent()))?)
}

/// [`get_following`], and how far it got.
pub(super) async fn try_get_following(question: &Question, limit: Duration) -> Result<HttpAnswer, Failed> {
    let mut question = question.clone();
    let mut answer = try_get(&question, limit).await?;
    for _ in 0..REDIRECTS {
        let Some(next) = question.follows(&answer) else { break };
        answer = try_get(&next, limit).await?;
        question = next;
    }
    Ok(answer)
}

/// Connects to `host:port`.
pub(super) async fn connect(to: &str, limit: Duration) -> Result<TcpStream, NoAnswer> {
    match tokio::time::timeout(limit, TcpStream::connect(to)).await {
        Ok(stream) => stream.map_err(|error| unconnected(&error)),
        Err(_) => Err(NoAnswer::NoConnection(format!("no connection within {} s", limit.as_secs_f32()))),
    }
}

async fn shake(question: &Question, stream: TcpStream) -> Result<TlsStream<TcpStream>, NoAnswer> {
    let garbled = |error: &dyn fmt::Display| NoAnswer::Garbled(error.to_string());
    let host = question.authority.parse::<http::uri::Authority>();
    let host = host.map(|authority| authority.host().to_owned()).unwrap_or_default();
    let host = host.trim_matches(['[', ']']).to_owned();
    let name = rustls::pki_types::ServerName::try_from(host).map_err(|error| garbled(&error))?;
    let connector = TlsConnector::from(unchecked().map_err(|error| garbled(&error))?);
    connector.connect(name, stream).await.map_err(|error| cut(&error))
}

async fn exchange<S>(question: &Question, stream: S) -> Result<HttpAnswer, NoAnswer>
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
        Ok(HttpAnswer { status, body, location, took: began.elapsed() })
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
        // A node also reports this for the address of a deleted pod.
        ErrorKind::TimedOut | ErrorKind::HostUnreachable => NoAnswer::NoConnection(error.to_string()),
        _ => NoAnswer::Unreachable(error.to_string()),
    }
}

fn cut(error: &io::Error) -> NoAnswer {
    let tls = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    if let Some(alert @ rustls::Error::AlertReceived(_)) = tls {
        return NoAnswer::Tls(alert.to_string());
    }
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
