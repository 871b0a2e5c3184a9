//! The application behind a port, as far as it speaks HTTP.

use crate::rehearsal::cluster::image::Page;
use http::Request;
use http::Response;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

/// Answers every request of a connection with the same page.
pub(super) async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin, page: Page) {
    let service = service_fn(move |_: Request<Incoming>| {
        let page = page.clone();
        async move {
            Response::builder()
                .status(page.status)
                .header(http::header::CONTENT_TYPE, "text/html; charset=utf-8")
                .body(Full::new(Bytes::from(page.body)))
        }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
