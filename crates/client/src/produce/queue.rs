//! The batches of one partition: being filled, waiting, under way.

use super::batch::{Batch, NewRecord, Stamp};
use super::outcome::Receipt;
use super::settings::ProducerSettings;
use base::{NodeId, ProducerEpoch, ProducerId, Timestamp};
use std::collections::VecDeque;
use tokio::time::Instant;

/// The batches of one partition, in order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Batch>,
    open: Option<Batch>,
    /// The sequence numbers of the batches under way, in order; 0 without idempotence.
    in_flight: VecDeque<i32>,
    /// The broker that the batches under way were sent to.
    sent_to: Option<NodeId>,
    /// Whether the batch under way was sent before.
    repeating: bool,
    next_sequence: i32,
    /// Whether the broker knows the sequence. It takes the first batch it sees from a producer that it does not know,
    /// whatever its number: were a second one under way, it could overtake the first.
    sequence: Sequence,
    not_before: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sequence {
    #[default]
    New,
    Known,
}

/// What adding a record changed.
#[derive(Debug)]
pub(super) struct Added {
    pub receipt: Receipt,
    /// Whether the sender has reason to look.
    pub wake: bool,
}

impl Queue {
    pub fn add(
        &mut self,
        record: &NewRecord<'_>,
        timestamp: Timestamp,
        partition: i32,
        settings: &ProducerSettings,
    ) -> Added {
        let mut wake = false;
        if self
            .open
            .as_ref()
            .is_some_and(|open| !open.has_room(record.size(), settings.batch_size))
        {
            self.waiting.extend(self.open.take());
            wake = true;
        }
        let open = self.open.get_or_insert_with(|| {
            // The sender must learn of the new batch's linger time.
            wake = true;
            Batch::new(Instant::now())
        });
        Added {
            receipt: open.add(record, timestamp, partition),
            wake,
        }
    }

    /// When the next batch may be sent, if there is one and the partition is not full.
    pub fn ready_at(&self, settings: &ProducerSettings, flushing: Flushing) -> Option<Instant> {
        let most = match self.sequence {
            Sequence::New if settings.is_idempotent() => 1,
            Sequence::New | Sequence::Known => settings.max_in_flight,
        };
        // The broker recognises a producer's last five batches. Were others written while one is repeated, and the answer lost once
        // more, it would not know that one any more.
        if self.in_flight.len() >= most || (self.repeating && !self.in_flight.is_empty()) {
            return None;
        }
        let ready = match (self.waiting.front(), &self.open) {
            // What is sent again waits until everything sent before it is settled, so that order is kept.
            (Some(first), _) if first.attempts > 0 && !self.in_flight.is_empty() => return None,
            (Some(first), _) => first.created,
            (None, Some(open)) if flushing == Flushing::No => open.created + settings.linger,
            (None, Some(open)) => open.created,
            (None, None) => return None,
        };
        Some(self.not_before.map_or(ready, |not_before| ready.max(not_before)))
    }

    /// Whether batches are under way to another broker than `leader`. A new leader may have them from the old one, and take any
    /// number that follow, until it does not recognise them when they are repeated because the old one did not answer.
    pub fn is_under_way_elsewhere(&self, leader: NodeId) -> bool {
        !self.in_flight.is_empty() && self.sent_to != Some(leader)
    }

    /// The size of the batch that [`Queue::take`] would give.
    pub fn next_size(&self) -> usize {
        self.waiting.front().or(self.open.as_ref()).map_or(0, Batch::size)
    }

    /// The next batch, on its way to `leader` from now on, with its stamp if the producer has an identity.
    pub fn take(
        &mut self,
        identity: Option<(ProducerId, ProducerEpoch)>,
        leader: NodeId,
    ) -> Option<(Batch, Option<Stamp>)> {
        let mut batch = self.waiting.pop_front().or_else(|| self.open.take())?;
        (self.sent_to, self.repeating) = (Some(leader), batch.attempts > 0);
        let stamp = identity.map(|(id, epoch)| {
            let again = batch.stamp.filter(|stamp| (stamp.id, stamp.epoch) == (id, epoch));
            again.unwrap_or_else(|| {
                let sequence = self.next_sequence;
                self.next_sequence = after(sequence, batch.count());
                Stamp { id, epoch, sequence }
            })
        });
        self.in_flight.push_back(stamp.map_or(0, |stamp| stamp.sequence));
        batch.depart(stamp);
        Some((batch, stamp))
    }

    /// Notes that a batch is no longer under way.
    pub fn landed(&mut self, stamp: Option<Stamp>) {
        let sequence = stamp.map_or(0, |stamp| stamp.sequence);
        if let Some(at) = self.in_flight.iter().position(|known| *known == sequence) {
            self.in_flight.remove(at);
        }
    }

    /// Notes that the broker has written a batch.
    pub fn acknowledged(&mut self) {
        self.sequence = Sequence::Known;
    }

    /// Whether a batch that was sent before the one with `stamp` is not settled yet.
    pub fn has_earlier(&self, stamp: Stamp) -> bool {
        let earlier = |sequence: i32| stamp.sequence.wrapping_sub(sequence) > 0;
        let waiting = self.waiting.iter().filter_map(|batch| batch.stamp);
        self.in_flight.iter().copied().any(earlier)
            || waiting
                .filter(|other| other.id == stamp.id)
                .any(|other| earlier(other.sequence))
    }

    /// Puts a batch back, in its place, to be sent again after `not_before`.
    pub fn again(&mut self, batch: Batch, not_before: Instant) {
        // What was never sent stays behind what was.
        let later = |other: &Batch| match (batch.stamp, other.stamp) {
            _ if other.attempts == 0 => true,
            (Some(mine), Some(other)) => other.sequence.wrapping_sub(mine.sequence) > 0,
            _ => false,
        };
        let at = self.waiting.iter().position(later).unwrap_or(self.waiting.len());
        self.waiting.insert(at, batch);
        self.not_before = Some(not_before);
    }

    /// Begins a new sequence: every batch gets a new stamp when it is sent next.
    pub fn restart(&mut self) {
        self.next_sequence = 0;
        self.sequence = Sequence::New;
        for batch in &mut self.waiting {
            batch.stamp = None;
        }
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.open.is_none() && self.in_flight.is_empty()
    }

    /// Takes out the batches that were created before `limit`; what is under way is not touched.
    pub fn expire(&mut self, limit: Instant) -> Vec<Batch> {
        let mut expired = Vec::new();
        while self.waiting.front().is_some_and(|batch| batch.created < limit) {
            expired.extend(self.waiting.pop_front());
        }
        if self.waiting.is_empty() && self.open.as_ref().is_some_and(|open| open.created < limit) {
            expired.extend(self.open.take());
        }
        expired
    }

    /// When the oldest batch that is not under way was created.
    pub fn oldest(&self) -> Option<Instant> {
        self.waiting.front().or(self.open.as_ref()).map(|batch| batch.created)
    }
}

/// Whether batches go out without waiting for more records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushing {
    Yes,
    No,
}

/// The sequence number `count` after `sequence`; after the highest comes 0.
fn after(sequence: i32, count: i32) -> i32 {
    let next = i64::from(sequence) + i64::from(count);
    i32::try_from(next % (i64::from(i32::MAX) + 1)).expect("the rest of a division by 2^31")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LEADER: NodeId = NodeId(1);

    fn filled(values: &[&str]) -> (Queue, ProducerSettings) {
        let settings = ProducerSettings {
            batch_size: 1,
            ..ProducerSettings::default()
        };
        let mut queue = Queue::default();
        for value in values {
            let record = NewRecord {
                value: Some(value.as_bytes()),
                ..NewRecord::default()
            };
            queue.add(&record, Timestamp(0), 0, &settings);
        }
        (queue, settings)
    }

    #[test]
    fn what_is_sent_again_goes_first_and_alone() {
        let (mut queue, settings) = filled(&["a", "b", "c"]);
        let identity = Some((ProducerId(1), ProducerEpoch(0)));
        let (first, stamp) = queue.take(identity, LEADER).unwrap();
        let (second, later) = queue.take(identity, LEADER).unwrap();
        assert_eq!((stamp.unwrap().sequence, later.unwrap().sequence), (0, 1));
        queue.landed(stamp);
        queue.again(first, Instant::now());
        assert!(queue.has_earlier(later.unwrap()) && !queue.has_earlier(stamp.unwrap()));
        assert_eq!(queue.ready_at(&settings, Flushing::Yes), None);
        queue.landed(later);
        queue.again(second, Instant::now());
        assert!(queue.ready_at(&settings, Flushing::Yes).is_some());
        let order: Vec<i32> = (0..3)
            .map(|_| queue.take(identity, LEADER).unwrap().1.unwrap().sequence)
            .collect();
        assert_eq!(order, [0, 1, 2]);
    }

    #[test]
    fn nothing_overtakes_what_is_sent_again() {
        let (mut queue, settings) = filled(&["a", "b"]);
        let identity = Some((ProducerId(1), ProducerEpoch(0)));
        queue.acknowledged();
        let (first, stamp) = queue.take(identity, LEADER).unwrap();
        assert!(
            queue.ready_at(&settings, Flushing::Yes).is_some(),
            "the next may follow at once"
        );
        queue.landed(stamp);
        queue.again(first, Instant::now());
        let (_, stamp) = queue.take(identity, LEADER).unwrap();
        assert_eq!(queue.ready_at(&settings, Flushing::Yes), None);
        queue.landed(stamp);
        assert!(queue.ready_at(&settings, Flushing::Yes).is_some());
    }

    #[test]
    fn a_new_leader_gets_nothing_while_the_old_one_owes_an_answer() {
        let (mut queue, _) = filled(&["a", "b"]);
        let other = NodeId(2);
        assert!(!queue.is_under_way_elsewhere(other));
        let (_, stamp) = queue.take(Some((ProducerId(1), ProducerEpoch(0))), LEADER).unwrap();
        assert!(queue.is_under_way_elsewhere(other) && !queue.is_under_way_elsewhere(LEADER));
        queue.landed(stamp);
        assert!(!queue.is_under_way_elsewhere(other));
    }

    #[test]
    fn the_first_batch_of_a_sequence_travels_alone() {
        let (mut queue, settings) = filled(&["a", "b", "c"]);
        let (_, stamp) = queue.take(Some((ProducerId(1), ProducerEpoch(0))), LEADER).unwrap();
        assert_eq!(queue.ready_at(&settings, Flushing::Yes), None);
        queue.landed(stamp);
        queue.acknowledged();
        queue.take(Some((ProducerId(1), ProducerEpoch(0))), LEADER).unwrap();
        assert!(queue.ready_at(&settings, Flushing::Yes).is_some());
    }

    #[test]
    fn a_new_sequence_begins_at_zero() {
        let (mut queue, _) = filled(&["a", "b"]);
        let (first, stamp) = queue.take(Some((ProducerId(1), ProducerEpoch(0))), LEADER).unwrap();
        queue.landed(stamp);
        queue.again(first, Instant::now());
        queue.restart();
        let identity = Some((ProducerId(2), ProducerEpoch(0)));
        let stamps: Vec<_> = (0..2)
            .map(|_| queue.take(identity, LEADER).unwrap().1.unwrap())
            .collect();
        assert_eq!(
            stamps
                .iter()
                .map(|stamp| (stamp.id.0, stamp.sequence))
                .collect::<Vec<_>>(),
            [(2, 0), (2, 1)]
        );
    }

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(after(i32::MAX, 1), 0);
        assert_eq!(after(i32::MAX - 1, 3), 1);
    }

    #[test]
    fn old_batches_are_given_up() {
        let (mut queue, _) = filled(&["a", "b"]);
        assert!(queue.expire(Instant::now() - Duration::from_secs(1)).is_empty());
        assert_eq!(queue.expire(Instant::now() + Duration::from_secs(1)).len(), 2);
        assert!(queue.is_empty());
    }
}
