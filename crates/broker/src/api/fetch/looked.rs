//! A partition as a fetcher sees it, before its records are read.

use crate::partitions::watchers::Glance;
use base::{NodeId, Offset};
use partition::FetchView;

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
    /// The partition as it was then.
    pub(super) glance: Glance,
    /// Whether looking again would change nothing as long as the partition stays as it is.
    pub(super) is_settled: bool,
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
