//! The answers to an election, counted.

use crate::replica::ReplicaKey;
use crate::voters::VoterSet;
use base::NodeId;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ballot {
    Unrecorded,
    Granted,
    Rejected,
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

    /// The voter `id` grants its vote. Whoever is no voter does not count.
    pub(crate) fn grant(&mut self, id: NodeId) {
        if let Some(ballot) = self.ballots.get_mut(&id) {
            *ballot = Ballot::Granted;
        }
    }

    /// The voter `id` refuses its vote.
    pub(crate) fn reject(&mut self, id: NodeId) {
        if let Some(ballot) = self.ballots.get_mut(&id) {
            *ballot = Ballot::Rejected;
        }
    }

    /// Whether more than half granted theirs.
    pub(crate) fn is_won(&self) -> bool {
        self.granted().count() >= self.majority
    }

    /// Whether so many refused that the rest is not enough.
    pub(crate) fn is_lost(&self) -> bool {
        let rejected = self.with(Ballot::Rejected).count();
        self.ballots.len() - rejected < self.majority
    }

    /// Who granted, in order of node id.
    pub(crate) fn granted(&self) -> impl Iterator<Item = NodeId> {
        self.with(Ballot::Granted)
    }

    /// Who did not answer yet, in order of node id.
    pub(crate) fn unrecorded(&self) -> impl Iterator<Item = NodeId> {
        self.with(Ballot::Unrecorded)
    }

    fn with(&self, wanted: Ballot) -> impl Iterator<Item = NodeId> {
        let found = self.ballots.iter().filter(move |(_, ballot)| **ballot == wanted);
        found.map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voters::parse_static;

    #[test]
    fn a_round_is_won_or_lost_by_more_than_half() {
        let voters = parse_static("1@a:1,2@b:1,3@c:1,4@d:1,5@e:1", "CONTROLLER").unwrap();
        let own = ReplicaKey {
            id: NodeId(1),
            directory: None,
        };
        let mut votes = Votes::begin(&voters, &own);
        votes.grant(NodeId(9));
        votes.grant(NodeId(2));
        votes.grant(NodeId(2));
        assert!(!votes.is_won() && !votes.is_lost());
        votes.reject(NodeId(3));
        votes.reject(NodeId(4));
        assert!(!votes.is_lost());
        assert_eq!(votes.unrecorded().collect::<Vec<_>>(), [NodeId(5)]);
        let mut lost = votes.clone();
        lost.reject(NodeId(5));
        assert!(lost.is_lost());
        votes.grant(NodeId(5));
        assert!(votes.is_won());
    }
}
