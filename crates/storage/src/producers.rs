//! The log's producers and open transactions.

use crate::log::Log;
use crate::producer_state::{FirstSequence, ProducerError, ProducerStateManager, VerificationGuard};
use base::{Offset, ProducerEpoch, ProducerId, Timestamp};
use std::time::Duration;

impl Log {
    /// The offset below which no transaction is open or, ended, still above the high watermark: the last stable offset
    /// is the smaller of this and the high watermark. None if there is no such transaction.
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        self.producers.first_unstable_offset()
    }

    /// Tells the log of a new high watermark: transactions whose marker lies below become stable.
    pub fn high_watermark_moved(&mut self, high_watermark: Offset) {
        self.high_watermark = high_watermark;
        self.producers.on_high_watermark_updated(high_watermark);
    }

    /// Forgets producers idle for longer than `producer.id.expiration.ms`.
    pub fn expire_producers(&mut self, now: Timestamp) {
        self.producers.remove_expired(now);
    }

    /// `producer.id.expiration.ms` changed.
    pub fn set_producer_expiration(&mut self, expiration: Duration) {
        self.producers.set_expiration(expiration);
    }

    /// Begins to verify a transactional batch: the guard to append it with, or none if the transaction is open here.
    pub fn start_verification(
        &mut self,
        producer_id: ProducerId,
        epoch: ProducerEpoch,
        sequence: i32,
        first: FirstSequence,
        now: Timestamp,
    ) -> Result<Option<VerificationGuard>, ProducerError> {
        self.producers
            .start_verification(producer_id, epoch, sequence, first, now)
    }

    /// The producers, for DescribeProducers and for the checks before a transactional append.
    pub fn producers(&self) -> &ProducerStateManager {
        &self.producers
    }
}
