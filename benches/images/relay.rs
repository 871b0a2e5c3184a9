//! A socket in front of the engine's, which counts the data sent to it.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use tempfile::TempDir;

/// Listens as long as the program runs.
pub(crate) struct Relay {
    folder: TempDir,
    requests: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

impl Relay {
    pub(crate) fn before(socket: &str) -> Relay {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("relay.sock")).unwrap();
        let (requests, bytes) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (heard, counted, socket) = (Arc::clone(&requests), Arc::clone(&bytes), socket.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let engine = UnixStream::connect(&socket).unwrap();
                let (from, to) = (engine.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || copy(from, to, |_| ()));
                let (heard, counted) = (Arc::clone(&heard), Arc::clone(&counted));
                thread::spawn(move || {
                    copy(client, engine, |piece| {
                        counted.fetch_add(piece.len() as u64, Ordering::Relaxed);
                        // The head of a request comes in one piece.
                        let lines = piece.windows(11).filter(|window| *window == b" HTTP/1.1\r\n").count();
                        heard.fetch_add(lines as u64, Ordering::Relaxed);
                    });
                });
            }
        });
        Relay { folder, requests, bytes }
    }

    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.folder.path().join("relay.sock").display())
    }

    /// Requests and bytes since it was last asked.
    pub(crate) fn taken(&self) -> (u64, u64) {
        (self.requests.swap(0, Ordering::Relaxed), self.bytes.swap(0, Ordering::Relaxed))
    }
}

fn copy(mut from: UnixStream, mut to: UnixStream, count: impl Fn(&[u8])) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        count(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
