//! An engine at the wire: a Unix socket that speaks HTTP, answers by a table and records its requests.

use http::Method;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use tokio::net::UnixListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::unbounded_channel;

/// A request: method, path with query, its registry login, body.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) login: String,
    pub(super) body: Vec<u8>,
}

pub(super) struct Fake {
    pub(super) socket: PathBuf,
    sessions: UnboundedReceiver<Upgraded>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Answers each request by `answer`, which receives the request's line and returns status and body.
    pub(super) fn start(
        folder: &Path,
        answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static,
    ) -> Fake {
        let socket = folder.join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answer, heard) = (Arc::new(answer), Arc::clone(&asked));
        let (opened, sessions) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, heard, opened) = (Arc::clone(&answer), Arc::clone(&heard), opened.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (answer, heard, opened) = (Arc::clone(&answer), Arc::clone(&heard), opened.clone());
                    async move {
                        let (method, path) = (request.method().clone(), request.uri().to_string());
                        let line = format!("{method} {path}");
                        let login = request.headers().get("X-Registry-Auth");
                        let login = login.map_or(String::new(), |login| login.to_str().unwrap().to_owned());
                        let (status, text) = answer(&line);
                        if status == 101 {
                            // The session: we are its server, and this engine makes no requests by itself.
                            let upgrade = hyper::upgrade::on(request);
                            tokio::spawn(async move { upgrade.await.map(|session| opened.send(session)) });
                        } else if method == Method::POST {
                            let body = request.into_body().collect().await.unwrap().to_bytes().to_vec();
                            heard.lock().unwrap().push(Asked { line, login, body });
                            return respond(status, text);
                        }
                        heard.lock().unwrap().push(Asked { line, login, body: Vec::new() });
                        respond(status, text)
                    }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection.with_upgrades());
            }
        });
        Fake { socket, sessions, asked }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// A session that was opened, to ask for something.
    pub(super) async fn session(&mut self) -> Upgraded {
        self.sessions.recv().await.unwrap()
    }

    /// The request lines, without queries.
    pub(super) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(|asked| asked.line.split('?').next().unwrap().to_owned()).collect()
    }
}

fn respond(status: u16, text: String) -> Result<Response<Full<Bytes>>, http::Error> {
    let mut response = Response::builder().status(status);
    if status == 101 {
        response = response.header("Connection", "Upgrade").header("Upgrade", "h2c");
    }
    response.body(Full::new(text.into()))
}
