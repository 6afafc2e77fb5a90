//! What is known of a request besides its body.

use crate::alarm::Alarm;
use crate::client_software::ClientSoftware;
use crate::throttle::Throttle;
use protocol::ApiKey;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// Who a connection speaks for, shown as `User:alice`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// `User`, unless a custom builder says otherwise.
    pub kind: String,
    /// The name within its kind.
    pub name: String,
}

impl Principal {
    /// `User:ANONYMOUS`, the principal of every unauthenticated connection.
    pub fn anonymous() -> Self {
        Self {
            kind: "User".to_owned(),
            name: "ANONYMOUS".to_owned(),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.kind, self.name)
    }
}

/// How long a connection lasts.
#[derive(Debug)]
pub struct Life {
    /// Goes with the connection.
    ends: watch::Sender<()>,
    is_watched: AtomicBool,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            ends: watch::Sender::new(()),
            is_watched: AtomicBool::new(false),
        }
    }
}

impl Life {
    /// What is ready once the connection has ended; for the first who asks, nothing for the others.
    pub fn watch(&self) -> Option<impl Future<Output = ()> + Send + 'static> {
        if self.is_watched.swap(true, Ordering::Relaxed) {
            return None;
        }
        let mut life = self.ends.subscribe();
        Some(async move { while life.changed().await.is_ok() {} })
    }
}

/// What all requests of one connection share.
#[derive(Debug)]
pub struct ConnectionContext {
    /// Unique in this process's life.
    pub id: u64,
    /// The name of the listener that accepted it, such as `PLAINTEXT`.
    pub listener: Arc<str>,
    /// The client's address.
    pub peer: SocketAddr,
    /// Who the connection speaks for.
    pub principal: Principal,
    /// The client library's name and version, which ApiVersions tells.
    pub client_software: ClientSoftware,
    /// How long it lasts; nothing where a request did not come by a connection of its own.
    pub life: Option<Life>,
    /// What its requests wait with.
    pub alarm: Alarm,
    /// How its client is held back.
    pub throttle: Throttle,
}

/// One request's header and the connection it came by.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The API asked for.
    pub api_key: ApiKey,
    /// The version asked for; within the advertised range unless the API is ApiVersions.
    pub api_version: i16,
    /// To be repeated in the answer.
    pub correlation_id: i32,
    /// As the client calls itself; empty where it gave none.
    pub client_id: Arc<str>,
    /// The connection.
    pub connection: Arc<ConnectionContext>,
}
