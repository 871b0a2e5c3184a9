//! Connections to an API server.

mod logged;

use http::Request;
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::Client;
use kube::Config;
use kube::Result;
use kube::client::Body;
use kube::client::ClientBuilder;
use kube::client::ConfigExt;
use logged::Logged;
use tower::BoxError;
use tower::ServiceExt;
use tower::layer::layer_fn;

/// A client as `Client::try_from` makes it, without Nagle's algorithm: kube's connector leaves it on, and then the second
/// small packet of each new connection waits for the other side's delayed acknowledgement, 40 ms (kube 5.0.0,
/// `client/builder.rs`). Through a proxy kube's own is used.
///
/// # Errors
/// When the configuration cannot be used.
pub fn client(config: Config) -> Result<Client> {
    if config.proxy_url.is_some() {
        return Ok(ClientBuilder::try_from(config)?.with_layer(&layer_fn(Logged)).build());
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    let http = HttpClient::builder(TokioExecutor::new()).build::<_, Body>(connector);
    let http = Logged(ServiceExt::<Request<Body>>::map_err(http, BoxError::from));
    let builder =
        ClientBuilder::new(http, config.default_namespace.clone()).with_layer(&config.extra_headers_layer()?);
    // The first layer to see a request is the last one added.
    Ok(match config.auth_layer()? {
        Some(auth) => builder.with_layer(&auth).with_layer(&config.base_uri_layer()).build(),
        None => builder.with_layer(&config.base_uri_layer()).build(),
    })
}
