//! Control records: the kinds, their keys, and the marker that ends a transaction.
//!
//! The values of the KRaft kinds are messages of `protocol`; this crate only tells the kinds apart.

use crate::builder::BatchBuilder;
use crate::verified::VerifiedBatch;
use base::{ProducerEpoch, ProducerId, Timestamp};

/// What a control record says, by the second half of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRecordType {
    /// The transaction was aborted.
    Abort,
    /// The transaction was committed.
    Commit,
    /// A KRaft leader took office.
    LeaderChange,
    /// The first record of a KRaft snapshot.
    SnapshotHeader,
    /// The last record of a KRaft snapshot.
    SnapshotFooter,
    /// `kraft.version` from here on.
    KRaftVersion,
    /// The voters from here on.
    KRaftVoters,
    /// A kind this program does not know; readers skip it.
    Unknown(i16),
}

/// The value of an ABORT or COMMIT record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnMarker {
    /// Commit or abort.
    pub outcome: TransactionOutcome,
    /// The epoch of the transaction coordinator that wrote the marker.
    pub coordinator_epoch: i32,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionOutcome {
    /// Its records are to be skipped.
    Abort,
    /// Its records count.
    Commit,
}

const VERSION: i16 = 0;

impl ControlRecordType {
    /// The number in the key.
    pub fn id(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::LeaderChange => 2,
            Self::SnapshotHeader => 3,
            Self::SnapshotFooter => 4,
            Self::KRaftVersion => 5,
            Self::KRaftVoters => 6,
            Self::Unknown(id) => id,
        }
    }

    /// The key: version 0 and the number.
    pub fn to_key(self) -> [u8; 4] {
        let [a, b] = VERSION.to_be_bytes();
        let [c, d] = self.id().to_be_bytes();
        [a, b, c, d]
    }

    /// The kind in `key`; none if the key is too short or its version negative. Later versions may be longer.
    pub fn from_key(key: &[u8]) -> Option<Self> {
        let (version, rest) = key.split_first_chunk::<2>()?;
        let id = i16::from_be_bytes(*rest.first_chunk::<2>()?);
        if i16::from_be_bytes(*version) < 0 {
            return None;
        }
        Some(match id {
            0 => Self::Abort,
            1 => Self::Commit,
            2 => Self::LeaderChange,
            3 => Self::SnapshotHeader,
            4 => Self::SnapshotFooter,
            5 => Self::KRaftVersion,
            6 => Self::KRaftVoters,
            other => Self::Unknown(other),
        })
    }
}

impl EndTxnMarker {
    /// The marker in a control record's key and value; none if it is another kind, or too short.
    pub fn parse(key: &[u8], value: &[u8]) -> Option<Self> {
        let outcome = match ControlRecordType::from_key(key)? {
            ControlRecordType::Abort => TransactionOutcome::Abort,
            ControlRecordType::Commit => TransactionOutcome::Commit,
            ControlRecordType::LeaderChange
            | ControlRecordType::SnapshotHeader
            | ControlRecordType::SnapshotFooter
            | ControlRecordType::KRaftVersion
            | ControlRecordType::KRaftVoters
            | ControlRecordType::Unknown(_) => return None,
        };
        let (version, rest) = value.split_first_chunk::<2>()?;
        let coordinator_epoch = i32::from_be_bytes(*rest.first_chunk::<4>()?);
        (i16::from_be_bytes(*version) >= 0).then_some(Self {
            outcome,
            coordinator_epoch,
        })
    }

    /// The control batch that ends the transaction of `producer`.
    pub fn to_batch(&self, producer: ProducerId, epoch: ProducerEpoch, now: Timestamp) -> VerifiedBatch {
        let kind = match self.outcome {
            TransactionOutcome::Abort => ControlRecordType::Abort,
            TransactionOutcome::Commit => ControlRecordType::Commit,
        };
        let mut value = [0; 6];
        value[..2].copy_from_slice(&VERSION.to_be_bytes());
        value[2..].copy_from_slice(&self.coordinator_epoch.to_be_bytes());
        let mut builder = BatchBuilder::new()
            .producer(producer, epoch, -1)
            .transactional()
            .control();
        builder.append(now, Some(&kind.to_key()), Some(&value), &[]);
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_reads_back_from_its_batch() {
        let marker = EndTxnMarker {
            outcome: TransactionOutcome::Abort,
            coordinator_epoch: 12,
        };
        let bytes = marker
            .to_batch(ProducerId(4), ProducerEpoch(2), Timestamp(77))
            .to_bytes();
        let (batch, _) = crate::BatchView::split(&bytes).expect("a batch");
        assert!(batch.header().attributes.is_control() && batch.header().attributes.is_transactional());
        assert_eq!(batch.header().base_sequence, -1);
        let record = batch
            .records()
            .expect("uncompressed")
            .next()
            .expect("one")
            .expect("well-formed");
        let (key, value) = (record.key.expect("a key"), record.value.expect("a value"));
        assert_eq!(EndTxnMarker::parse(key, value), Some(marker));
        assert_eq!((key, value), (&[0, 0, 0, 0][..], &[0, 0, 0, 0, 0, 12][..]));
    }

    #[test]
    fn other_keys_are_no_markers() {
        for id in [2, 3, 4, 5, 6, 9] {
            let kind = ControlRecordType::from_key(&[0, 0, 0, id]).expect("a kind");
            assert_eq!(kind.id(), i16::from(id));
            assert_eq!(EndTxnMarker::parse(&kind.to_key(), &[0; 6]), None);
        }
        assert_eq!(ControlRecordType::from_key(&[0, 0, 0]), None);
        assert_eq!(EndTxnMarker::parse(&[0, 0, 0, 1], &[0, 0, 0]), None);
    }
}
