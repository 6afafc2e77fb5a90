//! Cutting a follower's log back to what it has in common with its leader's (KIP-101, KIP-279, KIP-595).

use crate::follower::{FetchPosition, ReplicateError, Truncated};
use crate::partition::Partition;
use crate::wakes::Wakes;
use base::{LeaderEpoch, Offset, Timestamp};
use storage::{EpochEndOffset, StorageError};

/// How far a leader's log reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderExtent {
    /// Its first offset.
    pub start: Offset,
    /// The offset after its last.
    pub end: Offset,
}

/// Which cut of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut(u64);

impl Partition {
    /// Up to where this log can agree with the leader's, whose latest epoch at or below our last one is `diverging`.
    ///
    /// Where this log does not know that epoch, it goes back to the end of the latest it knows before it, and asks anew;
    /// where it knows none before it, the leader's word is all there is.
    pub(crate) fn end_in_common(&self, diverging: EpochEndOffset) -> Offset {
        let end = self.log.log_end_offset();
        let leaders = diverging.end_offset.max(Offset::ZERO).min(end);
        let own = self.log.end_offset_for_epoch(diverging.epoch);
        if own.epoch == LeaderEpoch::NONE || own.end_offset == Offset::NONE {
            leaders
        } else if own.epoch == diverging.epoch {
            own.end_offset.min(leaders)
        } else {
            own.end_offset.min(end)
        }
    }

    /// The leader answered OFFSET_OUT_OF_RANGE to `asked`, and told how far its log reaches (ListOffsets, of the epoch
    /// asked in). A log that is longer is cut, one that ends before the leader's begins starts anew there.
    pub fn out_of_range(
        &mut self,
        asked: &FetchPosition,
        leader: LeaderExtent,
        now: Timestamp,
    ) -> Result<(Option<Truncated>, Wakes), ReplicateError> {
        self.check_asked(asked)?;
        let end = self.log.log_end_offset();
        if leader.end < end {
            let (truncated, wakes) = self.truncate_to(leader.end.max(Offset::ZERO), now)?;
            return Ok((Some(truncated), wakes));
        }
        if leader.start <= end {
            return Ok((None, Wakes::none()));
        }
        tracing::warn!(partition = %self.log.topic_partition(), %end, start = %leader.start,
            "the leader's log begins above the end of this one, which starts anew there");
        let doomed = self.log.truncate_fully_and_start_at(leader.start, now)?;
        Ok((Some(self.was_cut(leader.start, doomed)), self.wake_everyone()))
    }

    pub(crate) fn truncate_to(&mut self, to: Offset, now: Timestamp) -> Result<(Truncated, Wakes), StorageError> {
        let (partition, end) = (self.log.topic_partition(), self.log.log_end_offset());
        if to < self.high_watermark {
            tracing::warn!(%partition, %to, %end, high_watermark = %self.high_watermark,
                "the log is cut below its high watermark");
        } else {
            tracing::info!(%partition, %to, %end, "the log is cut to what it has in common with the leader's");
        }
        let doomed = self.log.truncate_to(to, now)?;
        Ok((self.was_cut(to, doomed), self.wake_everyone()))
    }

    fn was_cut(&mut self, to: Offset, doomed: storage::Doomed) -> Truncated {
        let log = &self.log;
        self.high_watermark = self.high_watermark.clamp(log.log_start_offset(), log.log_end_offset());
        self.cut_to = Some(self.cut_to.map_or(to, |cut| cut.min(to)));
        self.cuts += 1;
        self.log.high_watermark_moved(self.high_watermark);
        Truncated { to, doomed }
    }

    /// The cut of the log that `recovery-point-offset-checkpoint` does not know of yet, if there is one. Until it does,
    /// nothing is appended as a follower and nothing above the cut counts as safe: after a crash, recovery would trust
    /// what lies below the old recovery point, and that is no longer what was flushed there.
    pub fn unnoted_cut(&self) -> Option<Cut> {
        self.cut_to.map(|_| Cut(self.cuts))
    }

    /// `recovery-point-offset-checkpoint` was written with a recovery point read at or after that cut.
    pub fn cut_noted(&mut self, cut: Cut) -> Wakes {
        if self.unnoted_cut() != Some(cut) {
            return Wakes::none();
        }
        self.cut_to = None;
        let mut wakes = self.flushes.everyone();
        wakes.merge(self.advance_high_watermark());
        wakes
    }

    /// As [`Partition::cut_noted`], by whoever knows that no cut came between: the one who fetches for this replica.
    pub fn recovery_point_noted(&mut self) -> Wakes {
        self.unnoted_cut().map_or_else(Wakes::none, |cut| self.cut_noted(cut))
    }
}
