//! A follower's own connection to a leader.

use super::session::SessionError;
use crate::Broker;
use crate::peers::{self, PeerError};
use base::NodeId;
use client::{Channel, ClientError, Settings};

/// Why a fetch failed as a whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchFailed {
    /// The leader is not in the cluster, or cannot be reached.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// It did not answer, or what it answered cannot be read.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The answer is not one to what was asked.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Connects to the leader's listener for brokers.
pub(crate) async fn connect(broker: &Broker, source: NodeId) -> Result<Channel, FetchFailed> {
    let address = peers::address(broker, source).ok_or(PeerError::Unknown(source))?;
    let config = broker.config.load();
    let replication = &config.replication;
    let mut settings = Settings::new(&address.to_string()).map_err(|_| PeerError::Unknown(source))?;
    settings.client_id = format!("broker-{}-fetcher", broker.node);
    settings.request_timeout = replication.replica_socket_timeout;
    settings.receive_buffer = u32::try_from(replication.replica_socket_receive_buffer_bytes)
        .ok()
        .filter(|bytes| *bytes > 0);
    // The leader may exceed what it was asked for by one batch, and none can be larger than a request.
    let natural = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
    settings.max_answer = natural(replication.replica_fetch_response_max_bytes)
        .saturating_add(natural(config.sockets.socket_request_max_bytes));
    Ok(Channel::connect(&address, &settings).await?)
}

/// Whether a connection still leads to where the leader is.
pub(super) fn is_good(broker: &Broker, source: NodeId, channel: &Channel) -> bool {
    channel.is_open() && peers::address(broker, source).is_none_or(|address| address == *channel.address())
}
