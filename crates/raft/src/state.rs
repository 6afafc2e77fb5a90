//! The states of a replica, one type a file: KRaft's Unattached, Prospective, Candidate, Leader and Resigned.
//!
//! Deliberately absent until quorums of several voters: Follower, which only a second voter (or an observer's leader)
//! can bring about. Observers are replicas in Unattached or Follower that are not in the voter set, not a state.

mod candidate;
mod leader;
mod progress;
mod prospective;
mod resigned;
mod unattached;

pub(crate) use candidate::Candidate;
pub(crate) use leader::Leader;
pub(crate) use prospective::Prospective;
pub(crate) use resigned::Resigned;
pub(crate) use unattached::Unattached;

pub use progress::ReplicaProgress;

use crate::quorum_state::QuorumState;
use base::{Instant, LeaderEpoch};

/// What a replica is at the moment.
#[derive(Debug)]
pub(crate) enum State {
    Unattached(Unattached),
    Prospective(Prospective),
    Candidate(Candidate),
    Leader(Box<Leader>),
    Resigned(Resigned),
}

impl State {
    pub(crate) fn epoch(&self) -> LeaderEpoch {
        match self {
            Self::Unattached(state) => state.election.epoch,
            Self::Prospective(state) => state.election.epoch,
            Self::Candidate(state) => state.epoch,
            Self::Leader(state) => state.epoch,
            Self::Resigned(state) => state.epoch,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Unattached(state) => Some(state.deadline),
            Self::Prospective(state) => Some(state.deadline),
            Self::Candidate(state) => Some(state.deadline),
            Self::Leader(_) => None,
            Self::Resigned(state) => state.deadline,
        }
    }

    /// What of it must survive a restart.
    pub(crate) fn election(&self, own: crate::replica::ReplicaKey) -> QuorumState {
        match self {
            Self::Unattached(state) => state.election.clone(),
            Self::Prospective(state) => state.election.clone(),
            Self::Candidate(state) => QuorumState {
                epoch: state.epoch,
                leader: None,
                voted: Some(own),
            },
            Self::Leader(state) => QuorumState {
                epoch: state.epoch,
                leader: Some(own.id),
                voted: None,
            },
            Self::Resigned(state) => QuorumState {
                epoch: state.epoch,
                leader: Some(own.id),
                voted: None,
            },
        }
    }
}
