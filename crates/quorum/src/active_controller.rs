//! Who is the active controller, as far as this node knows.

use base::{LeaderEpoch, NodeId};
use client::Address;

/// The leader of the quorum, which is the active controller once it has applied its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveController {
    /// Its node id; `None` while nobody is known to lead. This node's own id says that it has taken office.
    pub id: Option<NodeId>,
    /// The epoch that it leads, or the newest epoch heard of.
    pub epoch: LeaderEpoch,
    /// Where it is reached, on the first of `controller.listener.names`; `None` while unknown, and for this node itself.
    pub address: Option<Address>,
}

impl ActiveController {
    /// Nobody was heard of yet.
    pub const UNKNOWN: Self = Self {
        id: None,
        epoch: LeaderEpoch(0),
        address: None,
    };
}
