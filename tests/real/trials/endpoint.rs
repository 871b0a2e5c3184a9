//! Servers of this process that the cluster and the engines ask: a webhook, and registries that answer garbage.

use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::StreamOwned;
use rustls::pki_types::PrivateKeyDer;
use serde_json::Value;
use serde_json::json;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// What a TLS connection begins with (RFC 8446, section 5.1); it is answered like all others, in plain text.
const TLS_HELLO: [u8; 1] = [22];

/// What a registry answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answers {
    /// 200 with a page of HTML, as a portal or a proxy does.
    Html,
    /// 200 with JSON that breaks off.
    Truncated,
    /// Nothing, for as long as the client waits.
    Silence,
    /// A closed connection.
    Close,
    /// Bytes that are neither TLS nor HTTP.
    Noise,
}

/// Listens on all addresses, until the process ends; the port.
pub(crate) fn registry(answers: Answers) -> u16 {
    listen(move |stream| {
        let Ok(mut out) = stream.try_clone() else { return };
        let mut first = [0];
        let is_plain = stream.peek(&mut first).is_ok() && first != TLS_HELLO;
        if is_plain && request(&mut BufReader::new(stream)).is_none() {
            return;
        }
        let _ = match answers {
            Answers::Html => {
                out.write_all(&ok("text/html", "<html><body>Sign in to this network</body></html>", 0))
            }
            Answers::Truncated => out.write_all(&ok("application/json", r#"{"schemaVersion": 2, "lay"#, 400)),
            Answers::Silence => {
                // Until the client is gone.
                let _ = out.read(&mut [0]);
                Ok(())
            }
            Answers::Close => Ok(()),
            Answers::Noise => out.write_all(&b"\x15\x07\x00\xff\n".repeat(20)),
        };
    })
}

/// How a webhook judges.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judges {
    /// After so long.
    pub(crate) after: Duration,
    /// Why it denies; it allows without a reason.
    pub(crate) denies: Option<&'static str>,
}

/// A webhook that the API server reaches at `address`: its port, and the CA to trust, as base64 of PEM.
pub(crate) fn webhook(address: &str, judges: Judges) -> (u16, String) {
    use base64::Engine as _;
    let made = rcgen::generate_simple_self_signed(vec![address.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let port = listen(move |stream| {
        let Ok(connection) = ServerConnection::new(config.clone()) else { return };
        let mut stream = BufReader::new(StreamOwned::new(connection, stream));
        let Some(review) = request(&mut stream) else { return };
        thread::sleep(judges.after);
        let review: Value = serde_json::from_slice(&review).unwrap_or_default();
        let allowed = judges.denies.is_none();
        let answer = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {
            "uid": review["request"]["uid"], "allowed": allowed,
            "status": {"message": judges.denies.unwrap_or_default()}}});
        let stream = stream.get_mut();
        let _ =
            stream.write_all(&ok("application/json", &answer.to_string(), 0)).and_then(|()| stream.flush());
        stream.conn.send_close_notify();
        let _ = stream.flush();
    });
    (port, base64::engine::general_purpose::STANDARD.encode(made.cert.pem()))
}

/// Passes every connection to a thread of its own.
fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    port
}

/// The body of a request; nothing if it breaks off.
fn request(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&line).trim().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

/// An answer that promises `more` bytes than it has.
fn ok(kind: &str, body: &str, more: usize) -> Vec<u8> {
    let length = body.len() + more;
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}
