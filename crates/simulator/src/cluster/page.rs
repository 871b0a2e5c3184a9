//! The application behind a port, limited to HTTP.

use crate::cluster::image::App;
use crate::cluster::ingress;
use crate::cluster::world::World;
use http::Request;
use http::Response;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

/// Answers every request of a connection with the application's page; an Ingress controller, with that of the backend
/// that the Ingresses select.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, world: Arc<World>, app: App) {
    let service = service_fn(move |request: Request<Incoming>| {
        let page = if app.routes {
            let host = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
            let host = host.unwrap_or_default();
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            ingress::route(&world, name, request.uri().path())
        } else {
            app.http.clone()
        };
        async move {
            Response::builder()
                .status(page.status)
                .header(http::header::CONTENT_TYPE, "text/html; charset=utf-8")
                .body(Full::new(Bytes::from(page.body)))
        }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
