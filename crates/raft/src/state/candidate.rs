//! Candidate: has raised the epoch, voted for itself, and asks for the votes of the others.

use crate::votes::Votes;
use base::{Instant, LeaderEpoch};

/// A voter that stands for election.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The epoch it stands for.
    pub(crate) epoch: LeaderEpoch,
    /// The votes so far, its own among them.
    pub(crate) votes: Votes,
    /// When the round is given up.
    pub(crate) deadline: Instant,
    /// How many elections this replica lost in a row before.
    pub(crate) lost: u32,
}
