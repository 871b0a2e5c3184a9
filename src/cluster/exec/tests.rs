//! Commands against an API server that speaks the exec protocol.

use super::Container;
use super::Input;
use super::NO_INPUT;
use super::NotRun;
use super::Output;
use super::Size;
use futures::SinkExt;
use futures::StreamExt;
use kube::Client;
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

type Socket = WebSocketStream<TcpStream>;

/// A server that answers one request, and the container that it serves. The task returns the request line.
async fn server<F: Future<Output = ()> + Send>(
    protocol: &'static str,
    command: impl FnOnce(Socket) -> F + Send + 'static,
) -> (Container, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
        let accept = derive_accept_key(key.as_bytes());
        let switch = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\nsec-websocket-protocol: {protocol}\r\n\r\n"
        );
        stream.write_all(switch.as_bytes()).await.unwrap();
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        for channel in [1, 2, 3] {
            socket.send(Message::binary(vec![channel])).await.unwrap();
        }
        command(socket).await;
        head.lines().next().unwrap_or_default().to_owned()
    });
    let config = kube::Config::new(format!("http://{at}").parse().unwrap());
    let container = Container {
        client: Client::try_from(config).unwrap(),
        namespace: "shop".to_owned(),
        pod: "web-1".to_owned(),
        container: "web".to_owned(),
    };
    (container, serving)
}

async fn send(socket: &mut Socket, channel: u8, data: &[u8]) {
    // The reader may have been dropped.
    let _ = socket.send(Message::binary([&[channel], data].concat())).await;
}

async fn exit(socket: &mut Socket, code: i32) {
    let status = match code {
        0 => json!({"status": "Success"}),
        code => json!({"status": "Failure", "reason": "NonZeroExitCode",
                       "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]}}),
    };
    send(socket, 3, status.to_string().as_bytes()).await;
    let _ = socket.close(None).await;
    // Closing a socket with unread data, for example a ping, resets the connection (RFC 2525, 2.17).
    while let Some(Ok(_)) = socket.next().await {}
}

/// The next message that is data.
async fn receive(socket: &mut Socket) -> Option<Vec<u8>> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Binary(data))) => return Some(data.to_vec()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            _ => return None,
        }
    }
}

/// `cat`.
async fn cat(mut socket: Socket) {
    while let Some(data) = receive(&mut socket).await {
        match data.split_first().unwrap() {
            (0, data) => send(&mut socket, 1, data).await,
            (255, _) => break,
            other => panic!("{other:?}"),
        }
    }
    exit(&mut socket, 0).await;
}

#[tokio::test]
async fn output_and_errors_are_apart_byte_for_byte_and_the_exit_code_is_the_commands() {
    let (container, request) = server("v5.channel.k8s.io", |mut socket| async move {
        send(&mut socket, 1, b"a\0\xff\r\n").await;
        send(&mut socket, 2, b"wrong").await;
        send(&mut socket, 1, b"b").await;
        exit(&mut socket, 42).await;
    })
    .await;
    let output = container.output(&["sh", "-c", "echo a&b"], NO_INPUT).await.unwrap();
    assert_eq!(output, Output { stdout: b"a\0\xff\r\nb".to_vec(), stderr: b"wrong".to_vec(), code: 42 });
    let request = request.await.unwrap();
    assert!(request.starts_with("GET /api/v1/namespaces/shop/pods/web-1/exec?"), "{request}");
    for part in ["container=web", "command=sh&command=-c&command=echo+a%26b", "stdout=true", "stderr=true"] {
        assert!(request.contains(part), "{request}");
    }
    assert!(!request.contains("stdin=") && !request.contains("tty="), "{request}");
}

#[tokio::test]
async fn input_is_passed_on_with_its_end() {
    let (container, request) = server("v5.channel.k8s.io", cat).await;
    let data: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let input = Some(Input { reader: &data[..], needs_end: true });
    let output = container.output(&["cat"], input).await.unwrap();
    assert_eq!((output.stdout == data, output.code), (true, 0));
    assert!(request.await.unwrap().contains("stdin=true"));
}

/// One task that sends and receives by turns would block here for ever: the buffers of both directions fill up.
#[tokio::test]
async fn a_command_that_prints_before_it_reads_does_not_hold_up_its_own_input() {
    const SIZE: usize = 32 << 20;
    let (container, _) = server("v5.channel.k8s.io", |mut socket| async move {
        for _ in 0..SIZE >> 20 {
            send(&mut socket, 1, &vec![b'x'; 1 << 20]).await;
        }
        cat(socket).await;
    })
    .await;
    let data = vec![b'y'; SIZE];
    let input = Some(Input { reader: &data[..], needs_end: true });
    let output = container.output(&["cat"], input);
    let output = tokio::time::timeout(Duration::from_secs(60), output).await.expect("it hangs").unwrap();
    assert_eq!(output.stdout.len(), 2 * SIZE);
}

#[tokio::test]
async fn a_connection_that_breaks_is_no_exit_code() {
    let (container, _) = server("v5.channel.k8s.io", |mut socket| async move {
        send(&mut socket, 1, b"half").await;
        drop(socket);
    })
    .await;
    let mut stdout = Vec::new();
    let ended = container.run(&["x"], NO_INPUT, &mut stdout, tokio::io::sink()).await;
    assert!(matches!(ended, Err(NotRun::Disconnected(_))), "{ended:?}");
    assert_eq!(stdout, b"half");
}

#[tokio::test]
async fn a_server_that_cannot_end_input_runs_only_what_ends_by_itself() {
    let (container, _) = server("v4.channel.k8s.io", cat).await;
    let input = Some(Input { reader: &b"x"[..], needs_end: true });
    assert!(matches!(container.output(&["cat"], input).await, Err(NotRun::InputCannotEnd)));
    let (container, _) = server("v4.channel.k8s.io", |mut socket| async move {
        assert_eq!(receive(&mut socket).await.unwrap(), b"\0archive");
        exit(&mut socket, 0).await;
    })
    .await;
    let input = Some(Input { reader: &b"archive"[..], needs_end: false });
    assert_eq!(container.output(&["tar", "-x"], input).await.unwrap().code, 0);
}

#[tokio::test]
async fn what_the_docker_runtime_prints_for_a_missing_program_is_not_its_output() {
    let words = "OCI runtime exec failed: exec failed: unable to start container process: exec: \"bash\": executable file not found in $PATH: unknown\r\n";
    let says = |code| {
        move |mut socket: Socket| async move {
            send(&mut socket, 1, words.as_bytes()).await;
            exit(&mut socket, code).await;
        }
    };
    for code in [126, 127] {
        let (container, _) = server("v5.channel.k8s.io", says(code)).await;
        let ended = container.output(&["bash"], NO_INPUT).await;
        assert!(matches!(&ended, Err(NotRun::ProgramNotFound(name)) if name == "bash"), "{ended:?}");
    }
    // A program that prints the same.
    let (container, _) = server("v5.channel.k8s.io", says(0)).await;
    assert_eq!(container.output(&["bash"], NO_INPUT).await.unwrap().stdout, words.as_bytes());
}

#[tokio::test]
async fn a_terminal_is_told_its_size_and_each_new_one() {
    let (tell, sizes) = watch::channel(Size { width: 80, height: 24 });
    let (container, request) = server("v5.channel.k8s.io", |mut socket| async move {
        assert_eq!(receive(&mut socket).await.unwrap(), b"\x04{\"Height\":24,\"Width\":80}");
        tell.send(Size { width: 60, height: 20 }).unwrap();
        assert_eq!(receive(&mut socket).await.unwrap(), b"\x04{\"Height\":20,\"Width\":60}");
        send(&mut socket, 1, b"$ ").await;
        exit(&mut socket, 130).await;
    })
    .await;
    let (_typed, reader) = tokio::io::duplex(64);
    let mut stdout = Vec::new();
    assert_eq!(container.terminal(&["sh"], reader, &mut stdout, sizes).await.unwrap(), 130);
    assert_eq!(stdout, b"$ ");
    let request = request.await.unwrap();
    assert!(request.contains("tty=true") && request.contains("stdin=true"), "{request}");
}
