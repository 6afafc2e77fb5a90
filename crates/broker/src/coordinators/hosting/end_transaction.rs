//! The marker of a transaction in a coordinator's own log.

use super::shard::Shard;
use super::tenant::Tenant;
use crate::refused::note;
use base::{Offset, ProducerEpoch, ProducerId};
use partition::RequiredAcks;
use protocol::ErrorCode;
use records::EndTxnMarker;
use storage::AppendTerms;

impl<T: Tenant> Shard<T> {
    /// Writes a transaction's marker and does what it means. Answers the offset after it; the transaction has ended once
    /// the high watermark is there.
    pub(crate) fn end_transaction(
        &self,
        producer: ProducerId,
        epoch: ProducerEpoch,
        marker: EndTxnMarker,
        terms: AppendTerms,
    ) -> Result<Offset, ErrorCode> {
        let mut ended = Err(ErrorCode::NotLeaderOrFollower);
        self.change(|shard, serving, due| {
            // What was decided before comes before; if it is lost, the marker still is what the transaction's coordinator decided.
            _ = shard.write_open(serving, due);
            let now = shard.clock.wall();
            let appended = {
                let mut partition = shard.hosted.lock();
                let leads = partition
                    .leadership()
                    .is_ok_and(|leadership| leadership.epoch == shard.epoch);
                if !leads {
                    return;
                }
                partition.append(&[marker.to_batch(producer, epoch, now)], RequiredAcks::All, terms, now)
            };
            ended = match appended {
                Ok((appended, wakes)) => {
                    due.wakes.merge(wakes);
                    let at = appended.info.first_offset;
                    serving.runtime.skip_to(at);
                    match T::marker(producer, marker.outcome) {
                        Some(record) => match serving.runtime.write(&[record]) {
                            Ok(()) => {}
                            Err(never) => match never {},
                        },
                        None => serving.runtime.skip_to(at.next()),
                    }
                    shard.commit(serving);
                    Ok(at.next())
                }
                Err(refused) => Err(note(&shard.hosted, &refused)),
            };
        })?;
        ended
    }
}
