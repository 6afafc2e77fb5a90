//! The answers to an election, counted.

use crate::replica::ReplicaKey;
use crate::voters::VoterSet;
use base::NodeId;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ballot {
    Unrecorded,
    Granted,
}

/// One round of votes among a voter set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Votes {
    ballots: BTreeMap<NodeId, Ballot>,
    majority: usize,
}

impl Votes {
    /// A round that begins with the vote of `own` for itself, if it is a voter.
    pub(crate) fn begin(voters: &VoterSet, own: &ReplicaKey) -> Self {
        let ballot = |id: NodeId| {
            let own_vote = id == own.id && voters.contains(own);
            if own_vote { Ballot::Granted } else { Ballot::Unrecorded }
        };
        Self {
            ballots: voters.ids().map(|id| (id, ballot(id))).collect(),
            majority: voters.majority(),
        }
    }

    /// Whether more than half granted theirs.
    pub(crate) fn is_won(&self) -> bool {
        self.granted().count() >= self.majority
    }

    /// Who granted, in order of node id.
    pub(crate) fn granted(&self) -> impl Iterator<Item = NodeId> {
        let granted = self.ballots.iter().filter(|(_, ballot)| **ballot == Ballot::Granted);
        granted.map(|(id, _)| *id)
    }
}
