//! AlterClientQuotas (key 49), forwarded: the active controller decides.
//!
//! Stored in the cluster's metadata (KIP-546); enforcing them is a later step.

use crate::Broker;
use crate::forward::forward;
use bytes::Bytes;
use network::{Reply, RequestContext};
use std::sync::Arc;

/// Hands the request to the controller and its answer to the client.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, body: Bytes) -> Reply {
    forward(broker, context, body).await
}
