//! ElectLeaders (key 43), forwarded: the active controller decides.
//!
//! Preferred and unclean elections (KIP-183, KIP-460).

use crate::Broker;
use crate::forward::forward;
use bytes::Bytes;
use network::{Reply, RequestContext};
use std::sync::Arc;

/// Hands the request to the controller and its answer to the client.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, body: Bytes) -> Reply {
    forward(broker, context, body).await
}
