//! What stands behind a listener.

use crate::context::RequestContext;
use bytes::Bytes;
use protocol::ApiKey;
use protocol::wire::Segments;
use std::future::Future;
use std::sync::Arc;

/// What becomes of a request.
#[derive(Debug)]
pub enum Reply {
    /// A whole response frame, length and header included.
    Answer(Segments),
    /// No response: an acks=0 produce.
    Nothing,
    /// The connection is closed; the reason goes to the log.
    Close(&'static str),
}

/// What a listener does with a key and version before the body is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The service handles it.
    Handle,
    /// Unknown here: the connection is closed, as Kafka does.
    Refuse,
}

/// The APIs behind a listener: the broker's or the controller's.
pub trait Service: Send + Sync + 'static {
    /// Whether the service knows this key at this version. ApiVersions is admitted at any version.
    fn admit(&self, api_key: ApiKey, api_version: i16) -> Admission;

    /// Handles one request. `body` starts after the request header.
    fn handle(self: &Arc<Self>, context: &RequestContext, body: Bytes) -> impl Future<Output = Reply> + Send;
}
