//! The time, as the host tells it.

use base::{Instant, Timestamp};

/// Now, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// For deadlines.
    pub now: Instant,
    /// For records.
    pub wall: Timestamp,
}
