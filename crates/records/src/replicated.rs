//! Batches copied from a leader: checked for integrity, kept byte for byte.

use crate::batches::{Batches, batches};
use crate::header::BatchError;
use base::LeaderEpoch;
use bytes::Bytes;

/// Whole batches from another replica, checksums checked. The bytes are stored as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicatedBatches {
    bytes: Bytes,
}

impl ReplicatedBatches {
    /// Checks every batch. A batch cut at the end, as a leader may send it, is dropped; an empty input is fine.
    pub fn verify(bytes: Bytes) -> Result<Self, BatchError> {
        let mut valid = 0;
        for batch in batches(&bytes) {
            match batch {
                Ok(batch) => {
                    batch.check()?;
                    valid += batch.bytes().len();
                }
                Err(BatchError::Partial { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Self {
            bytes: bytes.slice(..valid),
        })
    }

    /// The batches' bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The batches; every item is `Ok`.
    pub fn batches(&self) -> Batches<'_> {
        batches(&self.bytes)
    }

    /// The batches before the first that a leader of an epoch after `epoch` wrote.
    pub fn up_to_epoch(&self, epoch: LeaderEpoch) -> Self {
        let older = self
            .batches()
            .flatten()
            .take_while(|batch| batch.header().partition_leader_epoch <= epoch);
        let len: usize = older.map(|batch| batch.bytes().len()).sum();
        Self {
            bytes: self.bytes.slice(..len),
        }
    }

    /// Whether there is no batch.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::BatchBuilder;
    use base::{Offset, Timestamp};

    #[test]
    fn a_cut_tail_is_dropped_and_a_flipped_bit_is_refused() {
        let mut builder = BatchBuilder::new();
        builder.append(Timestamp(1), Some(b"k"), Some(b"v"), &[]);
        let one = builder.build_at(Offset(4)).to_bytes();
        let bytes = Bytes::from([&one[..], &one[..one.len() - 1]].concat());
        let whole = ReplicatedBatches::verify(bytes).expect("one whole batch");
        assert_eq!(whole.bytes(), &one);
        for at in 21..one.len() {
            let mut bent = one.to_vec();
            bent[at] ^= 1;
            assert!(ReplicatedBatches::verify(Bytes::from(bent)).is_err(), "bit at {at}");
        }
    }
}
