//! Appending: offsets assigned, one write, rarely an index entry.

use crate::active::Incoming;
use crate::error::{AppendError, StorageError};
use crate::index::txn::AbortedTxn;
use crate::log::Log;
use crate::origin::Origin;
use crate::producer_batch::producer_batch;
use crate::producer_state::{AppliedTxn, MarkerEpochRule, Staged, TxnResult, Verdict};
use crate::terms::AppendTerms;
use base::{LeaderEpoch, Offset, Timestamp};
use records::{BatchHeader, ReplicatedBatches, TimestampType, VerifiedBatch};
use std::io::IoSlice;

/// Whether the batches were new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// They were written.
    Appended,
    /// An idempotent producer sent them again; the offsets are those of the first time, nothing was written.
    Duplicate,
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendInfo {
    /// Written or recognised.
    pub outcome: AppendOutcome,
    /// The first record's offset.
    pub first_offset: Offset,
    /// The last record's offset.
    pub last_offset: Offset,
    /// The greatest timestamp appended.
    pub max_timestamp: Timestamp,
    /// The broker's time if the topic wants it, else -1: `logAppendTimeMs` of the response.
    pub log_append_time: Timestamp,
    /// The log's start.
    pub log_start_offset: Offset,
    /// Bytes written.
    pub size: usize,
    /// Whether a new segment was begun.
    pub rolled: bool,
}

/// Sums over the batches of one append.
struct Extent {
    first_offset: Offset,
    last_offset: Offset,
    max_timestamp: Timestamp,
    log_append_time: Timestamp,
    size: usize,
}

impl Log {
    /// Appends batches that a producer or this node made, giving them the next offsets and `epoch`.
    ///
    /// All or nothing: producer state, offsets and the leader epoch change only once the bytes are written.
    pub fn append_as_leader(
        &mut self,
        batches: &[VerifiedBatch],
        epoch: LeaderEpoch,
        terms: impl Into<AppendTerms>,
        now: Timestamp,
    ) -> Result<AppendInfo, AppendError> {
        let terms = terms.into();
        self.check_online()?;
        let mut extent = Extent::at(self.log_end);
        let mut staged = Staged::new(terms.origin).verified(terms.verification);
        for batch in batches {
            let header = BatchHeader {
                base_offset: extent.next(),
                ..*batch.header()
            };
            extent.add(&header);
            let Some(batch) = producer_batch(&header, batch.body(), terms.marker_epochs)? else {
                continue;
            };
            if terms.origin == Origin::Client {
                self.recall_before(&batch);
            }
            let verdict = self.producers.check(&mut staged, &batch)?;
            if let Verdict::Duplicate {
                base_offset,
                last_offset,
                timestamp,
            } = verdict
            {
                return Ok(self.duplicate(base_offset, last_offset, timestamp));
            }
        }
        self.check_size(&extent)?;
        extent.check_span()?;
        let rolled = self.appending(|log| {
            if epoch.0 >= 0 && !batches.is_empty() && log.latest_epoch().is_none_or(|latest| latest < epoch) {
                log.assign_epoch(epoch, log.log_end);
            }
            let rolled = log.roll_if_due(&extent.incoming(), extent.first_offset, now)?;
            log.write_batches(batches, epoch)?;
            log.finish_append(staged, extent.next())?;
            Ok(rolled)
        })?;
        Ok(self.appended(&extent, rolled))
    }

    /// Appends a leader's batches as they are; they must continue this log.
    pub fn append_as_follower(
        &mut self,
        batches: &ReplicatedBatches,
        now: Timestamp,
    ) -> Result<AppendInfo, AppendError> {
        self.check_online()?;
        let mut extent = Extent::at(self.log_end);
        let mut staged = Staged::new(Origin::Replication);
        for batch in batches.batches().flatten() {
            let header = batch.header();
            let expected = extent.next();
            // Compaction leaves gaps at the leader, so an offset may be ahead, never behind.
            if header.base_offset < expected || header.last_offset_delta < 0 {
                return Err(AppendError::UnexpectedOffset {
                    expected,
                    found: header.base_offset,
                });
            }
            extent.add(header);
            if let Some(batch) = producer_batch(header, batch.body(), MarkerEpochRule::AtLeastCurrent)? {
                self.producers.check(&mut staged, &batch)?;
            }
        }
        if batches.is_empty() {
            return Ok(self.appended(&extent, false));
        }
        extent.check_span()?;
        let rolled = self.appending(|log| {
            for batch in batches.batches().flatten() {
                let (epoch, base) = (batch.header().partition_leader_epoch, batch.header().base_offset);
                if epoch.0 >= 0 && log.latest_epoch().is_none_or(|latest| latest < epoch) {
                    log.assign_epoch(epoch, base);
                }
            }
            let rolled = log.roll_if_due(&extent.incoming(), extent.first_offset, now)?;
            log.write_replicated(batches)?;
            log.finish_append(staged, extent.next())?;
            Ok(rolled)
        })?;
        Ok(self.appended(&extent, rolled))
    }

    fn check_online(&self) -> Result<(), StorageError> {
        if self.offline {
            Err(StorageError::Offline)
        } else {
            Ok(())
        }
    }

    fn check_size(&self, extent: &Extent) -> Result<(), AppendError> {
        let max = self.config.segment_bytes;
        if extent.size as u64 > u64::from(max) {
            return Err(AppendError::LargerThanSegment { size: extent.size, max });
        }
        Ok(())
    }

    /// One write for all batches: each as its patched header and the bytes that came from the socket.
    fn write_batches(&mut self, batches: &[VerifiedBatch], epoch: LeaderEpoch) -> Result<(), StorageError> {
        let segment = self.active_segment().clone();
        let (file, start) = (segment.log()?, segment.size());
        match batches {
            [batch] => {
                let header = batch.header_at(self.log_end, epoch);
                file.write_vectored_at(&[IoSlice::new(&header), IoSlice::new(batch.body())], start)?;
            }
            batches => {
                let mut next = self.log_end;
                let mut headers = Vec::with_capacity(batches.len());
                for batch in batches {
                    headers.push(batch.header_at(next, epoch));
                    next = next.plus(i64::from(batch.header().last_offset_delta) + 1);
                }
                let slices: Vec<IoSlice<'_>> = headers
                    .iter()
                    .zip(batches)
                    .flat_map(|(header, batch)| [IoSlice::new(header), IoSlice::new(batch.body())])
                    .collect();
                file.write_vectored_at(&slices, start)?;
            }
        }
        let (mut position, mut next) = (start, self.log_end);
        for batch in batches {
            let header = BatchHeader {
                base_offset: next,
                ..*batch.header()
            };
            self.active
                .appended(&segment, &header, position, self.config.index_interval_bytes)?;
            position += batch.size() as u64;
            next = header.next_offset();
        }
        self.since_snapshot += position - segment.size();
        segment.set_size(position);
        Ok(())
    }

    fn write_replicated(&mut self, batches: &ReplicatedBatches) -> Result<(), StorageError> {
        let segment = self.active_segment().clone();
        let mut position = segment.size();
        segment.log()?.write_at(batches.bytes(), position)?;
        for batch in batches.batches().flatten() {
            self.active
                .appended(&segment, batch.header(), position, self.config.index_interval_bytes)?;
            position += batch.bytes().len() as u64;
        }
        self.since_snapshot += position - segment.size();
        segment.set_size(position);
        Ok(())
    }

    fn finish_append(&mut self, staged: Staged, end: Offset) -> Result<(), StorageError> {
        self.log_end = end;
        let ended = self.producers.apply(staged, end);
        let segment = self.active_segment();
        let had_index = segment.has_transaction_index();
        note_aborted(&ended, |aborted| segment.transactions(|index| index.append(aborted)))?;
        if segment.has_transaction_index() != had_index {
            // A file without a name is gone with the power, and what was aborted would be read as committed.
            self.unsynced.names_changed();
        }
        Ok(())
    }

    fn appended(&self, extent: &Extent, rolled: bool) -> AppendInfo {
        AppendInfo {
            outcome: AppendOutcome::Appended,
            first_offset: extent.first_offset,
            last_offset: extent.last_offset,
            max_timestamp: extent.max_timestamp,
            log_append_time: extent.log_append_time,
            log_start_offset: self.log_start,
            size: extent.size,
            rolled,
        }
    }

    fn duplicate(&self, first_offset: Offset, last_offset: Offset, timestamp: Timestamp) -> AppendInfo {
        AppendInfo {
            outcome: AppendOutcome::Duplicate,
            first_offset,
            last_offset,
            max_timestamp: timestamp,
            // Kafka answers the remembered batch's time here, whatever the topic's timestamp type.
            log_append_time: timestamp,
            log_start_offset: self.log_start,
            size: 0,
            rolled: false,
        }
    }
}

/// Tells `append` of every transaction that was aborted.
pub(crate) fn note_aborted(
    ended: &[AppliedTxn],
    mut append: impl FnMut(AbortedTxn) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    for txn in ended.iter().filter(|txn| txn.completed.result == TxnResult::Abort) {
        append(AbortedTxn::new(&txn.completed, txn.last_stable_offset))?;
    }
    Ok(())
}

impl Extent {
    fn at(log_end: Offset) -> Self {
        Self {
            first_offset: log_end,
            last_offset: log_end.plus(-1),
            max_timestamp: Timestamp::NONE,
            log_append_time: Timestamp::NONE,
            size: 0,
        }
    }

    fn next(&self) -> Offset {
        self.last_offset.next()
    }

    fn add(&mut self, header: &BatchHeader) {
        if self.size == 0 {
            self.first_offset = header.base_offset;
        }
        self.last_offset = header.last_offset();
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
        self.size += header.size();
        if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
            self.log_append_time = self.max_timestamp;
        }
    }

    fn check_span(&self) -> Result<(), AppendError> {
        let (first, last) = (self.first_offset, self.last_offset);
        if last.since(first) > i64::from(i32::MAX) {
            return Err(AppendError::OffsetOverflow { first, last });
        }
        Ok(())
    }

    fn incoming(&self) -> Incoming {
        Incoming {
            size: self.size,
            last_offset: self.last_offset,
            max_timestamp: self.max_timestamp,
        }
    }
}
