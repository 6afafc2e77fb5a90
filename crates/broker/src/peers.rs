//! Connections to other brokers, one each.

use crate::Broker;
use base::NodeId;
use client::{Address, Channel, ClientError, Settings};
use metadata::Published;
use protocol::{ErrorCode, Request};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::debug;

/// A connection, or none yet. The lock is held while it is made: whoever else wants it waits for the same one.
type Slot = Arc<tokio::sync::Mutex<Option<Channel>>>;

/// The connections. Calls share one, and an answer that does not come closes it.
#[derive(Debug, Default)]
pub struct Peers {
    slots: Mutex<BTreeMap<NodeId, Slot>>,
}

/// Another broker cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// It is not registered, or fenced, or has no listener for brokers.
    #[error("broker {0} is not in the cluster")]
    Unknown(NodeId),
    /// It could not be reached, or did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl PeerError {
    /// What clients are told, where they are told of it at all.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unknown(_) => ErrorCode::CoordinatorNotAvailable,
            Self::Client(_) => ErrorCode::NetworkException,
        }
    }
}

/// Asks `node`, and waits for the answer for as long as the cluster counts it among the living: what hangs answers nobody.
pub async fn ask<R: Request>(broker: &Broker, node: NodeId, request: &R) -> Result<R::Response, PeerError> {
    let asking = async { Ok(channel(broker, node).await?.send(request).await?) };
    tokio::select! {
        biased;
        answer = asking => answer,
        () = gone(broker, node) => {
            let mut slots = broker.peers.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.remove(&node);
            Err(PeerError::Unknown(node))
        }
    }
}

/// Waits until `node` is fenced, or not registered any more.
async fn gone(broker: &Broker, node: NodeId) {
    let mut committed = broker.committed.clone();
    let is_gone = |published: &Published| published.image.brokers.get(node).is_none_or(|it| it.fenced);
    if committed.wait_for(is_gone).await.is_err() {
        // This node stops: whoever waits is told so elsewhere.
        std::future::pending::<()>().await;
    }
}

/// A connection to `node` over the listener that brokers use among themselves.
async fn channel(broker: &Broker, node: NodeId) -> Result<Channel, PeerError> {
    let address = address(broker, node).ok_or(PeerError::Unknown(node))?;
    let slot = {
        let mut slots = broker.peers.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(node).or_default())
    };
    let mut slot = slot.lock().await;
    if let Some(channel) = slot
        .as_ref()
        .filter(|known| known.is_open() && *known.address() == address)
    {
        return Ok(channel.clone());
    }
    debug!(%node, %address, "connecting to another broker");
    let mut settings = Settings::new(&address.to_string()).map_err(|_| PeerError::Unknown(node))?;
    settings.client_id = format!("broker-{}", broker.node);
    settings.request_timeout = broker.config.load().requests.request_timeout;
    let channel = Channel::connect(&address, &settings).await?;
    *slot = Some(channel.clone());
    Ok(channel)
}

/// Where brokers reach `node`, if it is in the cluster and not fenced.
pub(crate) fn address(broker: &Broker, node: NodeId) -> Option<Address> {
    let image = Arc::clone(&broker.committed.borrow().image);
    let registered = image.brokers.get(node).filter(|broker| !broker.fenced)?;
    let listener = registered.listener(broker.config.load().inter_broker_listener.as_str())?;
    Some(Address {
        host: listener.host.clone(),
        port: listener.port,
    })
}
