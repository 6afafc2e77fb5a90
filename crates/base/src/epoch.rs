//! Epochs: numbers that only grow, and by which a stale actor is recognised.

use std::fmt;

/// The epoch of a partition's leader, stamped into every batch it appends; -1 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaderEpoch(pub i32);

impl LeaderEpoch {
    /// No epoch known (-1); in requests it switches the epoch check off.
    pub const NONE: Self = Self(-1);
}

impl fmt::Display for LeaderEpoch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The epoch of an idempotent or transactional producer; -1 for a plain producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerEpoch(pub i16);

impl ProducerEpoch {
    /// A producer without idempotence (-1).
    pub const NONE: Self = Self(-1);
}

impl fmt::Display for ProducerEpoch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}
