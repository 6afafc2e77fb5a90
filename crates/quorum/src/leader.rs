//! Who leads the quorum, as its responses say it.

use base::NodeId;
use network::RequestContext;
use raft::Leadership;
use raft::voters::Endpoint;

/// The leader's id as the wire has it: -1 while it is unknown.
pub(crate) fn wire_id(leadership: &Leadership) -> i32 {
    leadership.leader.unwrap_or(NodeId::NONE).0
}

/// Where the leader is reached by who came through the listener of `context`; `None` where that is not known, and in
/// versions of the response before `from`, which cannot say it.
pub(crate) fn endpoint<'a>(leadership: &'a Leadership, context: &RequestContext, from: i16) -> Option<&'a Endpoint> {
    leadership.leader?;
    if context.api_version < from {
        return None;
    }
    let listener = &*context.connection.listener;
    leadership
        .endpoints
        .iter()
        .find(|endpoint| endpoint.listener == listener)
}

/// The leader in a response's list of endpoints, as `entry` makes it of id, host and port; nobody where [`endpoint`] knows
/// none.
pub(crate) fn node_endpoints<E>(
    leadership: &Leadership,
    context: &RequestContext,
    from: i16,
    entry: impl FnOnce(i32, String, u16) -> E,
) -> Vec<E> {
    let endpoint = endpoint(leadership, context, from);
    endpoint
        .map(|endpoint| entry(wire_id(leadership), endpoint.host.clone(), endpoint.port))
        .into_iter()
        .collect()
}
