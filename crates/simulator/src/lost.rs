//! An address at which connections are neither taken nor refused: the packets are lost, as on the way to a pod that is gone.

use std::io;
use std::net::SocketAddr;
use std::net::TcpStream;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;

/// While it exists, connecting clients wait. Only on Linux: its kernel drops the SYN while the accept queue is full.
/// Elsewhere it does nothing, and connections are refused.
#[derive(Debug)]
pub(crate) struct Lost {
    _queue: Option<TcpStream>,
    _listener: Option<TcpListener>,
}

impl Lost {
    /// Takes the address.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(crate) fn at(address: SocketAddr) -> io::Result<Lost> {
        if !cfg!(target_os = "linux") {
            return Ok(Lost { _queue: None, _listener: None });
        }
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(0)?;
        let address = listener.local_addr()?;
        // A queue for none has place for one.
        Ok(Lost { _queue: Some(TcpStream::connect(address)?), _listener: Some(listener) })
    }
}
