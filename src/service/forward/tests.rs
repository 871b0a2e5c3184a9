//! A forward against an API server that speaks WebSocket and pods that appear and disappear.

use super::Forward;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use crate::service::fake;
use crate::service::fake::Reply;
use crate::service::http::NoAnswer;
use crate::service::http::Question;
use crate::service::http::get;
use futures::SinkExt;
use futures::StreamExt;
use kube::Client;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

const LIMIT: Duration = Duration::from_secs(5);

/// The ready pods, each with the listener on its port, if there is one.
pub(in crate::service) type Pods = Arc<Mutex<BTreeMap<String, Option<SocketAddr>>>>;

/// An API server that lists `pods` as endpoints and forwards to them as the real one does.
pub(in crate::service) async fn cluster(pods: Pods) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&pods)));
        }
    });
    Client::try_from(kube::Config::new(format!("http://{at}").parse().unwrap())).unwrap()
}

async fn serve(mut stream: TcpStream, pods: Pods) {
    let (head, path) = fake::head(&mut stream).await;
    if path.contains("endpointslices") {
        let endpoints: Vec<_> = pods
            .lock()
            .unwrap()
            .keys()
            .map(|name| json!({"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": name}}))
            .collect();
        let slice =
            json!({"addressType": "IPv4", "ports": [{"name": "http", "port": 8000}], "endpoints": endpoints});
        let Reply::Raw(text) = fake::json(&json!({"metadata": {}, "items": [slice]})) else { return };
        let _ = stream.write_all(text.as_bytes()).await;
        return;
    }
    let name = path.split('/').nth(6).unwrap().to_owned();
    assert!(path.contains("/portforward?") && path.ends_with("ports=8000"), "{path}");
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    let switch = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\nsec-websocket-protocol: v4.channel.k8s.io\r\n\r\n"
    );
    stream.write_all(switch.as_bytes()).await.unwrap();
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    for channel in [0, 1] {
        let [low, high] = 8000_u16.to_le_bytes();
        socket.send(Message::binary(vec![channel, low, high])).await.unwrap();
    }
    let behind = pods.lock().unwrap().get(&name).copied().flatten();
    match behind {
        None => {
            let mut refused = vec![1];
            refused.extend_from_slice(b"dial tcp4 127.0.0.1:8000: connect: connection refused");
            let _ = socket.send(Message::binary(refused)).await;
            let _ = socket.close(None).await;
        }
        Some(at) => bridge(socket, TcpStream::connect(at).await.unwrap()).await,
    }
}

async fn bridge(mut socket: WebSocketStream<TcpStream>, mut pod: TcpStream) {
    let mut buffer = [0; 4096];
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(data))) if data.first() == Some(&0) => pod.write_all(&data[1..]).await.unwrap(),
                Some(Ok(_)) => {}
                _ => return,
            },
            read = pod.read(&mut buffer) => {
                let Ok(count @ 1..) = read else {
                    let _ = socket.close(None).await;
                    return;
                };
                let data = [&[0], &buffer[..count]].concat();
                if socket.send(Message::binary(data)).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn open(client: &Client, wanted: Option<u16>) -> Forward {
    let (namespace, service) = (Namespace::parse("todo").unwrap(), ObjectName::parse("web").unwrap());
    Forward::open(client, &namespace, &service, Some("http"), wanted).await.unwrap()
}

fn ask(forward: &Forward) -> Question {
    let at = forward.address().to_string();
    Question { connect: at.clone(), authority: at, tls: false, path: "/".to_owned() }
}

pub(in crate::service) fn pods(all: impl IntoIterator<Item = (&'static str, Option<SocketAddr>)>) -> Pods {
    Arc::new(Mutex::new(all.into_iter().map(|(name, at)| (name.to_owned(), at)).collect()))
}

#[tokio::test]
async fn a_forward_leads_to_a_pod_and_to_the_next_one_when_that_is_gone() {
    let first = fake::server(|_, _| fake::text(200, "first")).await;
    let second = fake::server(|_, _| fake::text(200, "second")).await;
    let pods = pods([("web-1", Some(first))]);
    let forward = open(&cluster(Arc::clone(&pods)).await, None).await;
    assert_eq!(get(&ask(&forward), LIMIT).await.unwrap().body, "first");

    *pods.lock().unwrap() = BTreeMap::new();
    let question = ask(&forward);
    let between = tokio::spawn(async move { get(&question, LIMIT).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    pods.lock().unwrap().insert("web-2".to_owned(), Some(second));
    assert_eq!(between.await.unwrap().unwrap().body, "second");
    assert_eq!(forward.last_error(), None);
}

#[tokio::test]
async fn a_large_answer_arrives_whole_even_if_the_asker_has_said_its_last_word() {
    let large = "x".repeat(700_000);
    let copy = large.clone();
    let app = fake::server(move |_, _| fake::text(200, &copy)).await;
    let forward = open(&cluster(pods([("web-1", Some(app))])).await, None).await;
    let mut stream = TcpStream::connect(forward.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(&large), "{} bytes", answer.len());
}

#[tokio::test]
async fn what_the_kubelet_says_is_kept() {
    let forward = open(&cluster(pods([("web-1", None)])).await, None).await;
    assert_eq!(get(&ask(&forward), LIMIT).await, Err(NoAnswer::Closed));
    assert!(forward.last_error().unwrap().contains("connection refused"), "{:?}", forward.last_error());
}

#[tokio::test]
async fn a_port_that_is_taken_is_passed_by_and_said() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let forward = open(&cluster(pods([])).await, Some(port)).await;
    assert_ne!(forward.address().port(), port);
    assert_eq!(forward.missed(), Some(port));
}

#[tokio::test]
async fn a_forward_that_is_dropped_listens_no_more() {
    let app = fake::server(|_, _| fake::text(200, "")).await;
    let forward = open(&cluster(pods([("web-1", Some(app))])).await, None).await;
    let question = ask(&forward);
    assert!(get(&question, LIMIT).await.is_ok());
    drop(forward);
    let mut left = 200;
    while get(&question, LIMIT).await != Err(NoAnswer::Refused) && left > 0 {
        left -= 1;
        tokio::task::yield_now().await;
    }
    assert!(left > 0);
}

#[tokio::test]
async fn a_forward_is_for_this_machine_alone() {
    let client = cluster(pods([])).await;
    let (home, web) = (Namespace::parse("todo").unwrap(), ObjectName::parse("web").unwrap());
    let free = fake::closed_port().await.port();
    for wanted in [None, Some(free)] {
        let forward = Forward::open(&client, &home, &web, None, wanted).await.unwrap();
        assert!(forward.address().ip().is_loopback(), "{}", forward.address());
        assert_eq!(wanted.is_some(), forward.address().port() == free);
    }
}
