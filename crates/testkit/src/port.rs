//! Ports for processes that cannot be told port 0 and asked afterwards.

use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result, bail};

/// Below what the operating system gives to outgoing connections and to whoever asks for port 0 (from 32768 on).
const RESERVABLE: std::ops::Range<u16> = 15_000..31_000;

/// As many ports as asked for that nobody listened on a moment ago. Somebody may take one before its user binds it:
/// whoever starts a process on them tries again with others, or takes a [`Port`].
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

/// A port that no other test on this machine takes while this lives, whether or not anybody listens on it now: a process
/// can be killed and started again on it. Nor does an outgoing connection take it.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Locked; the file stays, because a removed one could be locked twice.
    _lock: File,
}

impl Port {
    /// Reserves a port that nobody listens on.
    pub fn reserve() -> Result<Port> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let folder = std::env::temp_dir().join("riverrun-test-ports");
        std::fs::create_dir_all(&folder)?;
        let count = RESERVABLE.end - RESERVABLE.start;
        // Each process begins elsewhere, so that they seldom try each other's.
        let begin = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(count))?;
        for _ in 0..count {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let number = RESERVABLE.start + u16::try_from((u32::from(begin) + u32::from(step)) % u32::from(count))?;
            let path = folder.join(number.to_string());
            let lock = File::options().create(true).append(true).open(&path);
            let lock = lock.with_context(|| path.display().to_string())?;
            match lock.try_lock() {
                Err(TryLockError::WouldBlock) => continue,
                locked => locked.with_context(|| path.display().to_string())?,
            }
            if TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).is_ok() {
                return Ok(Port { number, _lock: lock });
            }
        }
        bail!("every port of {RESERVABLE:?} is taken")
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_is_free_to_listen_on_and_nobody_elses() {
        let ports: Vec<Port> = (0..50).map(|_| Port::reserve().expect("a port")).collect();
        let numbers: std::collections::BTreeSet<u16> = ports.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), 50);
        TcpListener::bind((Ipv4Addr::LOCALHOST, ports[0].number())).expect("nobody listens");
    }
}
