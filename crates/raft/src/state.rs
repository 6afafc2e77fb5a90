//! The states of a replica, one type a file: KRaft's Unattached, Prospective, Candidate, Follower, Leader and Resigned.
//!
//! Observers are replicas in Unattached or Follower that are not in the voter set, not a state.

mod candidate;
mod follower;
mod leader;
mod progress;
mod prospective;
mod resigned;
mod unattached;

pub(crate) use candidate::Candidate;
pub(crate) use follower::{Contact, Follower, SnapshotFetch};
pub(crate) use leader::Leader;
pub(crate) use prospective::Prospective;
pub(crate) use resigned::Resigned;
pub(crate) use unattached::Unattached;

pub use progress::ReplicaProgress;

use crate::quorum_state::QuorumState;
use crate::replica::ReplicaKey;
use base::LeaderEpoch;

/// What a replica is at the moment.
#[derive(Debug)]
pub(crate) enum State {
    Unattached(Unattached),
    Prospective(Prospective),
    Candidate(Candidate),
    Follower(Follower),
    Leader(Box<Leader>),
    Resigned(Resigned),
}

impl State {
    pub(crate) fn epoch(&self) -> LeaderEpoch {
        match self {
            Self::Unattached(state) => state.election.epoch,
            Self::Prospective(state) => state.election.epoch,
            Self::Candidate(state) => state.epoch,
            Self::Follower(state) => state.epoch,
            Self::Leader(state) => state.epoch,
            Self::Resigned(state) => state.epoch,
        }
    }

    /// What of it must survive a restart.
    pub(crate) fn election(&self, own: ReplicaKey) -> QuorumState {
        let led_by_own = |epoch| QuorumState {
            epoch,
            leader: Some(own.id),
            voted: None,
        };
        match self {
            Self::Unattached(state) => state.election.clone(),
            Self::Prospective(state) => state.election.clone(),
            Self::Candidate(state) => QuorumState {
                epoch: state.epoch,
                leader: None,
                voted: Some(own),
            },
            Self::Follower(state) => QuorumState {
                epoch: state.epoch,
                leader: Some(state.leader),
                voted: state.voted,
            },
            Self::Leader(state) => led_by_own(state.epoch),
            Self::Resigned(state) => led_by_own(state.epoch),
        }
    }
}
