//! DescribeQuorum (key 55), forwarded: the active controller decides.
//!
//! Voters, observers and their lag (KIP-595, KIP-836), as the leader of the quorum sees them.

use crate::Broker;
use crate::forward::forward;
use bytes::Bytes;
use network::{Reply, RequestContext};
use std::sync::Arc;

/// Hands the request to the controller and its answer to the client.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, body: Bytes) -> Reply {
    forward(broker, context, body).await
}
