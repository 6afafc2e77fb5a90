//! What is kept of a batch.

use super::error::CleaningError;
use super::offset_map::OffsetMap;
use super::reader::records_block;
use super::stats::CleanerStats;
use super::transactions::{CleanedTransactions, ControlKind};
use crate::index::txn::AbortedTxn;
use base::{Offset, ProducerEpoch, ProducerId, Timestamp};
use records::{BatchHeader, BatchView, CleanedBatch, EndTxnMarker, Record, Records};
use rustc_hash::FxHashMap;

/// The last thing that an active producer wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRecord {
    /// The last offset of its data; none if it has only ended transactions in its epoch.
    pub last_data_offset: Option<Offset>,
    /// Its epoch.
    pub epoch: ProducerEpoch,
}

/// The rules of one pass.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) map: &'a OffsetMap,
    pub(super) now: Timestamp,
    pub(super) delete_retention_ms: i64,
    /// Where the cleaned part of the log ends: the last batch before it stays, if only as a header, so that the end does.
    pub(super) round_end: Offset,
}

/// Memory that is reused from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    block: Vec<u8>,
    cleaned: CleanedBatch,
    keep: Vec<bool>,
}

/// What becomes of a batch none of whose records is kept, and whether they are even looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retention {
    /// It goes, whatever is in it.
    Delete,
    /// It goes if nothing in it is kept.
    DeleteEmpty,
    /// Its header stays.
    RetainEmpty,
}

#[derive(Clone, Copy, Debug)]
struct Verdict {
    retention: Retention,
    /// All of its records go: they are aborted, or the marker's time has come.
    discard_records: bool,
    /// It is the marker of a transaction without data: its time begins to run.
    marks_empty_transaction: bool,
    index: Option<AbortedTxn>,
}

/// What was kept of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    /// The batch that was appended to the output.
    pub(super) header: Option<BatchHeader>,
    /// The entry that goes into the new transaction index.
    pub(super) aborted: Option<AbortedTxn>,
}

impl Rules<'_> {
    /// Appends to `out` what is kept of `batch`.
    pub(super) fn filter(
        &self,
        batch: &BatchView<'_>,
        transactions: &mut CleanedTransactions,
        producers: &FxHashMap<ProducerId, LastRecord>,
        scratch: &mut Scratch,
        stats: &mut CleanerStats,
        out: &mut Vec<u8>,
    ) -> Result<Kept, CleaningError> {
        stats.bytes_read += batch.bytes().len() as u64;
        let verdict = self.judge(batch, transactions, producers)?;
        let header = match verdict.retention {
            Retention::Delete => None,
            Retention::DeleteEmpty | Retention::RetainEmpty => self.keep(batch, &verdict, scratch, stats, out)?,
        };
        if let Some(header) = &header {
            stats.bytes_written += header.size() as u64;
        }
        Ok(Kept {
            header,
            aborted: verdict.index,
        })
    }

    fn judge(
        &self,
        batch: &BatchView<'_>,
        transactions: &mut CleanedTransactions,
        producers: &FxHashMap<ProducerId, LastRecord>,
    ) -> Result<Verdict, CleaningError> {
        let header = batch.header();
        let is_control = header.attributes.is_control();
        let (discard_records, marks_empty_transaction, index) = if is_control {
            let control = transactions.on_control(header, control_kind(batch)?);
            let is_due = header.delete_horizon().is_some_and(|horizon| horizon <= self.now);
            (control.discardable && is_due, control.discardable, control.index)
        } else {
            (transactions.on_data(header), false, None)
        };
        let is_last_of_producer = header.has_producer()
            && producers
                .get(&header.producer_id)
                .is_some_and(|last| match last.last_data_offset {
                    Some(offset) => header.last_offset() == offset,
                    None => is_control && header.producer_epoch == last.epoch,
                });
        let retention = if is_last_of_producer || header.next_offset() == self.round_end {
            Retention::RetainEmpty
        } else if discard_records {
            Retention::Delete
        } else {
            Retention::DeleteEmpty
        };
        Ok(Verdict {
            retention,
            discard_records,
            marks_empty_transaction,
            index,
        })
    }

    fn keep(
        &self,
        batch: &BatchView<'_>,
        verdict: &Verdict,
        scratch: &mut Scratch,
        stats: &mut CleanerStats,
        out: &mut Vec<u8>,
    ) -> Result<Option<BatchHeader>, CleaningError> {
        let original = batch.header();
        let Scratch { block, cleaned, keep } = scratch;
        let block = records_block(batch, block)?;
        keep.clear();
        let (mut kept, mut has_tombstone) = (0, false);
        for record in Records::new(block, original.record_count) {
            let record = record.map_err(|_| CleaningError::Records(original.base_offset))?;
            let stays = !verdict.discard_records && self.keeps_record(original, &record, stats);
            keep.push(stays);
            if stays {
                kept += 1;
                has_tombstone |= record.value.is_none();
            }
        }
        stats.records_read += keep.len() as u64;
        stats.records_written += kept;
        if kept == 0 {
            let retained = verdict.retention == Retention::RetainEmpty;
            return Ok(retained.then(|| CleanedBatch::append_empty(original, out)));
        }
        let horizon = original.delete_horizon();
        let starts_horizon = horizon.is_none() && (has_tombstone || verdict.marks_empty_transaction);
        if kept == keep.len() as u64 && !starts_horizon {
            out.extend_from_slice(batch.bytes());
            return Ok(Some(*original));
        }
        let new_horizon = Timestamp(self.now.0.saturating_add(self.delete_retention_ms));
        let horizon = if starts_horizon { Some(new_horizon) } else { horizon };
        let records = Records::new(block, original.record_count).flatten();
        let records = records
            .zip(keep.iter())
            .filter_map(|(record, keep)| keep.then_some(record));
        let header = cleaned
            .append(original, records, horizon, out)
            .map_err(|error| CleaningError::Rewrite(original.base_offset, error))?;
        Ok(Some(header))
    }

    /// Whether a record stays: it is its key's last, and no tombstone whose time has come.
    fn keeps_record(&self, header: &BatchHeader, record: &Record<'_>, stats: &mut CleanerStats) -> bool {
        let offset = header.base_offset.plus(i64::from(record.offset_delta));
        if header.attributes.is_control() || self.map.latest().is_none_or(|latest| offset > latest) {
            return true;
        }
        let Some(key) = record.key else {
            stats.records_without_key += 1;
            return false;
        };
        let is_last = self.map.get(key).is_none_or(|last| offset >= last);
        let is_due = header.delete_horizon().is_some_and(|horizon| horizon <= self.now);
        is_last && (record.value.is_some() || !is_due)
    }
}

/// What a control batch holds.
pub(super) fn control_kind(batch: &BatchView<'_>) -> Result<ControlKind, CleaningError> {
    let unreadable = CleaningError::Records(batch.header().base_offset);
    let Some(record) = batch.records().ok_or(unreadable)?.next() else {
        return Ok(ControlKind::Emptied);
    };
    let record = record.map_err(|_| unreadable)?;
    let marker = EndTxnMarker::parse(record.key.ok_or(unreadable)?, record.value.unwrap_or_default());
    Ok(marker.map_or(ControlKind::Other, |marker| ControlKind::Marker(marker.outcome)))
}
