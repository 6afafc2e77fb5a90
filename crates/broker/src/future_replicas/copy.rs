//! Filling a future log from the replica's own, byte for byte.

use crate::Broker;
use crate::log_dirs::LogDir;
use base::{Offset, Timestamp};
use bytes::Bytes;
use partition::Partition;
use records::{BatchError, ReplicatedBatches};
use storage::{AppendError, EpochEndOffset, Log, LogView, MinOne, ReadError, ReadRequest, StorageError};

/// Why nothing more can be copied.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopyError {
    /// The replica's own log cannot be read.
    #[error("it cannot be read: {0}")]
    Read(ReadError),
    /// What was read is damaged.
    #[error("it is damaged: {0}")]
    Damaged(#[from] BatchError),
    /// The future log takes what follows neither now nor later.
    #[error("it cannot be appended: {0}")]
    Append(AppendError),
    /// The future log cannot be written.
    #[error("it cannot be written: {0}")]
    Write(#[from] StorageError),
    /// `riverrun.log.dir.reserve.bytes` would not stay free.
    #[error("there is no room for it")]
    NoRoom,
}

impl CopyError {
    /// What it says of the directory that is written to.
    pub(super) fn of_target(&self) -> Option<&StorageError> {
        match self {
            Self::Write(error) | Self::Append(AppendError::Storage(error)) => Some(error),
            Self::Read(_) | Self::Damaged(_) | Self::Append(_) | Self::NoRoom => None,
        }
    }

    /// What it says of the directory that is read from.
    pub(super) fn of_source(&self) -> Option<&StorageError> {
        match self {
            Self::Read(ReadError::Storage(error)) => Some(error),
            Self::Read(_) | Self::Damaged(_) | Self::Append(_) | Self::Write(_) | Self::NoRoom => None,
        }
    }
}

/// How far a copy came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// There may be more; so many bytes were copied.
    Some(u64),
    /// The future log ends where the replica's did; nothing was to be copied.
    Nothing,
    /// There is more, and it cannot be read now: it is damaged and waits to be mended, or is not whole yet.
    Stuck,
}

/// The replica's log, as it was under its lock.
pub(super) struct Source {
    view: LogView,
    start: Offset,
    end: Offset,
    high_watermark: Offset,
    /// Where the future log parts from it; nothing if it has no such epoch.
    common: Option<Option<EpochEndOffset>>,
}

impl Source {
    /// The log of `partition`, for the future log `log`.
    pub(super) fn of(partition: &Partition, log: &Log) -> Self {
        let last = log.latest_epoch().unwrap_or(base::LeaderEpoch::NONE);
        Self {
            view: partition.log().view(),
            start: partition.log().log_start_offset(),
            end: partition.log().log_end_offset(),
            high_watermark: partition.high_watermark(),
            common: partition.diverging(log.log_end_offset(), last).ok(),
        }
    }
}

/// Copies up to `most` bytes, or the next batch; cuts the future log first where the replica's was cut.
pub(super) fn copy(
    broker: &Broker,
    source: &Source,
    log: &mut Log,
    dir: &LogDir,
    most: u32,
) -> Result<Copied, CopyError> {
    let now = broker.clock.wall();
    match source.common {
        _ if log.log_end_offset() < source.start => return begin_anew(log, source.start, now),
        None => return begin_anew(log, source.start, now),
        Some(Some(end)) => return cut(log, end, source.start, now),
        Some(None) => {}
    }
    if log.log_end_offset() > source.end {
        log.truncate_to(source.end, now)?.remove(log.fs())?;
        return Ok(Copied::Some(0));
    }
    let copied = append(broker, source, log, dir, most)?;
    if source.start > log.log_start_offset() && source.start <= log.log_end_offset() {
        log.advance_log_start(source.start)?;
    }
    log.high_watermark_moved(source.high_watermark.min(log.log_end_offset()));
    Ok(copied)
}

fn append(broker: &Broker, source: &Source, log: &mut Log, dir: &LogDir, most: u32) -> Result<Copied, CopyError> {
    let request = ReadRequest {
        from: log.log_end_offset(),
        max_bytes: most,
        bound: source.end,
        min_one: MinOne::Whole,
    };
    if request.from == source.end {
        return Ok(Copied::Nothing);
    }
    let slice = source.view.read(request).map_err(CopyError::Read)?;
    let Some(region) = slice.region else {
        return Ok(Copied::Stuck);
    };
    let bytes = region
        .read()
        .map_err(|error| CopyError::Read(StorageError::from(error).into()))?;
    let records = ReplicatedBatches::verify(Bytes::from(bytes))?;
    let size = records.bytes().len();
    let reserve = || u64::try_from(broker.config.load().log.riverrun_log_dir_reserve_bytes).unwrap_or(0);
    if !dir.space.admits(size, broker.fs.as_ref(), reserve) {
        return Err(CopyError::NoRoom);
    }
    let now = broker.clock.wall();
    let info = match log.append_as_follower(&records, now) {
        // The replica's log starts within a batch (DeleteRecords): this one begins with the whole of it.
        Err(AppendError::UnexpectedOffset { expected, found }) if found < expected && log.size() == 0 => {
            log.truncate_fully_and_start_at(found, now)?.remove(log.fs())?;
            log.append_as_follower(&records, now)
        }
        result => result,
    };
    if info.map_err(CopyError::Append)?.rolled {
        log.flush(broker.clock.now())?;
    }
    Ok(Copied::Some(size as u64))
}

fn begin_anew(log: &mut Log, start: Offset, now: Timestamp) -> Result<Copied, CopyError> {
    log.truncate_fully_and_start_at(start, now)?.remove(log.fs())?;
    Ok(Copied::Some(0))
}

/// Cuts the future log where it parts from the replica's, whose epoch before ends at `end`.
fn cut(log: &mut Log, end: EpochEndOffset, start: Offset, now: Timestamp) -> Result<Copied, CopyError> {
    let own = log.end_offset_for_epoch(end.epoch);
    let to = own.end_offset.min(end.end_offset);
    if to < log.log_start_offset() {
        return begin_anew(log, start, now);
    }
    log.truncate_to(to, now)?.remove(log.fs())?;
    Ok(Copied::Some(0))
}

/// Copies until the future log ends where the replica's does, or so many bytes are copied; answers how many were.
pub(super) fn copy_on(
    broker: &Broker,
    moving: &super::Move,
    chunk: u32,
    most: u64,
) -> Result<(Copied, u64), CopyError> {
    let mut bytes = 0;
    loop {
        // Others want to know how far it is.
        let mut log = moving.log();
        let Some(log) = log.as_mut() else {
            return Ok((Copied::Stuck, bytes));
        };
        let source = Source::of(&moving.hosted.lock(), log);
        let copied = copy(broker, &source, log, &moving.dir, chunk)?;
        if let Copied::Some(more) = copied {
            bytes += more;
        }
        let is_over = bytes >= most || moving.is_cancelled() || *broker.stopping.borrow();
        if is_over || !matches!(copied, Copied::Some(_)) {
            return Ok((copied, bytes));
        }
    }
}
