//! Positions in a log.

use std::fmt;

/// The position of a record in a partition's log; the first record of a new log has offset 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

impl Offset {
    /// The first offset of an empty log.
    pub const ZERO: Self = Self(0);
    /// Kafka's "none" (-1): no such offset.
    pub const NONE: Self = Self(-1);

    /// The offset `count` records later.
    #[must_use]
    pub fn plus(self, count: i64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// The next offset.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// How many offsets lie between `earlier` and this one; negative if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}
