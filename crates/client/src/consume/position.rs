//! How far a partition has been read.

use crate::admin::OffsetSpec;
use base::{LeaderEpoch, Offset};

/// Where reading goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Not known: the leader must be asked.
    Unknown(OffsetSpec),
    /// At this offset.
    At(Offset),
}

/// A partition that is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assigned {
    pub start: Start,
    /// The epoch of the last batch that was read, or -1.
    pub epoch: LeaderEpoch,
}

impl Assigned {
    pub fn new(start: Start) -> Self {
        Self {
            start,
            epoch: LeaderEpoch(-1),
        }
    }

    /// The next offset, if it is known.
    pub fn offset(&self) -> Option<Offset> {
        match self.start {
            Start::Unknown(_) => None,
            Start::At(offset) => Some(offset),
        }
    }
}
