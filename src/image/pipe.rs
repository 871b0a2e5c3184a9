//! Between code that reads and writes files and code that waits for engines: bounded, so that neither runs ahead.

use hyper::body::Bytes;
use std::io;
use std::io::Read;
use std::io::Write;
use tokio::sync::mpsc;

/// Bytes of one chunk.
const PIECE: usize = 64 * 1024;

/// How many chunks are buffered at most.
pub(crate) const UNDER_WAY: usize = 16;

/// The writing end, for a thread that may block.
#[derive(Debug)]
pub(crate) struct Writing {
    to: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
    /// Bytes written so far.
    pub(crate) sent: u64,
}

impl Writing {
    pub(crate) fn new(to: mpsc::Sender<io::Result<Bytes>>) -> Writing {
        Writing { to, piece: Vec::with_capacity(PIECE), sent: 0 }
    }

    /// Ends it with an error, so that the reader does not take a part for the whole.
    pub(crate) fn fail(&self, error: &io::Error) {
        let _ = self.to.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
    }
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.sent += piece.len() as u64;
        self.to.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// The reading end, for a thread that may block.
#[derive(Debug)]
pub(crate) struct Reading {
    from: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Reading {
    pub(crate) fn new(from: mpsc::Receiver<io::Result<Bytes>>) -> Reading {
        Reading { from, piece: Bytes::new() }
    }
}

impl Read for Reading {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.from.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let count = into.len().min(self.piece.len());
        into[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}
