//! Port-forwards: a WebSocket of the API server that connects to a port of a pod (`v4.channel.k8s.io`, one port each).

use crate::cluster::image::App;
use crate::cluster::page;
use crate::cluster::world::World;
use futures::SinkExt;
use futures::StreamExt;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// The channels of the first port: data, and errors.
const DATA: u8 = 0;
const ERROR: u8 = 1;

/// Serves one port-forward to its end. `behind` is what listens there.
pub(super) async fn lead(upgrade: OnUpgrade, world: Arc<World>, port: u16, behind: Result<App, String>) {
    let Ok(upgraded) = upgrade.await else { return };
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let [low, high] = port.to_le_bytes();
    for channel in [DATA, ERROR] {
        if socket.send(Message::binary(vec![channel, low, high])).await.is_err() {
            return;
        }
    }
    let app = match behind {
        Ok(app) => app,
        Err(why) => {
            let _ = socket.send(Message::binary([&[ERROR], why.as_bytes()].concat())).await;
            let _ = socket.close(None).await;
            return;
        }
    };
    let (mut near, far) = tokio::io::duplex(64 * 1024);
    let serving = page::serve(far, world, app);
    let bridge = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Binary(data))) if data.first() == Some(&DATA) => {
                        if near.write_all(&data[1..]).await.is_err() {
                            break;
                        }
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => {}
                },
                read = near.read(&mut buffer) => {
                    let count = read.unwrap_or(0);
                    if count == 0 || socket.send(Message::binary([&[DATA], &buffer[..count]].concat())).await.is_err() {
                        break;
                    }
                }
            }
        }
        let _ = socket.close(None).await;
    };
    tokio::pin!(serving, bridge);
    tokio::select! {
        () = &mut bridge => {}
        // The last data may still be in transit.
        () = &mut serving => bridge.await,
    }
}
