//! Opening a connection's socket.

use crate::settings::Address;
use std::io;
use tokio::net::{TcpSocket, TcpStream, lookup_host};

/// Connects to the first of the host's addresses that answers.
pub(super) async fn connect(address: &Address, receive_buffer: Option<u32>) -> io::Result<TcpStream> {
    let host = (address.host.as_str(), address.port);
    let Some(size) = receive_buffer else {
        return TcpStream::connect(host).await;
    };
    let mut failed = io::ErrorKind::NotFound.into();
    for found in lookup_host(host).await? {
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
