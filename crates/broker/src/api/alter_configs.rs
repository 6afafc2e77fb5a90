//! AlterConfigs (key 33), forwarded: the active controller decides.
//!
//! The legacy form: replaces all of a resource's configs.

use crate::Broker;
use crate::forward::forward;
use bytes::Bytes;
use network::{Reply, RequestContext};
use std::sync::Arc;

/// Hands the request to the controller and its answer to the client.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, body: Bytes) -> Reply {
    forward(broker, context, body).await
}
