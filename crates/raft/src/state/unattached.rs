//! Unattached: knows the epoch, and nobody who leads it, or not where to reach it.

use crate::quorum_state::QuorumState;
use base::Instant;

/// A replica that looks for a leader.
#[derive(Debug)]
pub(crate) struct Unattached {
    /// The epoch, who leads it if that is known, and whom this replica voted for in it.
    pub(crate) election: QuorumState,
    /// When a voter stops waiting and stands for election.
    pub(crate) deadline: Instant,
}
