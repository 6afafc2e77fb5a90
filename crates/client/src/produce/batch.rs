//! A batch: being filled, waiting, under way.

use super::outcome::{Outcome, Receipt};
use super::settings::ProducerSettings;
use base::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use bytes::Bytes;
use protocol::Records;
use records::{BatchBuilder, BatchHeader, HEADER_LEN, RecordHeader, VerifiedBatch};
use std::sync::Arc;
use tokio::time::Instant;

/// What a record takes beside its key, value and headers, at most.
const RECORD_OVERHEAD: usize = 21;

/// What a header takes beside its key and value, at most.
const HEADER_OVERHEAD: usize = 10;

/// A record to send.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewRecord<'a> {
    /// The partition, if the caller chooses it.
    pub partition: Option<i32>,
    /// The time, if it is not now.
    pub timestamp: Option<Timestamp>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a [RecordHeader<'a>],
}

impl NewRecord<'_> {
    /// What the record takes in a batch, at most.
    pub(super) fn size(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|header| HEADER_OVERHEAD + header.key.len() + header.value.map_or(0, <[u8]>::len))
            .sum();
        RECORD_OVERHEAD + self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len) + headers
    }
}

/// The idempotent producer that writes a batch, and where the batch stands in its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub id: ProducerId,
    pub epoch: ProducerEpoch,
    pub sequence: i32,
}

/// The records of a batch: open, or in the form they are sent in.
#[derive(Debug)]
enum Content {
    Open(BatchBuilder),
    Sealed(BatchHeader, Bytes),
}

/// A batch on its way to a partition.
#[derive(Debug)]
pub(super) struct Batch {
    content: Content,
    pub outcome: Arc<Outcome>,
    pub created: Instant,
    /// How often it was sent.
    pub attempts: u32,
    /// The stamp it is sent with: given when it first leaves the queue, and kept, whatever becomes of the attempt.
    pub stamp: Option<Stamp>,
    count: i32,
    /// Bytes it counts for in the buffer.
    pub charge: usize,
}

impl Batch {
    pub fn new(now: Instant) -> Self {
        Self {
            content: Content::Open(BatchBuilder::new()),
            outcome: Arc::default(),
            created: now,
            attempts: 0,
            stamp: None,
            count: 0,
            charge: 0,
        }
    }

    /// Adds a record to a batch that has not been sealed.
    pub fn add(&mut self, record: &NewRecord<'_>, timestamp: Timestamp, partition: i32) -> Receipt {
        let Content::Open(builder) = &mut self.content else {
            unreachable!("only an open batch is added to")
        };
        builder.append(timestamp, record.key, record.value, record.headers);
        let index = u32::try_from(self.count).expect("counts are not negative");
        self.count += 1;
        self.charge += record.size();
        Receipt {
            outcome: Arc::clone(&self.outcome),
            partition,
            index,
        }
    }

    /// Whether a record of `size` fits a batch of `limit` bytes; an empty batch takes any.
    pub fn has_room(&self, size: usize, limit: usize) -> bool {
        self.count == 0 || self.size() + size <= limit
    }

    /// Bytes of the batch as far as known.
    pub fn size(&self) -> usize {
        match &self.content {
            Content::Open(builder) => builder.size(),
            Content::Sealed(_, body) => HEADER_LEN + body.len(),
        }
    }

    pub fn count(&self) -> i32 {
        self.count
    }

    /// Notes that the batch leaves the queue once more.
    pub fn depart(&mut self, stamp: Option<Stamp>) {
        self.attempts += 1;
        self.stamp = stamp;
    }

    /// The batch as it is sent: compressed once, stamped anew when the stamp has changed.
    pub fn records(&mut self, settings: &ProducerSettings) -> Records {
        if let Content::Open(builder) = &mut self.content {
            let builder = std::mem::take(builder).compressed(settings.codec, settings.level());
            let builder = match self.stamp {
                Some(stamp) => builder.producer(stamp.id, stamp.epoch, stamp.sequence),
                None => builder,
            };
            let built = builder
                .try_build(Offset::ZERO, LeaderEpoch::NONE)
                .expect("memory to compress with");
            self.content = sealed(&built);
        }
        self.restamp();
        let Content::Sealed(header, body) = &self.content else {
            unreachable!("sealed above")
        };
        Records::Many(vec![
            Bytes::copy_from_slice(&header.to_bytes()).into(),
            body.clone().into(),
        ])
    }

    fn restamp(&mut self) {
        let Content::Sealed(header, body) = &mut self.content else {
            unreachable!("an open batch has no header")
        };
        let none = Stamp {
            id: ProducerId::NONE,
            epoch: ProducerEpoch::NONE,
            sequence: -1,
        };
        let stamp = self.stamp.unwrap_or(none);
        if (header.producer_id, header.producer_epoch, header.base_sequence) == (stamp.id, stamp.epoch, stamp.sequence)
        {
            return;
        }
        header.producer_id = stamp.id;
        header.producer_epoch = stamp.epoch;
        header.base_sequence = stamp.sequence;
        header.crc = records::checksum::crc32c_of_two(&header.to_bytes()[CHECKSUM_FROM..], body);
    }
}

/// Where in a batch's header the checksum begins to count.
const CHECKSUM_FROM: usize = 21;

fn sealed(built: &VerifiedBatch) -> Content {
    Content::Sealed(*built.header(), built.body().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use records::BatchView;

    fn bytes_of(records: &Records) -> Vec<u8> {
        match records {
            Records::Bytes(bytes) => bytes.to_vec(),
            Records::Many(parts) => parts.iter().flat_map(bytes_of).collect(),
            Records::File(_) => unreachable!("a batch is in memory"),
        }
    }

    #[test]
    fn a_stamp_can_change_and_the_checksum_with_it() {
        let settings = ProducerSettings::default();
        let mut batch = Batch::new(Instant::now());
        let record = NewRecord {
            value: Some(b"v"),
            ..NewRecord::default()
        };
        assert_eq!(batch.add(&record, Timestamp(1), 0).index, 0);
        assert_eq!(batch.add(&record, Timestamp(2), 0).index, 1);
        for sequence in [7, 0] {
            let stamp = Stamp {
                id: ProducerId(3),
                epoch: ProducerEpoch(0),
                sequence,
            };
            batch.depart(Some(stamp));
            let bytes = bytes_of(&batch.records(&settings));
            let (view, rest) = BatchView::split(&bytes).unwrap();
            assert!(rest.is_empty() && view.check().is_ok());
            assert_eq!((view.header().base_sequence, view.header().record_count), (sequence, 2));
        }
        assert_eq!(batch.attempts, 2);
    }
}
