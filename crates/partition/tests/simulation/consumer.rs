//! Consumers that read from the leader or from a follower, and ask where the partition ends.

use crate::message::{Body, ConsumeError, Consumed, Message, Place, Read};
use base::{LeaderEpoch, NodeId, Offset, Rng};
use bytes::Bytes;

/// After how long a consumer asks again.
const PATIENCE: u64 = 300;

#[derive(Debug)]
pub struct Consumer {
    at: usize,
    pub position: Offset,
    leader: (NodeId, LeaderEpoch),
    replicas: Vec<NodeId>,
    asked: Option<(u64, Read, u64)>,
    pub read: u64,
}

/// What a consumer was told.
#[derive(Clone, Debug)]
pub enum Told {
    Nothing,
    Records(Bytes),
    /// The partition ends there, a leader of that epoch says.
    Latest(LeaderEpoch, Offset),
    /// A leader says that its position is beyond its log.
    Beyond(LeaderEpoch, Offset),
}

impl Consumer {
    pub fn new(at: usize) -> Self {
        Self {
            at,
            position: Offset::ZERO,
            leader: (NodeId::NONE, LeaderEpoch::NONE),
            replicas: Vec::new(),
            asked: None,
            read: 0,
        }
    }

    pub fn learn(&mut self, leader: NodeId, epoch: LeaderEpoch, replicas: &[NodeId]) {
        if epoch >= self.leader.1 {
            self.leader = (leader, epoch);
            replicas.clone_into(&mut self.replicas);
        }
    }

    pub fn act(&mut self, now: u64, rng: &mut Rng, next_id: &mut u64) -> Option<Message> {
        if self.asked.is_some_and(|(_, _, until)| until > now) || self.leader.0 == NodeId::NONE {
            return None;
        }
        let (read, to) = match rng.below(4) {
            0 => (Read::Latest, self.leader.0),
            1 => {
                let at = usize::try_from(rng.below(self.replicas.len() as u64)).unwrap();
                (Read::FromAnyReplica, self.replicas[at])
            }
            _ => (Read::FromLeader, self.leader.0),
        };
        *next_id += 1;
        self.asked = Some((*next_id, read, now + PATIENCE));
        Some(Message {
            from: Place::Consumer(self.at),
            to: Place::Node(to),
            body: Body::Consume {
                id: *next_id,
                at: self.position,
                epoch: self.leader.1,
                read,
            },
        })
    }

    pub fn answered(&mut self, id: u64, epoch: LeaderEpoch, outcome: Result<Consumed, ConsumeError>) -> Told {
        let Some((_, read, _)) = self.asked.filter(|(asked, ..)| *asked == id) else {
            return Told::Nothing;
        };
        self.asked = None;
        match outcome {
            Ok(consumed) if read == Read::Latest => Told::Latest(epoch, consumed.high_watermark),
            Ok(consumed) => {
                self.position = self.position.max(consumed.log_start_offset);
                Told::Records(consumed.records)
            }
            Err(ConsumeError::OutOfRange { end }) if read == Read::FromLeader && self.position > end => {
                Told::Beyond(epoch, end)
            }
            Err(ConsumeError::OutOfRange { .. }) if read == Read::FromLeader => {
                // Before the start: DeleteRecords was there. The leader's start is asked for with the next answer.
                self.position = self.position.next();
                Told::Nothing
            }
            Err(_) => Told::Nothing,
        }
    }
}
