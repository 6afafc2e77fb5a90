//! Prospective (KIP-996): asks whether it would win before it disturbs the quorum with a new epoch.

use crate::quorum_state::QuorumState;
use crate::voters::Endpoint;
use crate::votes::Votes;
use base::Instant;

/// A voter that sounds out an election without raising the epoch.
#[derive(Debug)]
pub(crate) struct Prospective {
    /// The epoch, its leader if there was one, and whom this replica voted for in it.
    pub(crate) election: QuorumState,
    /// Where that leader is reached.
    pub(crate) endpoints: Vec<Endpoint>,
    /// The pre-votes so far.
    pub(crate) votes: Votes,
    /// When everybody is asked anew, because someone refused: others may lose the leader a little later.
    pub(crate) again: Option<Instant>,
    /// When the round is given up.
    pub(crate) deadline: Instant,
    /// How many elections this replica lost in a row.
    pub(crate) lost: u32,
}
