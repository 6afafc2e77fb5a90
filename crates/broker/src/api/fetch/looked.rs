//! A partition as a fetcher sees it, before its records are read.

use base::{LeaderEpoch, NodeId, Offset};
use partition::{FetchView, Partition};

/// Whether a partition is read for the first time for a request, or again after it waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// What a follower says of itself counts now.
    First,
    /// It counted when the request came.
    Again,
}

/// A partition as a fetcher sees it.
pub(super) struct Looked {
    pub(super) view: FetchView,
    /// Up to where it may read.
    pub(super) bound: Offset,
    pub(super) end: End,
}

/// What a fetcher is to be given.
pub(super) enum End {
    /// Records.
    Records,
    /// Where its log and ours part.
    Diverging(storage::EpochEndOffset),
    /// Nothing: it is to read from that replica.
    ElseWhere(NodeId),
    /// Nothing now: it is throttled.
    HeldBack,
}

/// What of a partition decides what a fetcher is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Glance {
    /// Whoever leads, or led: it changes with every role.
    epoch: LeaderEpoch,
    high_watermark: Offset,
    last_stable_offset: Offset,
    log_start_offset: Offset,
    log_end_offset: Offset,
}

impl Glance {
    /// A partition as it is.
    pub(super) fn of(partition: &Partition) -> Self {
        let epoch = partition.leadership().map_or_else(|other| other.epoch, |leadership| leadership.epoch);
        Self {
            epoch,
            high_watermark: partition.high_watermark(),
            last_stable_offset: partition.last_stable_offset(),
            log_start_offset: partition.log().log_start_offset(),
            log_end_offset: partition.log().log_end_offset(),
        }
    }

    /// A partition as it was seen.
    pub(super) fn of_view(view: &FetchView) -> Self {
        Self {
            epoch: view.leader_epoch,
            high_watermark: view.high_watermark,
            last_stable_offset: view.last_stable_offset,
            log_start_offset: view.log_start_offset,
            log_end_offset: view.log_end_offset,
        }
    }
}
