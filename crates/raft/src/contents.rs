//! A batch of the metadata log, or of a snapshot, taken apart into its records.

use crate::control::{ControlError, ControlRecord};
use base::{LeaderEpoch, Offset, Timestamp};
use records::{BatchError, BatchView, StructureError};

/// A batch whose checksum and structure hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogBatch<'a> {
    /// The first record's offset.
    pub base: Offset,
    /// The offset after the last record.
    pub end: Offset,
    /// The epoch of the leader that appended it.
    pub epoch: LeaderEpoch,
    /// When its last record was appended.
    pub timestamp: Timestamp,
    /// Its records.
    pub contents: Contents<'a>,
}

/// The records of a batch with their offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents<'a> {
    /// About the log itself.
    Control(Vec<(Offset, ControlRecord)>),
    /// The values of metadata records.
    Data(Vec<(Offset, &'a [u8])>),
}

/// Why a batch of the metadata log cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentsError {
    /// The batch is damaged.
    #[error("batch at offset {base}: {error}")]
    Batch {
        /// The batch's base offset.
        base: Offset,
        /// The damage.
        error: BatchError,
    },
    /// A record in it is damaged.
    #[error("batch at offset {base}: {error}")]
    Structure {
        /// The batch's base offset.
        base: Offset,
        /// The damage.
        error: StructureError,
    },
    /// A control record cannot be understood.
    #[error("control record at offset {offset}: {error}")]
    Control {
        /// The record's offset.
        offset: Offset,
        /// What about it.
        error: ControlError,
    },
    /// The metadata log is never compressed.
    #[error("batch at offset {0} is compressed, which no metadata log is")]
    Compressed(Offset),
    /// A metadata record always has a value, a control record also a key.
    #[error("record at offset {0} lacks its key or value")]
    Missing(Offset),
}

impl<'a> LogBatch<'a> {
    /// Takes `batch` apart.
    ///
    /// # Errors
    /// If anything in it is not as a leader writes it.
    pub fn read(batch: &BatchView<'a>) -> Result<Self, ContentsError> {
        let header = batch.header();
        let base = header.base_offset;
        batch.check().map_err(|error| ContentsError::Batch { base, error })?;
        let records = batch.records().ok_or(ContentsError::Compressed(base))?;
        let is_control = header.attributes.is_control();
        let (mut control, mut data) = (Vec::new(), Vec::new());
        for record in records {
            let record = record.map_err(|error| ContentsError::Structure { base, error })?;
            let offset = base.plus(i64::from(record.offset_delta));
            let value = record.value.ok_or(ContentsError::Missing(offset))?;
            if is_control {
                let key = record.key.ok_or(ContentsError::Missing(offset))?;
                let decoded = ControlRecord::decode(key, value);
                control.push((
                    offset,
                    decoded.map_err(|error| ContentsError::Control { offset, error })?,
                ));
            } else {
                data.push((offset, value));
            }
        }
        Ok(Self {
            base,
            end: header.next_offset(),
            epoch: header.partition_leader_epoch,
            timestamp: header.max_timestamp,
            contents: if is_control {
                Contents::Control(control)
            } else {
                Contents::Data(data)
            },
        })
    }
}
