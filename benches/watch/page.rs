//! A page over a connection that is kept.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::net::ToSocketAddrs;
use std::time::Duration;
use std::time::Instant;

const PERIOD: Duration = Duration::from_millis(5);
/// How long an answer may take.
const SILENCE: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Page {
    authority: String,
    stream: Option<TcpStream>,
}

impl Page {
    pub(crate) fn new(url: &str) -> Page {
        let rest = url.strip_prefix("http://").unwrap();
        let authority = rest.split('/').next().unwrap().to_owned();
        Page { authority, stream: None }
    }

    /// The seconds from `began` to the first answer that has `mark`.
    pub(crate) fn until(&mut self, path: &str, mark: &str, began: Instant) -> f64 {
        loop {
            if self.get(path).is_ok_and(|body| body.contains(mark)) {
                return began.elapsed().as_secs_f64();
            }
            assert!(began.elapsed() < LIMIT, "{path} is never served with {mark:?}");
            std::thread::sleep(PERIOD);
        }
    }

    fn get(&mut self, path: &str) -> std::io::Result<String> {
        let asked = self.try_ask(path);
        if asked.is_err() {
            self.stream = None;
        }
        asked
    }

    fn try_ask(&mut self, path: &str) -> std::io::Result<String> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            empty => {
                // A pod that is gone may answer nothing at all.
                let address = self.authority.to_socket_addrs()?.next().ok_or(ErrorKind::NotFound)?;
                let stream = TcpStream::connect_timeout(&address, SILENCE)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(SILENCE))?;
                empty.insert(stream)
            }
        };
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.authority)?;
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let read = stream.read(&mut piece)?;
            if read == 0 {
                // An answer that ends with its connection.
                self.stream = None;
                return Ok(String::from_utf8_lossy(&answer).into_owned());
            }
            answer.extend_from_slice(&piece[..read]);
            let text = String::from_utf8_lossy(&answer).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| body.len() >= length)
            {
                return Ok(body.to_owned());
            }
        }
    }
}
