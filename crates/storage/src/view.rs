//! A picture of a log at one moment, for reading without the partition's lock.

use crate::error::ReadError;
use base::fs::FileRegion;
use base::{LeaderEpoch, Offset, ProducerId, Timestamp};

/// What to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The first offset wanted.
    pub from: Offset,
    /// At most so many bytes.
    pub max_bytes: u32,
    /// Nothing at or after this offset: high watermark, last stable offset or log end.
    pub bound: Offset,
    /// Whether the first batch may pass `max_bytes`.
    pub min_one: MinOne,
}

/// Whether the first batch is answered whole, however large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinOne {
    /// Yes: a reader always makes progress.
    Whole,
    /// No: the response has data already.
    Strict,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedSlice {
    /// The bytes; they may begin before the wanted offset and end within a batch. None if there are none.
    pub region: Option<FileRegion>,
    /// The offset after the last that can be in the bytes: up to where aborted transactions matter.
    pub upper_bound: Offset,
}

/// A transaction that was aborted within a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Its producer.
    pub producer_id: ProducerId,
    /// Its first offset.
    pub first_offset: Offset,
}

/// An offset found by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// The record's offset.
    pub offset: Offset,
    /// The epoch of the leader that wrote it.
    pub leader_epoch: LeaderEpoch,
}

/// A picture of a log; cloning is cheap.
#[derive(Clone, Debug)]
pub struct LogView {}

impl LogView {
    /// Where the log begins.
    pub fn log_start_offset(&self) -> Offset {
        todo!()
    }

    /// Where it ended when the picture was taken.
    pub fn log_end_offset(&self) -> Offset {
        todo!()
    }

    /// The bytes from the batch that holds `request.from` on; empty at the log's end.
    pub fn read(&self, _request: ReadRequest) -> Result<FetchedSlice, ReadError> {
        todo!()
    }

    /// The transactions aborted within `[from, upper_bound)`, for `abortedTransactions` of read_committed.
    pub fn aborted_transactions(
        &self,
        _from: Offset,
        _upper_bound: Offset,
    ) -> Result<Vec<AbortedTransaction>, ReadError> {
        todo!()
    }

    /// The first record at or after `target`.
    pub fn offset_for_timestamp(&self, _target: Timestamp) -> Result<Option<TimestampOffset>, ReadError> {
        todo!()
    }

    /// The record with the greatest timestamp.
    pub fn max_timestamp(&self) -> Result<Option<TimestampOffset>, ReadError> {
        todo!()
    }
}
