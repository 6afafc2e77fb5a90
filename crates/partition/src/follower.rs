//! Following: what to ask the leader for, and what its answers do.

use crate::leadership::Role;
use crate::partition::Partition;
use crate::wakes::Wakes;
use base::{Instant, LeaderEpoch, NodeId, Offset, Timestamp};
use records::ReplicatedBatches;
use storage::{AppendError, AppendInfo, Doomed, EpochEndOffset, StorageError};

/// What a follower asks its leader for. The offset is an acknowledgement: the leader counts everything below as safe
/// here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPosition {
    /// Who is asked.
    pub leader: NodeId,
    /// The epoch it leads in.
    pub current_leader_epoch: LeaderEpoch,
    /// The end of this replica's log.
    pub offset: Offset,
    /// The epoch of the last record there; [`LeaderEpoch::NONE`] if the log knows of none.
    pub last_fetched_epoch: LeaderEpoch,
    /// The start of this replica's log.
    pub log_start_offset: Offset,
}

/// What a follower may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextFetch {
    /// Ask for this.
    At(FetchPosition),
    /// First its log is to be on stable storage up to here, or the question would acknowledge what a power cut could
    /// take back: see [`Partition::park_flush`].
    AfterFlush(Offset),
    /// First the checkpoint of recovery points is to be written: see [`Partition::unnoted_cut`].
    AfterCheckpoint,
    /// Nothing: this replica leads, nobody does, or its log is offline.
    Nothing,
}

/// A partition's part of a leader's answer.
#[derive(Clone, Debug)]
pub struct LeaderAnswer {
    /// The leader's high watermark.
    pub high_watermark: Offset,
    /// The leader's log start.
    pub log_start_offset: Offset,
    /// Where this log and the leader's part; then there are no records.
    pub diverging: Option<EpochEndOffset>,
    /// What follows.
    pub records: ReplicatedBatches,
}

/// What an answer did.
#[derive(Debug)]
pub enum Replicated {
    /// The leader's records were appended, perhaps none.
    Appended(AppendInfo),
    /// The log was cut, and is to be asked for anew.
    Truncated(Truncated),
}

/// A log that was cut.
#[derive(Debug)]
pub struct Truncated {
    /// Where.
    pub to: Offset,
    /// What is to be removed later.
    pub doomed: Doomed,
}

/// Why an answer did nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplicateError {
    /// It answers a question that this replica would not ask any more: its leader, its epoch or its log is another.
    #[error("the answer is about a log that is no more")]
    Stale,
    /// The batches do not continue this log, or cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log cannot be cut.
    #[error(transparent)]
    Truncate(#[from] StorageError),
}

impl Partition {
    /// What this replica would ask for at the end of its log, whatever it waits for.
    fn position(&self) -> Option<FetchPosition> {
        let Role::NotLeader(known) = &self.role else {
            return None;
        };
        if known.leader == NodeId::NONE || self.log.is_offline() {
            return None;
        }
        Some(FetchPosition {
            leader: known.leader,
            current_leader_epoch: known.epoch,
            offset: self.log.log_end_offset(),
            last_fetched_epoch: self.log.latest_epoch().unwrap_or(LeaderEpoch::NONE),
            log_start_offset: self.log.log_start_offset(),
        })
    }

    /// What to do next as a follower.
    pub fn next_fetch(&self) -> NextFetch {
        match self.position() {
            None => NextFetch::Nothing,
            Some(_) if self.cut_to.is_some() => NextFetch::AfterCheckpoint,
            Some(position) if self.own_end() < position.offset => NextFetch::AfterFlush(position.offset),
            Some(position) => NextFetch::At(position),
        }
    }

    /// Takes over what the leader answered to `asked`: its records byte for byte, or where this log is to be cut; its
    /// high watermark and its log start.
    pub fn replicate(
        &mut self,
        asked: &FetchPosition,
        answer: &LeaderAnswer,
        now: Timestamp,
    ) -> Result<(Replicated, Wakes), ReplicateError> {
        self.check_asked(asked)?;
        if let Some(diverging) = answer.diverging {
            let (truncated, wakes) = self.truncate_to(self.end_in_common(diverging), now)?;
            return Ok((Replicated::Truncated(truncated), wakes));
        }
        // A leader of a later epoch may have written to the file that an earlier one answers from.
        let records = answer.records.up_to_epoch(asked.current_leader_epoch);
        let info = self.append_replicated(&records, answer.log_start_offset, now)?;
        let wakes = self.take_over_watermarks(answer)?;
        Ok((Replicated::Appended(info), wakes))
    }

    pub(crate) fn check_asked(&self, asked: &FetchPosition) -> Result<(), ReplicateError> {
        let is_same = self.position().is_some_and(|now| {
            (now.leader, now.current_leader_epoch) == (asked.leader, asked.current_leader_epoch)
                && (now.offset, now.last_fetched_epoch) == (asked.offset, asked.last_fetched_epoch)
        });
        if is_same && self.cut_to.is_none() {
            Ok(())
        } else {
            Err(ReplicateError::Stale)
        }
    }

    fn append_replicated(
        &mut self,
        records: &ReplicatedBatches,
        leader_start: Offset,
        now: Timestamp,
    ) -> Result<AppendInfo, ReplicateError> {
        match self.log.append_as_follower(records, now) {
            Err(AppendError::UnexpectedOffset { expected, found })
                if self.log.log_start_offset().max(leader_start) >= expected && reaches(records, expected) =>
            {
                // The leader's log starts within a batch (DeleteRecords). What this log has before its end is deleted, so
                // it starts anew with the whole batch: safe at once, as the checkpoint names a later recovery point.
                let doomed = self.log.truncate_fully_and_start_at(found, now)?;
                doomed.remove(self.log.fs())?;
                let info = self.log.append_as_follower(records, now)?;
                self.log.flush(Instant::ZERO)?;
                Ok(info)
            }
            result => Ok(result?),
        }
    }

    /// The leader's high watermark, as far as this log goes; it never goes back, as what was committed stays so whatever
    /// a new leader has heard of it yet.
    fn take_over_watermarks(&mut self, answer: &LeaderAnswer) -> Result<Wakes, StorageError> {
        let reached = answer.high_watermark.min(self.log.log_end_offset());
        let wakes = if reached > self.high_watermark {
            self.move_high_watermark(reached)
        } else {
            Wakes::none()
        };
        let start = answer.log_start_offset.min(self.high_watermark);
        if start > self.log.log_start_offset() {
            self.log.advance_log_start(start)?;
        }
        Ok(wakes)
    }
}

/// Whether the first batch holds `offset`, though it begins before it.
fn reaches(records: &ReplicatedBatches, offset: Offset) -> bool {
    let first = records.batches().flatten().next();
    first.is_some_and(|batch| batch.header().base_offset < offset && batch.header().last_offset() >= offset)
}
