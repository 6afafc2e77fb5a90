//! AlterPartitionReassignments (key 45), forwarded: the active controller decides.
//!
//! Replicas move to other brokers, or what moves goes back (KIP-455, KIP-860).

use crate::Broker;
use crate::forward::forward;
use bytes::Bytes;
use network::{Reply, RequestContext};
use std::sync::Arc;

/// Hands the request to the controller and its answer to the client.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, body: Bytes) -> Reply {
    forward(broker, context, body).await
}
