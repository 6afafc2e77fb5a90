//! UnregisterBroker (key 64), forwarded: the active controller decides.
//!
//! A broker that will not come back is forgotten (KIP-631).

use crate::Broker;
use crate::forward::forward;
use bytes::Bytes;
use network::{Reply, RequestContext};
use std::sync::Arc;

/// Hands the request to the controller and its answer to the client.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, body: Bytes) -> Reply {
    forward(broker, context, body).await
}
