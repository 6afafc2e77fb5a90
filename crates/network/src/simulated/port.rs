//! Ports of the simulated network, and connecting to them.

use super::pipe::Pipe;
use super::stream::{self, Stream};
use super::{State, with};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// How long who connects waits before it asks again whether anybody is there, in ticks.
const AGAIN: u64 = 100;

/// Connections that wait to be accepted.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: VecDeque<(Stream, SocketAddr)>,
    acceptor: Option<Waker>,
}

/// A port that listens; it refuses once dropped.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    backlog: Arc<Mutex<Backlog>>,
}

fn lock(backlog: &Mutex<Backlog>) -> MutexGuard<'_, Backlog> {
    backlog.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nobody() -> io::Error {
    io::Error::other("no simulated host's turn")
}

/// Opens a port of the current host.
///
/// # Errors
/// If it is open already.
pub fn listen(address: SocketAddr) -> io::Result<Listening> {
    let backlog = Arc::default();
    let mine = Arc::clone(&backlog);
    let opened = with(|state| match state.ports.contains_key(&address) {
        true => Err(io::ErrorKind::AddrInUse.into()),
        false => {
            state.ports.insert(address, mine);
            Ok(())
        }
    });
    opened.unwrap_or_else(|| Err(nobody()))?;
    Ok(Listening { address, backlog })
}

impl Listening {
    /// Waits for a connection.
    pub async fn accept(&self) -> (Stream, SocketAddr) {
        poll_fn(|cx| {
            let mut backlog = lock(&self.backlog);
            match backlog.waiting.pop_front() {
                Some(accepted) => Poll::Ready(accepted),
                None => {
                    backlog.acceptor = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Not the port of the next life.
        let gone = with(|state| match state.ports.get(&self.address) {
            Some(backlog) if Arc::ptr_eq(backlog, &self.backlog) => state.ports.remove(&self.address),
            Some(_) | None => None,
        });
        drop(gone);
    }
}

enum Knock {
    Opened(Stream, Option<Waker>),
    Refused,
    Silence,
}

/// Connects the current host to `address`: waits for ever where nothing arrives.
///
/// # Errors
/// If nobody listens there.
pub async fn connect(address: SocketAddr) -> io::Result<Stream> {
    let here = with(|state| state.current).flatten().ok_or_else(nobody)?;
    loop {
        let way = with(|state| state.delay(here, address.ip()) + state.delay(address.ip(), here)).ok_or_else(nobody)?;
        tokio::time::sleep(Duration::from_millis(way.max(1))).await;
        match with(|state| state.knock(here, address)).ok_or_else(nobody)? {
            Knock::Opened(stream, acceptor) => {
                acceptor.into_iter().for_each(Waker::wake);
                return Ok(stream);
            }
            Knock::Refused => return Err(io::ErrorKind::ConnectionRefused.into()),
            Knock::Silence => tokio::time::sleep(Duration::from_millis(AGAIN)).await,
        }
    }
}

impl State {
    fn knock(&mut self, from: IpAddr, address: SocketAddr) -> Knock {
        let to = address.ip();
        if self.dark.contains(&to) || self.is_cut(from, to) || self.is_cut(to, from) {
            return Knock::Silence;
        }
        let Some(backlog) = self.ports.get(&address) else {
            return Knock::Refused;
        };
        let pipe = |from, to| Arc::new(Mutex::new(Pipe::new(from, to)));
        let (incoming, outgoing) = (pipe(to, from), pipe(from, to));
        let (mine, theirs) = stream::pair(&incoming, &outgoing, (self.life(from), self.life(to)));
        self.next_port = self.next_port.checked_add(1).unwrap_or(40_000);
        let peer = SocketAddr::new(from, self.next_port);
        let acceptor = {
            let mut backlog = lock(backlog);
            backlog.waiting.push_back((theirs, peer));
            backlog.acceptor.take()
        };
        self.pipes.extend([incoming, outgoing]);
        Knock::Opened(mine, acceptor)
    }
}
