//! Ports for processes that cannot be told port 0 and asked afterwards.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Result;

/// As many ports as asked for that nobody listened on a moment ago. Somebody may take one before its user binds it:
/// whoever starts a process on them tries again with others.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}
