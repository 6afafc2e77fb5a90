//! The leader's records on their way into batches: several operations share a batch, and with it one flush.

use crate::control::{ControlRecord, control_batch};
use crate::effect::SealedBatch;
use base::{LeaderEpoch, Offset, Timestamp};
use bytes::Bytes;
use records::{BatchBuilder, HEADER_LEN};

/// More than a record without key and headers takes besides its value: five varints, the attributes and the timestamp.
const RECORD_OVERHEAD: usize = 28;

/// Whether records may be cut into several batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// All in one batch.
    Never,
    /// Anywhere.
    Anywhere,
}

/// What cannot be appended, whatever the state of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("records of {size} bytes that belong in one batch exceed the largest batch of {max}")]
pub struct TooLarge {
    /// The size of the records in one batch.
    pub size: usize,
    /// The largest batch.
    pub max: usize,
}

/// Batches not yet handed to the log.
#[derive(Debug)]
pub(crate) struct Accumulator {
    epoch: LeaderEpoch,
    /// The offset of the next record.
    next: Offset,
    /// The open batch, its base, and its time: all records have that of the first, since Kafka does not read a batch of
    /// the metadata log in which they differ.
    open: Option<(Offset, Timestamp, BatchBuilder)>,
    sealed: Vec<SealedBatch>,
    max_batch: usize,
}

impl Accumulator {
    pub(crate) fn new(epoch: LeaderEpoch, next: Offset, max_batch: usize) -> Self {
        Self {
            epoch,
            next,
            open: None,
            sealed: Vec::new(),
            max_batch,
        }
    }

    /// The offset of the next record.
    pub(crate) fn next(&self) -> Offset {
        self.next
    }

    /// Whether `values` can be appended at all.
    pub(crate) fn admit(&self, values: &[Bytes], cut: Cut) -> Result<(), TooLarge> {
        let size = match cut {
            Cut::Never => values.iter().map(record_size).sum(),
            Cut::Anywhere => values.iter().map(record_size).max().unwrap_or(0),
        };
        let size = HEADER_LEN + size;
        if size > self.max_batch {
            return Err(TooLarge {
                size,
                max: self.max_batch,
            });
        }
        Ok(())
    }

    /// Adds admitted records.
    pub(crate) fn append(&mut self, now: Timestamp, values: &[Bytes], cut: Cut) {
        if cut == Cut::Never {
            self.make_room(values.iter().map(record_size).sum());
        }
        for value in values {
            self.make_room(record_size(value));
            let next = self.next;
            let (_, time, builder) = self.open.get_or_insert_with(|| (next, now, BatchBuilder::new()));
            builder.append(*time, None, Some(value), &[]);
            self.next = next.next();
        }
    }

    /// Adds a batch of control records.
    pub(crate) fn append_control(&mut self, now: Timestamp, records: &[ControlRecord]) {
        self.seal();
        let base = self.next;
        let batch = control_batch(now, records);
        self.sealed.push(SealedBatch {
            base,
            epoch: self.epoch,
            batch,
        });
        self.next = base.plus(records.len() as i64);
    }

    /// Takes every batch, the open one included.
    pub(crate) fn drain(&mut self) -> Vec<SealedBatch> {
        self.seal();
        std::mem::take(&mut self.sealed)
    }

    fn make_room(&mut self, size: usize) {
        if self
            .open
            .as_ref()
            .is_some_and(|(_, _, builder)| builder.size() + size > self.max_batch)
        {
            self.seal();
        }
    }

    fn seal(&mut self) {
        if let Some((base, _, builder)) = self.open.take() {
            self.sealed.push(SealedBatch {
                base,
                epoch: self.epoch,
                batch: builder.build(),
            });
        }
    }
}

fn record_size(value: &Bytes) -> usize {
    value.len() + RECORD_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(sizes: &[usize]) -> Vec<Bytes> {
        sizes.iter().map(|size| Bytes::from(vec![0; *size])).collect()
    }

    fn ends(accumulator: &mut Accumulator) -> Vec<(i64, i64)> {
        accumulator
            .drain()
            .iter()
            .map(|batch| (batch.base.0, batch.end().0))
            .collect()
    }

    #[test]
    fn operations_share_a_batch_until_it_is_full() {
        let mut accumulator = Accumulator::new(LeaderEpoch(2), Offset(10), 500);
        accumulator.append(Timestamp(1), &values(&[100, 100]), Cut::Never);
        accumulator.append(Timestamp(2), &values(&[100]), Cut::Never);
        accumulator.append(Timestamp(3), &values(&[100, 100]), Cut::Never);
        accumulator.append(Timestamp(4), &values(&[100, 100, 100, 100]), Cut::Anywhere);
        assert_eq!(ends(&mut accumulator), [(10, 13), (13, 16), (16, 19)]);
        assert_eq!(accumulator.next(), Offset(19));
        assert_eq!(ends(&mut accumulator), []);
    }

    #[test]
    fn all_records_of_a_batch_have_one_time_as_kafka_demands() {
        let mut accumulator = Accumulator::new(LeaderEpoch(2), Offset(10), 500);
        accumulator.append(Timestamp(1), &values(&[1]), Cut::Never);
        accumulator.append(Timestamp(2), &values(&[1]), Cut::Never);
        let [sealed] = &accumulator.drain()[..] else {
            panic!("one batch")
        };
        let header = sealed.batch.header();
        assert_eq!(
            (header.base_timestamp, header.max_timestamp),
            (Timestamp(1), Timestamp(1))
        );
    }

    #[test]
    fn what_belongs_together_and_is_too_large_is_refused() {
        let accumulator = Accumulator::new(LeaderEpoch(2), Offset(10), 500);
        assert!(accumulator.admit(&values(&[100, 100, 100]), Cut::Never).is_ok());
        assert!(accumulator.admit(&values(&[100, 100, 100, 100]), Cut::Never).is_err());
        assert!(accumulator.admit(&values(&[100, 100, 100, 100]), Cut::Anywhere).is_ok());
        assert!(accumulator.admit(&values(&[500]), Cut::Anywhere).is_err());
    }
}
