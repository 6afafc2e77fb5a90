//! Envelope (key 58): a broker passes on a client's request, with the client's principal (KIP-590).
//!
//! What is within is a whole request frame, and so is the answer. Errors of the envelope itself: a principal that cannot
//! be read is PRINCIPAL_DESERIALIZATION_FAILURE, a request that cannot be read or that brokers do not pass on
//! INVALID_REQUEST, a version not served here UNSUPPORTED_VERSION, and NOT_CONTROLLER, so that the broker looks for the
//! controller and the client never hears of it.

use crate::handle::{Entrance, response_frame};
use bytes::{Buf, Bytes};
use controller::Origin;
use network::{Admission, Alarm, ClientSoftware, ConnectionContext, Principal, Reply, RequestContext, Service, Throttle};
use protocol::internal::default_principal_data::DefaultPrincipalData;
use protocol::messages::envelope_request::EnvelopeRequest;
use protocol::messages::envelope_response::EnvelopeResponse;
use protocol::{ErrorCode, Message, frame};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

/// Opens the envelope, has the request handled, and puts the answer into another.
pub async fn handle(
    entrance: &Arc<Entrance>,
    context: &RequestContext,
    request: EnvelopeRequest,
) -> EnvelopeResponse {
    match open(entrance, context, request).await {
        Ok(answer) => EnvelopeResponse { response_data: Some(answer), ..Default::default() },
        Err(code) => EnvelopeResponse { error_code: code.code(), ..Default::default() },
    }
}

async fn open(entrance: &Arc<Entrance>, context: &RequestContext, request: EnvelopeRequest) -> Result<Bytes, ErrorCode> {
    let principal = principal(request.request_principal.as_ref())?;
    let peer = address(&request.client_host_address)?;
    let inner = frame::decode_request(&request.request_data).map_err(|_| ErrorCode::InvalidRequest)?;
    if !inner.key.api().forwardable {
        return Err(ErrorCode::InvalidRequest);
    }
    let forwarded = Arc::new(Entrance::new(&entrance.quorum, Origin::Forwarded));
    if forwarded.admit(inner.key, inner.version) == Admission::Refuse {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let leads = entrance.inspect(|replica| replica.raft.leading().is_some()).await;
    if leads != Ok(true) {
        return Err(ErrorCode::NotController);
    }
    let inner_context = RequestContext {
        api_key: inner.key,
        api_version: inner.version,
        correlation_id: inner.correlation_id,
        client_id: Arc::from(inner.client_id.unwrap_or_default()),
        connection: Arc::new(ConnectionContext {
            id: context.connection.id,
            listener: Arc::clone(&context.connection.listener),
            peer: SocketAddr::new(peer, 0),
            principal,
            client_software: ClientSoftware::default(),
            life: None,
            alarm: Alarm::default(),
            throttle: Throttle::default(),
        }),
    };
    let reply = dispatch(Arc::clone(&forwarded), inner_context, inner.body).await;
    if forwarded.refused_as_not_controller() {
        return Err(ErrorCode::NotController);
    }
    match reply {
        Reply::Answer(segments) => response_frame(segments).map_err(|_| ErrorCode::UnknownServerError),
        Reply::Nothing | Reply::Close(_) | Reply::Later(_) => Err(ErrorCode::InvalidRequest),
    }
}

/// Boxed, because the dispatcher knows envelopes too.
fn dispatch(
    entrance: Arc<Entrance>,
    context: RequestContext,
    body: Bytes,
) -> Pin<Box<dyn Future<Output = Reply> + Send>> {
    Box::pin(async move { entrance.handle(&context, body).await })
}

/// The serialised principal: a version, and what it says of the principal.
fn principal(serialised: Option<&Bytes>) -> Result<Principal, ErrorCode> {
    const UNREADABLE: ErrorCode = ErrorCode::PrincipalDeserializationFailure;
    let mut bytes = serialised.cloned().ok_or(UNREADABLE)?;
    let version = bytes.try_get_i16().map_err(|_| UNREADABLE)?;
    let data = DefaultPrincipalData::from_bytes(&bytes, version).map_err(|_| UNREADABLE)?;
    Ok(Principal { kind: data.r#type, name: data.name })
}

/// Four or sixteen bytes.
fn address(bytes: &Bytes) -> Result<IpAddr, ErrorCode> {
    let v4 = <[u8; 4]>::try_from(&bytes[..]).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(&bytes[..]).map(IpAddr::from)).map_err(|_| ErrorCode::InvalidRequest)
}
