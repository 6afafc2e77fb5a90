//! What stands behind a listener.

use crate::context::RequestContext;
use bytes::Bytes;
use protocol::ApiKey;
use protocol::wire::Segments;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What becomes of a request.
#[derive(Debug)]
pub enum Reply {
    /// A whole response frame, length and header included.
    Answer(Segments),
    /// No response: an acks=0 produce.
    Nothing,
    /// The connection is closed; the reason goes to the log.
    Close(&'static str),
    /// The request has done its work and only its answer must wait: the connection's next requests of the same API may
    /// be begun meanwhile. Their answers wait for this one.
    Later(Later),
}

/// An answer that waits. It is not looked at before all older answers of the connection are there.
pub struct Later(Pin<Box<dyn Future<Output = Reply> + Send>>);

impl Later {
    /// What `answer` will say.
    pub fn new(answer: impl Future<Output = Reply> + Send + 'static) -> Self {
        Self(Box::pin(answer))
    }
}

impl Future for Later {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Later")
    }
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

    /// A connection has begun all requests that have come, and waits next. What they have put off is not to be put off any longer;
    /// what this takes the connection waits for.
    fn before_waiting(&self) {}
}
