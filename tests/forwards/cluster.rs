//! An API server in this process that forwards ports as the real one does, to a page in this process.

use hyper::Request;
use hyper::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use simulator::api::Api;
use simulator::serve::Body;
use simulator::serve::kubeconfig;
use simulator::serve::respond;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

const SERVICES: &str = "api/v1/services";
const SLICES: &str = "apis/discovery.k8s.io/v1/endpointslices";

/// The cluster, for as long as this lives.
pub(super) struct Cluster {
    api: Api,
    page: Arc<Mutex<String>>,
    address: SocketAddr,
    serving: JoinHandle<()>,
    runtime: Runtime,
}

impl Cluster {
    /// A cluster with the Services `web` and `db` in the namespace `shop`, whose page has `text`.
    pub(super) fn start(text: &str) -> Cluster {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (api, page) = (Api::new(), Arc::new(Mutex::new(text.to_owned())));
        let meta = json!({"name": "shop"});
        api.put("api/v1/namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}));
        for (name, port, called) in [("web", 80, "http"), ("db", 5432, "sql")] {
            let spec = json!({"selector": {"app": name}, "ports": [{"name": called, "port": port, "protocol": "TCP"}]});
            let meta = json!({"name": name, "namespace": "shop"});
            api.put(SERVICES, json!({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}));
            let meta =
                json!({"name": name, "namespace": "shop", "labels": {"kubernetes.io/service-name": name}});
            let pod =
                json!({"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": format!("{name}-1")}});
            api.put(
                SLICES,
                json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta,
                "addressType": "IPv4", "ports": [{"name": called, "port": 8000}], "endpoints": [pod]}),
            );
        }
        let (address, serving) = serve(&runtime, &api, &page);
        Cluster { api, page, address, serving, runtime }
    }

    pub(super) fn kubeconfig(&self) -> String {
        kubeconfig("fake", self.address)
    }

    /// A new pod takes the old one's place, and serves another text.
    pub(super) fn replace_pod(&self, text: &str) {
        text.clone_into(&mut self.page.lock().unwrap());
        let mut slice = self.api.get(SLICES, "shop", "web").unwrap();
        slice["endpoints"][0]["targetRef"]["name"] = json!("web-2");
        self.api.put(SLICES, slice);
    }

    pub(super) fn delete_service(&self, name: &str) {
        self.api.take(SERVICES, "shop", name);
    }

    /// The server ends with all its connections, and is at another address when it comes back.
    pub(super) fn restart_elsewhere(&mut self) {
        self.serving.abort();
        (self.address, self.serving) = serve(&self.runtime, &self.api, &self.page);
    }
}

fn serve(runtime: &Runtime, api: &Api, page: &Arc<Mutex<String>>) -> (SocketAddr, JoinHandle<()>) {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (api, page) = (api.clone(), Arc::clone(page));
    let serving = runtime.spawn(async move {
        // Dropped with this task: the connections break.
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let (api, page) = (api.clone(), Arc::clone(&page));
            connections.spawn(async move {
                let service = service_fn(move |request| answer(api.clone(), Arc::clone(&page), request));
                let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
                let _ = connection.with_upgrades().await;
            });
        }
    });
    (address, serving)
}

async fn answer(
    api: Api,
    page: Arc<Mutex<String>>,
    mut request: Request<Incoming>,
) -> std::io::Result<Response<Body>> {
    if !request.uri().path().ends_with("/portforward") {
        return respond(api, request).await;
    }
    let key = request.headers()["sec-websocket-key"].as_bytes().to_vec();
    let text = page.lock().unwrap().clone();
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(stream) = upgrade.await else { return };
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, None).await;
        let _ = pod(socket, &text).await;
    });
    let mut response = respond(api, Request::get("/").body(String::new()).unwrap()).await?;
    *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.clear();
    for (name, value) in [
        ("upgrade", "websocket".to_owned()),
        ("connection", "Upgrade".to_owned()),
        ("sec-websocket-accept", derive_accept_key(&key)),
        ("sec-websocket-protocol", "v4.channel.k8s.io".to_owned()),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    Ok(response)
}

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// A page behind a port-forward: channel 0 is the connection, 1 its errors, each opened by the port's number (remotecommand
/// v4 of the kubelet, `kubelet/pkg/cri/streaming/portforward/websocket.go`).
async fn pod(mut socket: Socket, text: &str) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    use futures::SinkExt;
    use futures::StreamExt;
    for channel in [0, 1] {
        let [low, high] = 8000_u16.to_le_bytes();
        socket.send(Message::binary(vec![channel, low, high])).await?;
    }
    let mut head = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(data) = message else { continue };
        if data.first() == Some(&0) {
            head.extend_from_slice(&data[1..]);
        }
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            let length = text.len();
            let answer =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}");
            socket.send(Message::binary([&[0], answer.as_bytes()].concat())).await?;
            return socket.close(None).await;
        }
    }
    Ok(())
}
