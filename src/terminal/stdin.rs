//! Standard input, read by a thread of its own: what waits for it must not hold up the run.

use std::io;
use std::io::Read;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use tokio::io::AsyncRead;
use tokio::io::ReadBuf;
use tokio::sync::mpsc;

/// Standard input.
#[derive(Debug)]
pub(crate) struct Stdin {
    pieces: mpsc::Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    taken: usize,
}

impl Stdin {
    /// Reads it from here on. The thread ends with the process.
    pub(crate) fn read() -> Stdin {
        Stdin::new(io::stdin())
    }

    fn new(mut input: impl Read + Send + 'static) -> Stdin {
        let (tell, pieces) = mpsc::channel(4);
        let reading = move || {
            loop {
                let mut piece = vec![0; 32 * 1024];
                let read = match input.read(&mut piece) {
                    Ok(0) => return,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read.map(|count| {
                        piece.truncate(count);
                        piece
                    }),
                };
                let failed = read.is_err();
                if tell.blocking_send(read).is_err() || failed {
                    return;
                }
            }
        };
        // Without a thread there is nothing to be read: the input ends.
        let _ = std::thread::Builder::new().name("stdin".to_owned()).spawn(reading);
        Stdin { pieces, piece: Vec::new(), taken: 0 }
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.taken == self.piece.len() {
            match ready!(self.pieces.poll_recv(cx)) {
                Some(piece) => (self.piece, self.taken) = (piece?, 0),
                None => return Poll::Ready(Ok(())),
            }
        }
        let rest = &self.piece[self.taken..];
        let count = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..count]);
        self.taken += count;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::Stdin;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn it_is_read_to_its_end_byte_for_byte() {
        let data: Vec<u8> = (0..=255).cycle().take(200_001).collect();
        let mut read = Vec::new();
        Stdin::new(std::io::Cursor::new(data.clone())).read_to_end(&mut read).await.unwrap();
        assert!(read == data);
    }
}
