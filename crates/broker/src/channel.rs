//! The one verb by which a broker speaks to the active controller.

use base::{BrokerEpoch, Instant, Offset};
use bytes::Bytes;
use network::{Principal, RequestContext};
use protocol::ApiKey;
use protocol::wire::{DecodeError, EncodeError, Message, Reader, Request};
use std::fmt::Debug;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

/// On whose behalf a request goes to the controller.
#[derive(Clone, Debug)]
pub struct OnBehalfOf {
    /// The client's principal, or the broker's own.
    pub principal: Principal,
    /// The client's id.
    pub client_id: Arc<str>,
    /// The client's address; none for the broker itself.
    pub address: Option<IpAddr>,
}

impl OnBehalfOf {
    /// The client that sent a request.
    pub fn client(context: &RequestContext) -> Self {
        Self {
            principal: context.connection.principal.clone(),
            client_id: Arc::clone(&context.client_id),
            address: Some(context.connection.peer.ip()),
        }
    }

    /// The broker itself.
    pub fn broker() -> Self {
        Self {
            principal: Principal::anonymous(),
            client_id: Arc::from(""),
            address: None,
        }
    }
}

/// Why the controller did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// There is no active controller now, or it is going away.
    #[error("the controller cannot be reached")]
    Unavailable,
    /// The controller does not serve the request, or could not read it.
    #[error("the controller refused the request: {0}")]
    Refused(String),
    /// Our own request could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The answer could not be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// What a request to the controller resolves to: the response's body.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Bytes, ControllerError>> + Send + 'a>>;

/// A way to the active controller: in this process, or over the network. See `docs/adr/0004-forwarding-in-bytes.md`.
pub trait ControllerChannel: Send + Sync + Debug {
    /// Sends a request's body and answers the response's body, both in the encoding of `api_version`.
    fn request(&self, from: OnBehalfOf, api_key: ApiKey, api_version: i16, body: Bytes) -> Answer<'_>;

    /// Leaves word with the active controller, if that is in the same process, that the broker, registered in `epoch`, is alive and has
    /// come as far as `metadata_offset`: what a heartbeat says that asks for nothing. It counts from `now` on.
    fn tell_alive(&self, epoch: BrokerEpoch, metadata_offset: Offset, now: Instant) -> Told;
}

/// Whether word was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was.
    Here,
    /// The active controller is another node, or nobody is.
    Nobody,
}

/// Sends a typed request of the broker's own.
pub async fn call<R: Request>(
    channel: &dyn ControllerChannel,
    version: i16,
    request: &R,
) -> Result<R::Response, ControllerError> {
    let body = request.to_bytes(version)?;
    let answer = channel.request(OnBehalfOf::broker(), R::KEY, version, body).await?;
    let response = R::Response::decode(&mut Reader::new(&answer), version)?;
    Ok(response)
}
