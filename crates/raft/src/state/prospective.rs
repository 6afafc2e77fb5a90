//! Prospective (KIP-996): asks whether it would win before it disturbs the quorum with a new epoch.

use crate::quorum_state::QuorumState;
use crate::votes::Votes;
use base::Instant;

/// A voter that sounds out an election without raising the epoch.
#[derive(Debug)]
pub(crate) struct Prospective {
    /// The epoch, and whom this replica voted for in it.
    pub(crate) election: QuorumState,
    /// The pre-votes so far.
    pub(crate) votes: Votes,
    /// When the round is given up.
    pub(crate) deadline: Instant,
}
