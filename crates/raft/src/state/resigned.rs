//! Resigned: led this epoch and will not lead it again, because it stopped, was restarted, or lost its majority.

use crate::replica::ReplicaKey;
use base::{Instant, LeaderEpoch, NodeId};
use std::collections::BTreeSet;

/// A former leader of the current epoch.
#[derive(Debug)]
pub(crate) struct Resigned {
    /// The epoch it led.
    pub(crate) epoch: LeaderEpoch,
    /// The voters that were not yet heard to know that the epoch is over.
    pub(crate) untold: BTreeSet<NodeId>,
    /// Who should succeed it, the one with the longest log first.
    pub(crate) successors: Vec<ReplicaKey>,
    /// When it looks for the next epoch; never once it is shutting down.
    pub(crate) deadline: Option<Instant>,
}
