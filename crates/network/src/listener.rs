//! A bound port and the connections it has accepted.

use crate::alarm::Alarm;
use crate::connection::{self, Connection, Limits};
use crate::context::{ConnectionContext, Life, Principal};
use crate::counts::{ConnectionLimits, ListenerCounts, Place, Refused};
use crate::service::Service;
use crate::socket::{self, Port, PortSettings, Socket};
use crate::throttle::Throttle;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};

/// How long accepting pauses when the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How many connections that came too fast a listener keeps for a while before it closes them.
const MOST_REFUSED: usize = 1_000;

/// How a listener behaves.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// Its name and its connections, with those of all that are counted with it.
    pub counts: ListenerCounts,
    /// The host to bind; empty or `0.0.0.0` for all addresses.
    pub host: String,
    /// The port to bind; 0 lets the operating system choose.
    pub port: u16,
    /// `socket.request.max.bytes`.
    pub max_request_bytes: usize,
    /// `connections.max.idle.ms`.
    pub max_idle: Duration,
    /// How many connections it takes; looked at whenever one comes, so that it may change meanwhile.
    pub connections: watch::Receiver<ConnectionLimits>,
    /// `socket.listen.backlog.size`.
    pub backlog: u32,
    /// `socket.send.buffer.bytes`; none leaves it to the operating system.
    pub send_buffer: Option<u32>,
    /// `socket.receive.buffer.bytes`; none leaves it to the operating system.
    pub receive_buffer: Option<u32>,
}

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("listener {name} cannot listen on {host}:{port}")]
pub struct ListenerError {
    /// The listener's name.
    pub name: Arc<str>,
    /// As configured.
    pub host: String,
    /// As configured.
    pub port: u16,
    /// The operating system's reason.
    pub source: io::Error,
}

/// A bound port; [`Listener::serve`] starts accepting.
#[derive(Debug)]
pub struct Listener {
    settings: ListenerSettings,
    socket: Port,
    address: SocketAddr,
}

/// A listener that accepts.
#[derive(Debug)]
pub struct Serving {
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    counts: ListenerCounts,
}

static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(1);

impl Listener {
    /// Binds the port; connections queue in the backlog until [`Listener::serve`].
    ///
    /// # Errors
    /// If the host does not resolve or the port cannot be had.
    pub async fn bind(settings: ListenerSettings) -> Result<Self, ListenerError> {
        let bound = bind(&settings)
            .await
            .and_then(|socket| Ok((socket.local_addr()?, socket)));
        match bound {
            Ok((address, socket)) => Ok(Self {
                settings,
                socket,
                address,
            }),
            Err(source) => Err(ListenerError {
                name: Arc::clone(settings.counts.name()),
                host: settings.host,
                port: settings.port,
                source,
            }),
        }
    }

    /// The address that was bound; its port is the real one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The listener's name.
    pub fn name(&self) -> &Arc<str> {
        self.settings.counts.name()
    }

    /// Accepts connections and serves them until [`Serving::stop`].
    pub fn serve<S: Service>(self, service: Arc<S>) -> Serving {
        let (stop, stopped) = watch::channel(false);
        let counts = self.settings.counts.clone();
        let accepting = tokio::spawn(accept(self.socket, self.settings, service, stopped));
        Serving {
            stop,
            accepting,
            counts,
        }
    }
}

impl Serving {
    /// How many connections are open.
    pub fn connections(&self) -> watch::Receiver<usize> {
        self.counts.connections()
    }

    /// Accepts no more, lets every connection finish the request it is in, then closes it. Connections still busy after
    /// `patience` are dropped with their tasks.
    pub async fn stop(self, patience: Duration) {
        self.stop.send_replace(true);
        // Whatever it waits for: a connection that waits for its turn is closed unheard.
        self.accepting.abort();
        let mut open = self.connections();
        let emptied = open.wait_for(|count| *count == 0);
        if tokio::time::timeout(patience, emptied).await.is_err() {
            let connections = *self.connections().borrow();
            warn!(connections, "connections were still busy at shutdown");
        }
    }
}

async fn bind(settings: &ListenerSettings) -> io::Result<Port> {
    let host = if settings.host.is_empty() {
        "0.0.0.0"
    } else {
        settings.host.as_str()
    };
    let how = PortSettings {
        backlog: settings.backlog,
        send_buffer: settings.send_buffer,
        receive_buffer: settings.receive_buffer,
    };
    socket::listen(host, settings.port, how).await
}

async fn accept<S: Service>(
    socket: Port,
    mut settings: ListenerSettings,
    service: Arc<S>,
    stopped: watch::Receiver<bool>,
) {
    let limits = Limits {
        max_request_bytes: settings.max_request_bytes,
        max_idle: settings.max_idle,
    };
    let refused = Arc::new(Semaphore::new(MOST_REFUSED));
    let name = Arc::clone(settings.counts.name());
    info!(listener = %name, address = ?socket.local_addr().ok(), "listening");
    loop {
        let (stream, peer) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(listener = %name, %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = match settings.counts.admit(peer.ip(), &mut settings.connections).await {
            Ok(place) => place,
            Err(Refused::TooFast(time)) => {
                debug!(listener = %name, %peer, ?time, "connection refused: its address comes too fast");
                close_after(time, stream, &refused);
                continue;
            }
            Err(Refused::TooMany(most)) => {
                warn!(listener = %name, %peer, most, "connection refused: its address has as many as it may have");
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            debug!(listener = %name, %peer, %error, "TCP_NODELAY could not be set");
        }
        let context = context(&settings.counts, peer);
        let connection = Connection::new(stream, context, limits, Arc::clone(&service), stopped.clone());
        tokio::spawn(serve_one(connection, place));
    }
}

fn context(counts: &ListenerCounts, peer: SocketAddr) -> Arc<ConnectionContext> {
    Arc::new(ConnectionContext {
        id: NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed),
        listener: Arc::clone(counts.name()),
        peer,
        principal: Principal::anonymous(),
        client_software: counts.client_software(),
        life: Some(Life::default()),
        alarm: Alarm::default(),
        throttle: Throttle::default(),
    })
}

/// Closes a connection after some time, or at once if there are many such.
fn close_after(time: Duration, stream: Socket, refused: &Arc<Semaphore>) {
    if let Ok(permit) = Arc::clone(refused).try_acquire_owned() {
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            drop((stream, permit));
        });
    }
}

/// Serves a connection, and gives its place back when it ends.
async fn serve_one<S: Service>(connection: Connection<S>, place: Place) {
    let context = Arc::clone(connection.context());
    let ended = connection::serve(connection).await;
    drop(place);
    let (listener, peer) = (&context.listener, context.peer);
    match ended {
        Ok(()) => debug!(%listener, %peer, "connection closed"),
        Err(connection::Closed::Io(error)) => debug!(%listener, %peer, %error, "connection lost"),
        Err(reason) => warn!(%listener, %peer, %reason, "connection closed by us"),
    }
}
