//! Windows' named pipes, opened.

use std::io;
use std::time::Duration;
use tokio::net::windows::named_pipe::ClientOptions;
use tokio::net::windows::named_pipe::NamedPipeClient;
use tokio::time::Instant;
use tokio::time::sleep;

/// All instances of the pipe are in use: its server has not created the next one yet.
const ERROR_PIPE_BUSY: i32 = 231;

/// How long a server may take to create one.
const PATIENCE: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_millis(20);

/// Opens the pipe of an engine's address, `//./pipe/docker_engine`.
pub(super) async fn open(name: &str) -> io::Result<NamedPipeClient> {
    let name = name.replace('/', "\\");
    let end = Instant::now() + PATIENCE;
    loop {
        match ClientOptions::new().open(&name) {
            Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) && Instant::now() < end => {
                sleep(PAUSE).await;
            }
            opened => return opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::docker::dial::Dialer;
    use crate::docker::parse;
    use crate::docker::reach::reach;
    use crate::world::World;
    use http_body_util::Empty;
    use hyper::body::Bytes;
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::windows::named_pipe::ServerOptions;

    /// An engine that answers each connection once, and creates the next instance of its pipe only then.
    async fn engine(pipe: String) {
        let mut server = ServerOptions::new().first_pipe_instance(true).create(&pipe).unwrap();
        loop {
            server.connect().await.unwrap();
            let mut request = [0; 4096];
            if server.read(&mut request).await.unwrap_or_default() > 0 {
                let answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK";
                server.write_all(answer.as_bytes()).await.unwrap();
                let _ = server.read(&mut request).await;
            }
            server = ServerOptions::new().create(&pipe).unwrap();
        }
    }

    #[tokio::test]
    async fn an_engine_behind_a_pipe_is_asked_even_while_it_makes_the_next_instance() {
        let host = format!("npipe:////./pipe/todo-test-{}", std::process::id());
        let world = World::fake("C:\\", [("DOCKER_HOST", host.as_str())]);
        assert!(reach(&world).await.unwrap_err().to_string().starts_with("no Docker engine listens"));
        tokio::spawn(engine(host["npipe://".len()..].replace('/', "\\")));
        tokio::task::yield_now().await;
        let (address, docker) = reach(&world).await.unwrap();
        assert_eq!(address.to_string(), host);
        assert_eq!(docker.client_version().minor_version, 41);
        let dialer = Dialer::new(&parse(&host, None).unwrap()).unwrap();
        for _ in 0..3 {
            let ping = http::Request::get("/_ping").header("host", "docker").body(Empty::<Bytes>::new());
            let (answer, _call) = dialer.send(ping.unwrap()).await.unwrap();
            assert_eq!(answer.status(), 200);
        }
    }
}
