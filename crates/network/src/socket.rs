//! What connections run over: the one place that names tokio's sockets.
//!
//! With the feature `simulated`, which the program that is shipped never has, a socket may also be one of a simulated network (ADR 16).

use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpSocket, TcpStream, lookup_host};

#[cfg(feature = "simulated")]
mod either;

#[cfg(feature = "simulated")]
pub use either::{Port, ReadHalf, Socket, WriteHalf};
#[cfg(not(feature = "simulated"))]
pub use tokio::net::tcp::{OwnedReadHalf as ReadHalf, OwnedWriteHalf as WriteHalf};
#[cfg(not(feature = "simulated"))]
pub use tokio::net::{TcpListener as Port, TcpStream as Socket};

/// How a port is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortSettings {
    pub(crate) backlog: u32,
    /// Accepted sockets inherit the buffer sizes.
    pub(crate) send_buffer: Option<u32>,
    pub(crate) receive_buffer: Option<u32>,
}

#[cfg_attr(
    not(feature = "simulated"),
    allow(clippy::useless_conversion, reason = "with it they differ")
)]
/// Connects to the first of the host's addresses that answers.
///
/// # Errors
/// The last address's, or that there is none.
pub async fn connect(host: &str, port: u16, receive_buffer: Option<u32>) -> io::Result<Socket> {
    #[cfg(feature = "simulated")]
    if crate::simulated::is_here() {
        return either::connect(host, port).await;
    }
    let stream = connect_really(host, port, receive_buffer).await?;
    Ok(stream.into())
}

async fn connect_really(host: &str, port: u16, receive_buffer: Option<u32>) -> io::Result<TcpStream> {
    let Some(size) = receive_buffer else {
        return TcpStream::connect((host, port)).await;
    };
    let mut failed = io::ErrorKind::NotFound.into();
    for found in lookup_host((host, port)).await? {
        let socket = if found.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // Before it connects: what the other side is told of the window depends on it.
        socket.set_recv_buffer_size(size)?;
        match socket.connect(found).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Opens a port on the first of the host's addresses that can be had.
pub(crate) async fn listen(host: &str, port: u16, settings: PortSettings) -> io::Result<Port> {
    #[cfg(feature = "simulated")]
    if crate::simulated::is_here() {
        return either::listen(host, port);
    }
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in lookup_host((host, port)).await? {
        match listen_at(address, settings) {
            Ok(port) => return Ok(port),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

#[cfg_attr(
    not(feature = "simulated"),
    allow(clippy::useless_conversion, reason = "with it they differ")
)]
fn listen_at(address: SocketAddr, settings: PortSettings) -> io::Result<Port> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    if let Some(bytes) = settings.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = settings.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(address)?;
    Ok(socket.listen(settings.backlog)?.into())
}
