//! Unattached: knows the epoch, and nobody who leads it.

use crate::quorum_state::QuorumState;
use base::Instant;

/// A replica that waits to hear of a leader.
#[derive(Debug)]
pub(crate) struct Unattached {
    /// The epoch, and whom this replica voted for in it.
    pub(crate) election: QuorumState,
    /// When a voter stops waiting and stands for election.
    pub(crate) deadline: Instant,
}
