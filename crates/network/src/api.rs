//! The one list of the APIs that a node answers: dispatcher and source of ApiVersions in one.

use crate::context::RequestContext;
use crate::service::Reply;
use bytes::Bytes;
use protocol::ApiKey;
use protocol::frame;
use protocol::wire::{Message, Reader, Request, Segments};
use std::future::Future;

/// One row of a node's API list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiRange {
    /// The API.
    pub api_key: ApiKey,
    /// The oldest version served.
    pub min: i16,
    /// The newest version served.
    pub max: i16,
}

/// Decodes a request, has it handled, and frames the response. A request that cannot be decoded closes the connection.
pub async fn answer<R, H>(context: &RequestContext, body: Bytes, handle: impl FnOnce(R) -> H + Send) -> Reply
where
    R: Request,
    H: Future<Output = R::Response> + Send,
{
    match decode::<R>(context, &body) {
        Ok(request) => {
            drop(body);
            respond(context, &handle(request).await)
        }
        Err(reply) => reply,
    }
}

/// Decodes a request's body.
///
/// # Errors
/// The reply that closes the connection.
pub fn decode<R: Request>(context: &RequestContext, body: &Bytes) -> Result<R, Reply> {
    let mut reader = Reader::new(body);
    R::decode(&mut reader, context.api_version).map_err(|error| {
        tracing::warn!(api = ?context.api_key, version = context.api_version, %error, "a request cannot be decoded");
        Reply::Close("the request cannot be decoded")
    })
}

/// Frames a response: length, header, body.
pub fn respond<M: Message>(context: &RequestContext, response: &M) -> Reply {
    match frame::encode_response(response, context.api_key, context.api_version, context.correlation_id) {
        Ok(segments) => Reply::Answer(segments),
        Err(error) => {
            tracing::error!(api = ?context.api_key, version = context.api_version, %error, "a response cannot be encoded");
            Reply::Close("the response cannot be encoded")
        }
    }
}

/// Frames a response whose body is encoded already.
pub fn respond_encoded(context: &RequestContext, body: Bytes) -> Reply {
    let len = body.len() as u64;
    match frame::response_prefix(context.api_key, context.api_version, context.correlation_id, len) {
        Ok(prefix) => {
            let mut whole = Vec::with_capacity(prefix.len() + body.len());
            whole.extend_from_slice(&prefix);
            whole.extend_from_slice(&body);
            Reply::Answer(Segments::from(whole))
        }
        Err(error) => {
            tracing::error!(api = ?context.api_key, %error, "a response cannot be framed");
            Reply::Close("the response cannot be framed")
        }
    }
}

/// Declares a node's API modules, its list of versions and its dispatcher.
///
/// Each line is `ApiKey, min..=max => module` for a handler `module::handle(host, context, request) -> response`, or
/// `... => raw module` for one that takes the undecoded body and answers a [`Reply`]. One file per API, named as the module.
#[macro_export]
macro_rules! apis {
    ($host:ty; $($key:ident, $min:literal ..= $max:literal => $($how:ident)+;)+) => {
        $($crate::apis!(@module $($how)+);)+

        /// What this node answers, in the order of the list.
        pub const APIS: &[$crate::ApiRange] =
            &[$($crate::ApiRange { api_key: ::protocol::ApiKey::$key, min: $min, max: $max }),+];

        /// Hands a request to its API's handler.
        pub async fn dispatch(
            host: &::std::sync::Arc<$host>,
            context: &$crate::RequestContext,
            body: ::bytes::Bytes,
        ) -> $crate::Reply {
            match context.api_key {
                $(::protocol::ApiKey::$key => $crate::apis!(@call host, context, body, $($how)+),)+
                _ => $crate::Reply::Close("the API is not served here"),
            }
        }
    };
    (@module raw $module:ident) => { pub mod $module; };
    (@module $module:ident) => { pub mod $module; };
    (@call $host:ident, $context:ident, $body:ident, raw $module:ident) => {
        $module::handle($host, $context, $body).await
    };
    // Boxed: these are seldom called, and the dispatcher's future should stay as small as the hot ones need.
    (@call $host:ident, $context:ident, $body:ident, $module:ident) => {
        ::std::boxed::Box::pin($crate::api::answer($context, $body, |request| $module::handle($host, $context, request))).await
    };
}
