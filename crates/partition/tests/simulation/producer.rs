//! Idempotent producers with a few batches under way.

use crate::message::{Body, Message, Place, Produce, ProduceError};
use base::{LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, Rng, Timestamp};
use partition::RequiredAcks;
use records::{BatchBuilder, VerifiedBatch};
use std::collections::VecDeque;

/// After how long a batch is sent again.
const PATIENCE: u64 = 500;

#[derive(Clone, Debug)]
struct Batch {
    number: usize,
    sequence: i32,
    records: usize,
    /// The attempt that is under way, and until when.
    attempt: Option<(u64, u64)>,
    /// When it was sent last, everything before it had been acknowledged.
    was_first: bool,
}

/// What a producer learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    Nothing,
    Acknowledged {
        sequence: i32,
        at: Offset,
    },
    /// Its first batch not acknowledged does not continue what was: something acknowledged is gone.
    Gap {
        sequence: i32,
    },
}

#[derive(Debug)]
pub struct Producer {
    at: usize,
    pub id: ProducerId,
    pub acks: RequiredAcks,
    /// `max.in.flight.requests.per.connection`
    pub window: usize,
    under_way: VecDeque<Batch>,
    next_number: usize,
    next_sequence: i32,
    leader: (NodeId, LeaderEpoch),
    back_off_until: u64,
    pub acknowledged: u64,
}

pub fn batch(id: ProducerId, sequence: i32, records: usize) -> VerifiedBatch {
    let mut builder = BatchBuilder::new().producer(id, ProducerEpoch(0), sequence);
    for at in 0..records {
        let value = format!("{id}:{sequence}:{at}");
        builder.append(Timestamp(1_700_000_000_000), None, Some(value.as_bytes()), &[]);
    }
    builder.build()
}

impl Producer {
    pub fn new(at: usize, id: ProducerId, acks: RequiredAcks, window: usize) -> Self {
        Self {
            at,
            id,
            acks,
            window,
            under_way: VecDeque::new(),
            next_number: 0,
            next_sequence: 0,
            leader: (NodeId::NONE, LeaderEpoch::NONE),
            back_off_until: 0,
            acknowledged: 0,
        }
    }

    /// Hears who leads; never goes back to an older epoch.
    pub fn learn_leader(&mut self, leader: NodeId, epoch: LeaderEpoch) {
        if epoch >= self.leader.1 {
            self.leader = (leader, epoch);
        }
    }

    pub fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Does what it likes: begins another batch, sends again what was not answered.
    pub fn act(&mut self, now: u64, may_begin: bool, rng: &mut Rng, next_id: &mut u64) -> Vec<Message> {
        let first = self.under_way.front().map_or(self.next_number, |batch| batch.number);
        // Without a connection's order the first batch must be there before others: any sequence begins a producer.
        let is_known = first > 0 || self.next_number == 0;
        if may_begin && is_known && self.next_number - first < self.window && rng.below(2) == 0 {
            let records = 1 + usize::try_from(rng.below(3)).unwrap();
            self.under_way.push_back(Batch {
                number: self.next_number,
                sequence: self.next_sequence,
                records,
                attempt: None,
                was_first: false,
            });
            self.next_number += 1;
            self.next_sequence += i32::try_from(records).unwrap();
        }
        if self.back_off_until > now || self.leader.0 == NodeId::NONE {
            return Vec::new();
        }
        let mut messages = Vec::new();
        for (place, batch) in self.under_way.iter_mut().enumerate() {
            if batch.attempt.is_some_and(|(_, until)| until > now) {
                continue;
            }
            *next_id += 1;
            batch.attempt = Some((*next_id, now + PATIENCE));
            batch.was_first = place == 0;
            messages.push(Message {
                from: Place::Producer(self.at),
                to: Place::Node(self.leader.0),
                body: Body::Produce(Produce {
                    attempt: *next_id,
                    sequence: batch.sequence,
                    acks: self.acks,
                    batch: crate::producer::batch(self.id, batch.sequence, batch.records),
                }),
            });
        }
        messages
    }

    pub fn answered(
        &mut self,
        now: u64,
        attempt: u64,
        sequence: i32,
        outcome: Result<Offset, ProduceError>,
        rng: &mut Rng,
    ) -> Learned {
        let is_it = |batch: &Batch| batch.sequence == sequence && batch.attempt.is_some_and(|(id, _)| id == attempt);
        let Some(place) = self.under_way.iter().position(is_it) else {
            return Learned::Nothing;
        };
        match outcome {
            Ok(at) => {
                self.under_way.remove(place);
                self.acknowledged += 1;
                return Learned::Acknowledged { sequence, at };
            }
            Err(ProduceError::OutOfOrderSequence) if self.under_way[place].was_first => {
                return Learned::Gap { sequence };
            }
            Err(_) => {
                self.under_way[place].attempt = None;
                self.back_off_until = now + 5 + rng.below(30);
            }
        }
        Learned::Nothing
    }

    /// Goes on as another producer, as one does whose sequence is broken.
    pub fn begin_anew(&mut self, id: ProducerId) {
        self.id = id;
        self.under_way.clear();
        self.next_sequence = 0;
    }
}
