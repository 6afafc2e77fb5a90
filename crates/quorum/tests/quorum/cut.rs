//! The network between the members of a quorum: real sockets on loopback, and cuts.
//!
//! A cut lets a connection begin, and nothing after that: what got lost is known by its name.

use base::Windows;
use bytes::Bytes;
use network::{
    Admission, ConnectionCounts, ConnectionLimits, Listener, ListenerLimits, ListenerSettings, Reply, RequestContext,
    Service, Share,
};
use protocol::ApiKey;
use quorum::Entrance;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Longer than anything takes that happens at all.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A network that can be cut.
#[derive(Default)]
pub struct Network {
    /// From whom to whom nothing gets through.
    pub cuts: Mutex<BTreeSet<(i32, i32)>>,
    /// Whose votes got lost.
    pub lost_votes: watch::Sender<BTreeSet<i32>>,
}

impl Network {
    fn is_cut(&self, from: Option<i32>, to: i32) -> bool {
        from.is_some_and(|from| self.cuts.lock().unwrap().contains(&(from, to)))
    }
}

/// A node's service behind a network that can be cut.
pub struct Reached {
    pub node: i32,
    pub entrance: Arc<Entrance>,
    pub network: Arc<Network>,
}

impl Service for Reached {
    fn admit(&self, api_key: ApiKey, api_version: i16) -> Admission {
        self.entrance.admit(api_key, api_version)
    }

    async fn handle(self: &Arc<Self>, context: &RequestContext, body: Bytes) -> Reply {
        let from = context
            .client_id
            .strip_prefix("raft-client-")
            .and_then(|id| id.parse().ok());
        // Every connection begins with it. If it got lost, nobody would see what the connection was for: a node that had none to the
        // others before the cut would seem to ask for no vote.
        if context.api_key == ApiKey::ApiVersions {
            return self.entrance.handle(context, body).await;
        }
        if self.network.is_cut(from, self.node) {
            if context.api_key == ApiKey::Vote {
                self.network.lost_votes.send_modify(|lost| lost.extend(from));
            }
            return Reply::Close("the network is cut");
        }
        let reply = self.entrance.handle(context, body).await;
        if self.network.is_cut(from, self.node) {
            Reply::Close("the network is cut")
        } else {
            reply
        }
    }
}

/// A listener for controllers; port 0 is any.
pub async fn bind(port: u16) -> Listener {
    let limits = ConnectionLimits {
        all: ListenerLimits {
            connections: usize::MAX,
            rate: None,
        },
        per_ip: usize::MAX,
        ..Default::default()
    };
    let settings = ListenerSettings {
        counts: ConnectionCounts::new(Windows::new(11, Duration::from_secs(1)))
            .listener("CONTROLLER", Share::WithOthers),
        host: "127.0.0.1".to_owned(),
        port,
        max_request_bytes: 100 << 20,
        max_idle: Duration::from_secs(600),
        connections: watch::channel(limits).1,
        backlog: 50,
        send_buffer: None,
        receive_buffer: None,
    };
    let began = Instant::now();
    loop {
        // Who listened there before may not have let go of the port yet.
        match Listener::bind(settings.clone()).await {
            Ok(listener) => return listener,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
