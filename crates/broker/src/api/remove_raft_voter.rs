//! RemoveRaftVoter (key 81), forwarded: the active controller decides.
//!
//! A controller loses its vote (KIP-853).

use crate::Broker;
use crate::forward::forward;
use bytes::Bytes;
use network::{Reply, RequestContext};
use std::sync::Arc;

/// Hands the request to the controller and its answer to the client.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, body: Bytes) -> Reply {
    forward(broker, context, body).await
}
