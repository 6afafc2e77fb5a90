//! What DescribeQuorum reports.

use crate::config::Now;
use crate::raft::Raft;
use crate::replica::ReplicaKey;
use crate::state::State;
use base::{LeaderEpoch, NodeId, Offset, Timestamp};

/// One replica in the leader's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaDescription {
    /// Who.
    pub key: ReplicaKey,
    /// The end of its log; [`Offset::NONE`] before its first fetch.
    pub end: Offset,
    /// When it last fetched.
    pub last_fetch: Timestamp,
    /// When it last had everything.
    pub last_caught_up: Timestamp,
}

/// The quorum as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The leader.
    pub leader: NodeId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// What is committed; [`Offset::NONE`] while unknown.
    pub high_watermark: Offset,
    /// The voters, in order of node id.
    pub voters: Vec<ReplicaDescription>,
    /// The observers heard of lately.
    pub observers: Vec<ReplicaDescription>,
}

impl Raft {
    /// The quorum, if this replica leads it.
    pub fn describe(&self, now: Now) -> Option<Description> {
        let State::Leader(leader) = &self.state else {
            return None;
        };
        let voters = self.history.voters().iter().map(|voter| {
            if voter.key.id == self.config.own.id {
                // The leader is always caught up with itself.
                return ReplicaDescription {
                    key: voter.key,
                    end: self.shape.end(),
                    last_fetch: now.wall,
                    last_caught_up: now.wall,
                };
            }
            described(voter.key, leader.voter(voter.key.id))
        });
        Some(Description {
            leader: self.config.own.id,
            epoch: leader.epoch,
            high_watermark: leader.high_watermark().unwrap_or(Offset::NONE),
            voters: voters.collect(),
            observers: leader
                .observers()
                .map(|(key, progress)| described(key, progress))
                .collect(),
        })
    }
}

fn described(key: ReplicaKey, progress: crate::ReplicaProgress) -> ReplicaDescription {
    ReplicaDescription {
        key,
        end: progress.end.unwrap_or(Offset::NONE),
        last_fetch: progress.last_fetch,
        last_caught_up: progress.last_caught_up,
    }
}
