//! Who leads the quorum, as its responses say it.

use crate::handle::Quorum;
use crate::replica::Replica;
use base::{LeaderEpoch, NodeId};
use config::listener::Endpoint;
use network::RequestContext;

/// The leader (-1 if unknown) and the epoch.
pub(crate) fn current(replica: &Replica) -> (NodeId, LeaderEpoch) {
    let leader = replica.raft.leading().map_or(NodeId::NONE, |_| replica.raft.own().id);
    (leader, replica.raft.epoch())
}

/// Where the leader is reached by who came through the listener of `context`; `None` unless it is this node.
pub(crate) fn endpoint<'a>(quorum: &'a Quorum, context: &RequestContext, leader: NodeId) -> Option<&'a Endpoint> {
    if leader != quorum.node_id {
        return None;
    }
    let listener = &*context.connection.listener;
    quorum
        .endpoints
        .iter()
        .find(|endpoint| endpoint.listener.as_str() == listener)
}
